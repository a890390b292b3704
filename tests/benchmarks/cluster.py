"""Throughput of small JPEGs on a cluster of two local workers, against two local processes.

``python tests/benchmarks/cluster.py [PICTURES]``; needs the extra cluster.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
from PIL import Image


def make(folder: Path, count: int) -> None:
    """Write JPEGs of 96x96 pixels, of which ten differ."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for number in range(min(count, 10)):
        small = rng.integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(small).resize((96, 96)).save(folder / f"{number:05}.jpg", quality=85)
    for number in range(10, count):
        os.link(folder / f"{number % 10:05}.jpg", folder / f"{number:05}.jpg")


class Spent(NamedTuple):
    """Seconds by the clock, and of all processors."""

    wall: float
    processor: float


def spent(folder: Path, workers: Sequence[int], *flags: str) -> Spent:
    """Return what a batch takes, with the start of its process.

    ``workers`` are the processes of a cluster, whose scheduler is this process.
    """
    shutil.rmtree(folder / "out", ignore_errors=True)
    command = [sys.executable, "-m", "convcli", "apply", "-f", "sharpen", "-r", "in", "-d", "out"]
    begun, before = time.perf_counter(), processor(workers)
    subprocess.run([*command, "-q", *flags], cwd=folder, check=True)
    return Spent(time.perf_counter() - begun, processor(workers) - before)


def processor(workers: Sequence[int]) -> float:
    """Return the processor time of processes that have ended, and of a cluster's if there are."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = ended.ru_utime + ended.ru_stime
    if workers:
        total += time.process_time()
        total += sum(sum(psutil.Process(one).cpu_times()[:2]) for one in workers)
    return total


def main() -> None:
    """Print pictures per second, twice in turn."""
    from distributed import Client, LocalCluster

    # What the command line sets for itself, and the manual for workers.
    os.environ |= {"PILLOW_BLOCKS_MAX": "8", "OPENBLAS_NUM_THREADS": "1"}
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with (
        tempfile.TemporaryDirectory() as name,
        LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        workers = list(client.run(os.getpid).values())
        folder = Path(name)
        make(folder / "in", count)
        for _ in range(2):
            here = spent(folder, (), "-j", "2")
            there = spent(folder, workers, "--cluster", cluster.scheduler_address)
            print(
                f"-j 2: {count / here.wall:.0f}/s, cluster: {count / there.wall:.0f}/s, "
                f"{here.wall / there.wall:.2f}; processor: {here.processor:.1f} and "
                f"{there.processor:.1f} s, {here.processor / there.processor:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

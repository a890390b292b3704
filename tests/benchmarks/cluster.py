"""Throughput of small JPEGs on a cluster of two local workers, against two local processes.

``python tests/benchmarks/cluster.py [PICTURES]``; needs the extra cluster.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
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


def seconds(folder: Path, *flags: str) -> float:
    """Return how long a batch takes, with the start of its process."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    command = [sys.executable, "-m", "convcli", "apply", "-f", "sharpen", "-r", "in", "-d", "out"]
    begun = time.perf_counter()
    subprocess.run([*command, "-q", *flags], cwd=folder, check=True)
    return time.perf_counter() - begun


def main() -> None:
    """Print pictures per second, twice in turn."""
    from distributed import LocalCluster

    # What the command line sets for itself, and the manual for workers.
    os.environ |= {"PILLOW_BLOCKS_MAX": "8", "OPENBLAS_NUM_THREADS": "1"}
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with (
        tempfile.TemporaryDirectory() as name,
        LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
    ):
        folder = Path(name)
        make(folder / "in", count)
        for _ in range(2):
            here = seconds(folder, "-j", "2")
            there = seconds(folder, "--cluster", cluster.scheduler_address)
            print(
                f"-j 2: {count / here:.0f}/s, cluster: {count / there:.0f}/s, {here / there:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

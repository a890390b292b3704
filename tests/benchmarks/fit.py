"""Time and memory of ``convcli fit`` beside ``apply`` and ``numpy.linalg.lstsq``.

    python tests/benchmarks/fit.py [--quick]

Draws a 24-megapixel picture (6 with --quick), filters it with gaussian-blur, and fits: whole
processes from file to file. Then the same samples of a small part as an im2col for ``lstsq``, and
a 31×31 kernel by conjugate gradients on 3 megapixels.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from convcli import Filter, Picture, apply_filters, fit_filter, load_filter, read_image
from convcli.fitting.geometry import systems
from convcli.fitting.moments import moments_of
from convcli.fitting.samples import frame_pairs
from convcli.fitting.solve import solved

LANDSCAPE = Path(__file__).parents[2] / "sample_images" / "landscape.jpg"


def drawn(width: int, height: int) -> Image.Image:
    """Return the landscape enlarged, with noise as a camera has it."""
    with Image.open(LANDSCAPE) as image:
        large = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS), np.int16)
    noise = np.random.default_rng(0).normal(0, 4, large.shape)
    return Image.fromarray(np.clip(large + noise, 0, 255).astype(np.uint8))


def timed(*arguments: object) -> tuple[float, float]:
    """Return seconds and peak memory in megabytes of a command line."""
    code = "import resource, sys; from convcli.__main__ import main; import os\n"
    code += "pid = os.fork()\nif pid == 0: main()\nstatus = os.waitpid(pid, 0)[1]\n"
    code += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, status)"
    begun = time.perf_counter()
    texts = [str(argument) for argument in arguments]
    done = subprocess.run(
        [sys.executable, "-c", code, *texts], capture_output=True, text=True, check=True
    )
    peak, status = done.stdout.split()[-2:]
    assert status == "0", done.stderr
    return time.perf_counter() - begun, int(peak) / 1024


def processes(width: int, height: int) -> None:
    """Print apply and fit from file to file."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "before.png"), Path(folder, "after.png")
        drawn(width, height).save(before, compress_level=1)
        for name, line in (
            ("apply gaussian-blur", ("apply", "-f", "gaussian-blur", before, "-o", after)),
            ("fit --size 5", ("fit", before, after, "--size", 5, "-o", Path(folder, "a.json"))),
            ("fit", ("fit", before, after, "-o", Path(folder, "b.json"))),
        ):
            seconds, peak = timed(*line)
            print(f"{width}×{height} PNG, {name:20} {seconds:6.2f} s {peak:6.0f} MB")


def against_lstsq() -> None:
    """Print the solution of one part by ``lstsq`` on an im2col, and by summed products."""
    before = Picture.from_array(np.asarray(drawn(1024, 768)).transpose(2, 0, 1))
    after = apply_filters(before, [load_filter("gaussian-blur")])
    (pair,) = frame_pairs(before, after, None)
    begun = time.perf_counter()
    sources = systems(pair.relation, (5, 5), "shared", (3, 3), (0, 0))[0]
    ours = solved(moments_of(pair, sources, 25), 0.0, False).weights
    middle = time.perf_counter()
    windows = sliding_window_view(before.tensor.astype(float), (5, 5), (1, 2)).reshape(-1, 25)
    target = after.tensor[:, 2:-2, 2:-2].astype(float).ravel()
    kept = (target > 0) & (target < 1)
    theirs = np.linalg.lstsq(windows[kept], target[kept])[0]
    end = time.perf_counter()
    assert np.abs(ours - theirs).max() < 1e-6
    ratio = (end - middle) / (middle - begun)
    print(
        f"{kept.sum():,} samples, 5×5: {middle - begun:.3f} s, lstsq on an im2col "
        f"{end - middle:.2f} s, {ratio:.0f} times as long"
    )


def gradients() -> None:
    """Print a large kernel on 3 megapixels by conjugate gradients."""
    before = Picture.from_array(np.asarray(drawn(2048, 1536)).transpose(2, 0, 1))
    y, x = np.mgrid[-15:16, -15:16]
    weight = (np.abs(0.6 * y - x) < 1.5) + 0.1 * np.random.default_rng(0).random((31, 31))
    chosen = Filter(weight / weight.sum(), pad_mode="replicate")
    after = apply_filters(before, [chosen])
    begun = time.perf_counter()
    fit = fit_filter(before, after, size=31)
    error = np.abs(fit.filter.kernel - chosen.kernel).max() / chosen.kernel.max()
    print(
        f"2048×1536, 31×31 by {fit.solver}: {time.perf_counter() - begun:.1f} s, residual "
        f"{fit.rms * 255:.3f} of a level, weights within {100 * error:.1f} % of the largest"
    )


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller picture, no large kernel")
    quick = parser.parse_args().quick
    read_image(LANDSCAPE)
    processes(*((3000, 2000) if quick else (6000, 4000)))
    against_lstsq()
    if not quick:
        gradients()


if __name__ == "__main__":
    main()

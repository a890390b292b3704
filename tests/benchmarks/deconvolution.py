"""Richardson-Lucy beside scikit-image: quality on a photo taken in motion, and time an iteration.

    python tests/benchmarks/deconvolution.py [--rounds N]    # with scikit-image installed

A scene is blurred by a motion over nine columns and four rows, and cropped, so that the frame's
borders were blurred from what is outside it; then 20 iterations of each, in turn.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convcli import Filter, conv2d, deconvolve, make_filter

LANDSCAPE = Path(__file__).parents[2] / "sample_images" / "landscape.jpg"
ITERATIONS = 20


def decibels(result: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """Return the PSNR of values from 0 to 1."""
    return float(-10 * np.log10(np.mean((result - truth) ** 2)))


def border(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the outer 12 pixels, flat."""
    within = np.zeros(image.shape, bool)
    within[12:-12, 12:-12] = True
    return image[~within]


def seconds(compute: Callable[[], object]) -> float:
    """Return how long a call takes."""
    begun = time.perf_counter()
    compute()
    return time.perf_counter() - begun


def compare(height: int, width: int, rounds: int) -> None:
    """Print quality and time for one size."""
    from skimage.restoration import richardson_lucy

    psf = make_filter("motion", length=9, angle=-25)
    rows, columns = psf.kernel_shape[2] // 2, psf.kernel_shape[3] // 2
    with Image.open(LANDSCAPE) as image:
        grey = image.convert("L")
        if height > 400:
            grey = grey.resize((width + 2 * columns, height + 2 * rows), Image.Resampling.LANCZOS)
        scene = np.asarray(grey, np.float32)[: height + 2 * rows, : width + 2 * columns] / 255
    truth = scene[rows:-rows, columns:-columns]
    blurred = conv2d(scene[np.newaxis], psf.kernel)[0]
    # scikit-image convolves, and so takes the kernel rotated.
    rotated = np.ascontiguousarray(psf.kernel[0, 0, ::-1, ::-1], np.float32)

    def ours() -> NDArray[np.float32]:
        result: NDArray[np.float32] = deconvolve(blurred, Filter(psf.weight), iterations=ITERATIONS)
        return result

    def theirs() -> NDArray[np.float32]:
        result: NDArray[np.float32] = richardson_lucy(blurred, rotated, num_iter=ITERATIONS)
        return result

    print(f"{width}×{height}, {rotated.shape[1]}×{rotated.shape[0]}, {ITERATIONS} iterations:")
    for name, restored in (("blurred", blurred), ("ours", ours()), ("scikit-image", theirs())):
        whole, outer = decibels(restored, truth), decibels(border(restored), border(truth))
        print(f"  {name:13} {whole:5.1f} dB, {outer:5.1f} dB in the outer 12 pixels")
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    own, other = (
        1000 * statistics.median(column) / ITERATIONS for column in zip(*pairs, strict=True)
    )
    print(
        f"  {own:.1f} ms an iteration, scikit-image {other:.1f} ms: {other / own:.1f} times as long"
    )


def main() -> None:
    """Compare a small picture and one of 3 megapixels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    compare(384, 640, rounds)
    compare(1536, 2048, max(1, rounds // 2))


if __name__ == "__main__":
    main()

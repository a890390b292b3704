"""Time and memory of one command against the size of the picture: linear, or there is a cliff.

``sizes.py [FILTER...]`` draws grey noise of 0.1 to 80 megapixels, square, very wide, and as one
row, and prints a table: seconds; processor time; how much of it a pixel takes, in nanoseconds,
beyond start-up; peak memory. FILTER is a name, or options of ``apply``: ``"--linear -f sharpen"``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

from compare import run
from peers import own_command
from report import table

SIZES = (0.1, 0.3, 1, 3, 10, 24, 80)
"""Megapixels."""
WIDTH_OF_WIDE = 200_000
FILTERS = (
    "sharpen",
    "gaussian:sigma=12",
    "gaussian:sigma=100",
    "box:size=301",
    "sobel",
    "disk:radius=15",
    "--linear -f gaussian:sigma=12",
    "-f gaussian:sigma=2 -f sharpen -f sobel",
)
ROUNDS = 3

DRAW = """
import sys
import numpy as np
from PIL import Image
width, height = int(sys.argv[1]), int(sys.argv[2])
noise = np.random.default_rng(1).integers(0, 256, (height, width), np.uint8)
Image.MAX_IMAGE_PIXELS = None
Image.fromarray(noise).save(sys.argv[3])
"""


def main(filters: list[str]) -> None:
    # The border of a very wide picture may have more pixels than it.
    convcli = [*own_command(), "apply", "-q", "--overwrite", "--max-pixels", "1000000000000"]
    rows = []
    with tempfile.TemporaryDirectory(prefix="convcli-sizes-") as folder:
        target = Path(folder) / "result.tif"
        for filter in filters:
            start_up = 0.0
            for megapixels in SIZES:
                square = round((megapixels * 1e6) ** 0.5)
                for width in (square, WIDTH_OF_WIDE, round(megapixels * 1e6)):
                    height = max(1, round(megapixels * 1e6 / width))
                    picture = Path(folder) / f"{width}x{height}.tif"
                    if not picture.exists():
                        run([sys.executable, "-c", DRAW, str(width), str(height), str(picture)])
                    options = filter.split() if filter.startswith("-") else ["-f", filter]
                    line = [*convcli, *options, str(picture), "-o", str(target)]
                    runs = [run(line) for _ in range(ROUNDS)]
                    seconds = median(one.seconds for one in runs)
                    processor = median(one.processor_seconds for one in runs)
                    start_up = start_up or processor
                    beyond = 1e9 * (processor - start_up) / (width * height)
                    peak = max(one.peak_bytes for one in runs) / 2**20
                    size = f"{width}×{height}"
                    cells = (f"{seconds:.2f}", f"{processor:.2f}", f"{beyond:.1f}", f"{peak:.0f}")
                    rows.append([filter, f"{megapixels:g}", size, *cells])
                    print(f"{filter}, {size}: done", file=sys.stderr, flush=True)
    header = ("filter", "MP", "size", "seconds", "processor", "ns a pixel", "peak MB")
    print(table(header, rows, markdown=False))


if __name__ == "__main__":
    main(sys.argv[1:] or list(FILTERS))

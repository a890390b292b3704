"""A chart of time against kernel size, one line for each method."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from timings import Timing

SIZE = (1200, 760)
LEFT, TOP, RIGHT, BOTTOM = 110, 80, 1160, 660
INK, GRID = (40, 40, 40), (225, 225, 225)
LINES = {  # in words: method and rank, and the colour
    ("banded", 0): ("banded, any kernel", (0, 114, 178)),
    ("fft", 0): ("FFT, any kernel", (213, 94, 0)),
    ("separable", 1): ("separable, rank 1", (0, 158, 115)),
    ("separable", 2): ("separable, rank 2", (140, 90, 170)),
    ("separable", 3): ("separable, rank 3", (120, 120, 120)),
}
NS_TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200)

Series = list[tuple[int, float]]


def draw(timings: Sequence[Timing], file: Path) -> None:
    """Draw the timings of single-channel images of 768×1024, or the largest there are."""
    series = {key: found for key in LINES if (found := _series(timings, *key))}
    taps = sorted({x for points in series.values() for x, _ in points})
    values = [ns for points in series.values() for _, ns in points]
    low = max((tick for tick in NS_TICKS if tick <= min(values)), default=NS_TICKS[0])
    high = min((tick for tick in NS_TICKS if tick >= max(values)), default=NS_TICKS[-1])

    def across(x: float) -> float:
        part = math.log(x / taps[0]) / math.log(taps[-1] / taps[0])
        return LEFT + part * (RIGHT - LEFT)

    def down(ns: float) -> float:
        return BOTTOM - math.log(ns / low) / math.log(high / low) * (BOTTOM - TOP)

    picture = Image.new("RGB", SIZE, "white")
    pen = ImageDraw.Draw(picture)
    font, large = ImageFont.load_default(18), ImageFont.load_default(24)
    for tick in (tick for tick in NS_TICKS if low <= tick <= high):
        pen.line((LEFT, down(tick), RIGHT, down(tick)), fill=GRID)
        pen.text((LEFT - 12, down(tick)), f"{tick:g}", fill=INK, font=font, anchor="rm")
    labelled = -math.inf
    for size in taps:
        x = across(size)
        pen.line((x, TOP, x, BOTTOM), fill=GRID)
        if x - labelled > 30:
            pen.text((x, BOTTOM + 10), str(size), fill=INK, font=font, anchor="mt")
            labelled = x
    pen.rectangle((LEFT, TOP, RIGHT, BOTTOM), outline=INK)
    for key, points in series.items():
        place = [(across(x), down(ns)) for x, ns in points]
        pen.line(place, fill=LINES[key][1], width=4, joint="curve")
        for x, y in place:
            pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=LINES[key][1])
    _legend(pen, [LINES[key] for key in series], font)
    title = "Time for a sample of the output, one core"
    pen.text(((LEFT + RIGHT) / 2, TOP / 2), title, fill=INK, font=large, anchor="mm")
    below = "kernel size k, for k by k taps (logarithmic)"
    pen.text(((LEFT + RIGHT) / 2, BOTTOM + 60), below, fill=INK, font=font, anchor="mm")
    _upright(picture, "nanoseconds a sample (logarithmic)", font)
    picture.save(file)


def _series(timings: Sequence[Timing], method: str, rank: int) -> Series:
    """Return kernel sizes and nanoseconds of a method, at one image size."""
    of_rank = [
        timing
        for timing in timings
        if timing.cell.output_channels == timing.cell.channels == timing.cell.stride == 1
        and timing.cell.interleaved == 1
        and timing.cell.samples == "float"
        and timing.cell.rank == rank
        and method in timing.ns
    ]
    sizes = {timing.cell.size for timing in of_rank}
    size = (768, 1024) if (768, 1024) in sizes else max(sizes, default=(0, 0))
    return [(t.cell.taps, t.ns[method]) for t in of_rank if t.cell.size == size]


def _legend(
    pen: ImageDraw.ImageDraw,
    lines: list[tuple[str, tuple[int, int, int]]],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    left, top = LEFT + 20, TOP + 16
    pen.rectangle((left, top, left + 260, top + 20 + 28 * len(lines)), fill="white", outline=GRID)
    for number, (words, colour) in enumerate(lines):
        y = top + 24 + 28 * number
        pen.line((left + 14, y, left + 54, y), fill=colour, width=4)
        pen.text((left + 68, y), words, fill=INK, font=font, anchor="lm")


def _upright(
    picture: Image.Image, words: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> None:
    label = Image.new("RGB", (BOTTOM - TOP, 30), "white")
    ImageDraw.Draw(label).text((label.width / 2, 15), words, fill=INK, font=font, anchor="mm")
    picture.paste(label.rotate(90, expand=True), (20, TOP))

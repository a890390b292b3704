"""An animation as a self-contained page: the numbers, and the script that computes with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from convcli.explain import drawing
from convcli.explain.algebra import Expression
from convcli.explain.notation import Cells, example_numbers
from convcli.explain.palette import DASHED, TONES
from convcli.explain.setting import Setting
from convcli.explain.steps import Part
from convcli.explain.svg import FONT

MOST_INPUT = 10
MOST_KERNEL = 7
"""The largest input and kernel of the sliders, unless the given ones are larger."""

NARROW = 600
"""Width of the window below which boards are drawn below each other."""

_PAGE = Path(__file__).parent / "page"


def html_text(setting: Setting, parts: Sequence[Part], milliseconds: int) -> str:
    """Return the page of a setting, which starts with the form of the first of ``parts``."""
    setting = setting.with_numbers()
    input, kernel = setting.cells
    most = max(MOST_INPUT, *input.shape[1:]), max(MOST_KERNEL, *kernel.shape[2:])
    config = {
        "setting": {
            "size": input.shape[1:],
            "kernel": kernel.shape[2:],
            "stride": setting.stride,
            "dilation": setting.dilation,
            "pads": setting.pads,
            "outputPadding": setting.output_padding,
            "padMode": setting.pad_mode,
            "isRow": setting.is_row,
            "form": parts[0].form,
        },
        "input": _table(input[0], most[0], kernel=False),
        "kernel": _table(kernel[0, 0], most[1], kernel=True),
        "milliseconds": milliseconds,
        "narrow": NARROW,
        "dashed": sorted(DASHED),
        "layout": {
            "width": drawing.WIDTH,
            "margin": 2,
            "gap": drawing.GAP,
            "largest": drawing.LARGEST_CELL,
            "widest": drawing.WIDEST_CELL,
            "rowGap": drawing.ROW_GAP,
            "titleRoom": 26,
            "boardHeight": drawing.BOARD_HEIGHT,
            "glyph": drawing.GLYPH,
        },
    }
    fields = {
        "title": escape(setting.title),
        "css": _filled("page.css", {"font": FONT, "tones": _tones()}),
        "most_input": str(most[0]),
        "most_kernel": str(most[1]),
        "config": json.dumps(config, ensure_ascii=False).replace("<", "\\u003c"),
        "steps": _text("steps.js"),
        "view": _text("view.js"),
    }
    return _filled("page.html", fields)


def _text(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")


def _filled(name: str, fields: dict[str, str]) -> str:
    """Return a file of the page with each ``@field@`` replaced."""
    text = _text(name)
    for key, value in fields.items():
        text = text.replace(f"@{key}@", value)
    return text


def _tones() -> str:
    def rules(tone: str) -> str:
        names = "".join(f"--{name}:{getattr(pair, tone)};" for name, pair in TONES.items())
        return f":root{{{names}}}"

    shapes = "".join(
        f".f-{name}{{fill:var(--{name})}}.l-{name}{{stroke:var(--{name})}}" for name in TONES
    )
    dark = f"@media (prefers-color-scheme:dark){{{rules('dark')}}}"
    return f"{rules('light')}\n{dark}\n{shapes}"


def _table(cells: Cells, most: int, *, kernel: bool) -> list[list[Any]]:
    """Return a square of cells as lists of terms: the given ones, example numbers elsewhere."""
    rows = example_numbers(kernel=kernel)
    table = []
    for y in range(most):
        line = []
        for x in range(most):
            is_given = y < cells.shape[0] and x < cells.shape[1]
            number = rows[y % len(rows)][x % len(rows[0])]
            line.append(_terms(cells[y, x] if is_given else Expression.number(number)))
        table.append(line)
    return table


def _terms(cell: Expression) -> list[list[Any]]:
    return [
        [int(factor) if factor.denominator == 1 else float(factor), *names]
        for names, factor in cell.terms
    ]

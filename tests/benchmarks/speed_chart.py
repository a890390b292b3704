"""Draw README's table of speeds: ``speed_chart.py README.md speed.svg``.

A row for each job and a dot for each peer, on a logarithmic axis: how many times our time it takes.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

TITLE = "## How fast it is"
COLOURS = ("#0072b2", "#d55e00", "#a05a9c", "#009e73", "#333333")
TICKS = (0.5, 1, 2, 5, 10, 20, 50)
LOW, HIGH = 0.4, 60.0
LEFT, WIDTH, RIGHT, TOP, ROW, BOTTOM = 290, 560, 30, 62, 24, 34


class Table(NamedTuple):
    """The peers, and for each job the first number of every cell, None where there is none."""

    peers: list[str]
    jobs: list[tuple[str, list[float | None]]]


def table_of(readme: str) -> Table:
    """Return the first table below TITLE."""
    lines = readme.split(TITLE, 1)[1].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    jobs = [(job, [_number(cell) for cell in cells]) for job, *cells in rows[2:]]
    return Table(rows[0][1:], jobs)


def _number(cell: str) -> float | None:
    found = re.match(r"\d+(\.\d+)?", cell)
    return float(found[0]) if found else None


def svg_of(table: Table) -> str:
    """Return the chart as SVG."""
    height = TOP + ROW * len(table.jobs) + BOTTOM
    return "\n".join(_elements(table, LEFT + WIDTH + RIGHT, height)) + "\n"


def _elements(table: Table, width: int, height: int) -> Iterator[str]:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    font = 'font-family="sans-serif" font-size="13"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>'
    yield "<title>Time of other tools, divided by that of convcli</title>"
    yield f'<rect width="{width}" height="{height}" fill="white"/>'
    for number, (peer, colour) in enumerate(zip(table.peers, COLOURS, strict=True)):
        x = LEFT + number * WIDTH / len(COLOURS)
        yield f'<circle cx="{x + 8:.0f}" cy="20" r="5" fill="{colour}"/>'
        yield f'<text x="{x + 18:.0f}" y="24">{escape(peer)}</text>'
    foot = height - BOTTOM
    for number in range(len(table.jobs)):
        y = _down(number)
        yield f'<line x1="{LEFT}" y1="{y}" x2="{LEFT + WIDTH}" y2="{y}" stroke="#eee"/>'
    for tick in TICKS:
        x = _across(tick)
        stroke = 'stroke="#333" stroke-width="1.5"' if tick == 1 else 'stroke="#ddd"'
        yield f'<line x1="{x:.1f}" y1="{TOP - 12}" x2="{x:.1f}" y2="{foot}" {stroke}/>'
        yield f'<text x="{x:.1f}" y="{foot + 20}" text-anchor="middle">{tick:g}</text>'
    yield f'<text x="{_across(1) - 8:.1f}" y="{TOP - 18}" text-anchor="end">they are faster</text>'
    yield f'<text x="{_across(1) + 8:.1f}" y="{TOP - 18}">times our time</text>'
    for number, (job, values) in enumerate(table.jobs):
        y = _down(number)
        yield f'<text x="{LEFT - 14}" y="{y + 4}" text-anchor="end">{escape(job)}</text>'
        for value, colour in zip(values, COLOURS, strict=True):
            if value is not None:
                yield f'<circle cx="{_across(value):.1f}" cy="{y}" r="5" fill="{colour}"/>'
    yield "</svg>"


def _across(ratio: float) -> float:
    return LEFT + WIDTH * math.log(ratio / LOW) / math.log(HIGH / LOW)


def _down(job: int) -> int:
    return TOP + ROW * job + ROW // 2


def main() -> None:
    readme, target = map(Path, sys.argv[1:])
    target.write_text(svg_of(table_of(readme.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()

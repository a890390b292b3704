"""One drawing of each step, in units of a pixel at full size: what all formats put on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from convcli.explain.palette import DASHED
from convcli.explain.steps import Board, Kind, Part, Place, Step

WIDTH = 720
MARGIN = 24
GAP = 40
LARGEST_CELL = 46
TOP = 104
"""Where the cells begin, below titles."""

LINE = 21
"""Height of a line of the written sum."""

SUM_LINES = 3
SUM_COLUMNS = 76
"""Characters of a line of the sum."""

BOARD_HEIGHT = 330

GLYPH = 0.56
"""Mean width of a digit, in sizes of the font."""

_LEGENDS: dict[Kind, str] = {
    "pad": "padding",
    "hole": "zero in between",
    "extra": "output padding",
    "crop": "cropped by the pad",
}


class Rectangle(NamedTuple):
    """A filled rectangle with a border; colours are names of the palette."""

    layer: int
    x: float
    y: float
    width: float
    height: float
    fill: str
    stroke: str
    thickness: float
    dashed: bool


class Label(NamedTuple):
    """Text whose baseline starts, is centred, or ends at (x, y)."""

    layer: int
    x: float
    y: float
    text: str
    size: float
    colour: str
    anchor: Literal["start", "middle", "end"]
    bold: bool = False


Shape = Rectangle | Label


@dataclass(frozen=True)
class Frame:
    """What is drawn of one step, back to front."""

    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Film:
    """All frames of an animation, of one size."""

    width: int
    height: int
    title: str
    frames: tuple[Frame, ...]


def film(parts: Sequence[Part], title: str) -> Film:
    """Return the frames of all parts, one after the other."""
    layouts = [_Layout(part) for part in parts]
    height = max(layout.height for layout in layouts)
    frames = [
        Frame(tuple(sorted(layout.shapes(k, title, height), key=lambda shape: shape.layer)))
        for layout in layouts
        for k in range(len(layout.part.steps))
    ]
    return Film(WIDTH, height, title, tuple(frames))


class _Layout:
    """Where the boards of a part lie."""

    def __init__(self, part: Part) -> None:
        self.part = part
        boards = (part.left, part.kernel, part.right)
        columns = sum(board.size[1] for board in boards)
        rows = max(board.size[0] for board in boards)
        room = WIDTH - 2 * MARGIN - 2 * GAP
        self.cell = int(min(LARGEST_CELL, room / columns, BOARD_HEIGHT / rows))
        # Titles above narrow boards need room of their own.
        widths = [max(board.size[1] * self.cell, 96) for board in boards]
        gap = (WIDTH - 2 * MARGIN - sum(widths)) / 2
        self.lefts = [
            float(MARGIN),
            MARGIN + widths[0] + gap,
            float(WIDTH - MARGIN - widths[2]),
        ]
        self.sum_top = TOP + rows * self.cell + 34
        self.height = int(self.sum_top + SUM_LINES * LINE + 44)

    def shapes(self, number: int, title: str, height: int) -> list[Shape]:
        """Return everything that is drawn of a step."""
        part, step = self.part, self.part.steps[number]
        facts = title.partition(": ")[2]
        shapes: list[Shape] = [
            Rectangle(0, 0.5, 0.5, WIDTH - 1, height - 1, "page", "frame", 1, False),
            Label(1, MARGIN, 34, part.title, 19, "ink", "start", bold=True),
            Label(1, MARGIN, 56, facts, _line_size(facts), "muted", "start"),
            Label(
                1,
                WIDTH - MARGIN,
                34,
                f"step {number + 1} of {len(part.steps)}",
                14,
                "muted",
                "end",
            ),
        ]
        for board, left, role in zip(
            (part.left, part.kernel, part.right),
            self.lefts,
            ("left", "kernel", "right"),
            strict=True,
        ):
            shapes.append(Label(1, left, TOP - 12, board.title, 14, "ink", "start"))
            shapes += self._board(board, left, role, step)
        for k, line in enumerate(sum_lines(step.sums)):
            shapes.append(Label(1, MARGIN, self.sum_top + k * LINE, line, 15, "ink", "start"))
        shapes.append(Label(1, MARGIN, height - 40, part.note, 14, "muted", "start"))
        shapes += self._legend(height)
        return shapes

    def _board(self, board: Board, left: float, role: str, step: Step) -> list[Shape]:
        shapes: list[Shape] = []
        for y, kinds in enumerate(board.kinds):
            for x, kind in enumerate(kinds):
                place = (y, x)
                text, note = board.texts[y][x], ""
                is_lit = False
                fill: str = kind
                if role == "left" and place in step.read:
                    weight = step.read[place]
                    fill, note, is_lit = "read", f"·{weight}" if weight else "", True
                elif role == "right":
                    text = step.results.get(place, "")
                    if place in step.written:
                        note, is_lit = step.written[place], True
                        fill = "written" if kind != "crop" else kind
                shapes += self._cell(place, left, kind, fill, text, note, is_lit)
        return shapes

    def _cell(
        self,
        place: Place,
        left: float,
        kind: Kind,
        fill: str,
        text: str,
        note: str,
        is_lit: bool,
    ) -> list[Shape]:
        cell = self.cell
        x, y = left + place[1] * cell, TOP + place[0] * cell
        edge = {"read": "edge", "written": "border"}.get(fill, "line")
        if is_lit and fill == "crop":
            edge = "border"
        shapes: list[Shape] = [
            Rectangle(
                3 if is_lit else 2,
                x + 0.5,
                y + 0.5,
                cell,
                cell,
                fill,
                edge,
                2 if is_lit else 1,
                kind in DASHED,
            )
        ]
        is_faint = kind in ("pad", "hole", "crop") and fill not in ("read", "written")
        size = _fitting(text, cell, 0.42 if not note else 0.38)
        if text and not size and kind in ("output", "extra", "crop"):
            text, size = "…", _fitting("…", cell, 0.42)
        if size:
            drop = 0.35 * size - (0.1 * cell if note else 0)
            colour = "muted" if is_faint else "ink"
            shapes.append(
                Label(
                    4, x + cell / 2 + 0.5, y + cell / 2 + drop + 0.5, text, size, colour, "middle"
                )
            )
        note_size = _fitting(note, 0.8 * cell, 0.34, 10)
        if note_size:
            colour = "weight" if fill == "read" else "term"
            right, bottom = x + cell - 3, y + cell - 4.5
            shapes.append(Label(4, right, bottom, note, note_size, colour, "end", bold=True))
        return shapes

    def _legend(self, height: int) -> list[Shape]:
        """Return what dashed and coloured cells mean, where there are any."""
        kinds = {
            kind
            for board in (self.part.left, self.part.right)
            for row in board.kinds
            for kind in row
        }
        shapes: list[Shape] = []
        x = float(MARGIN)
        for kind, text in _LEGENDS.items():
            if kind in kinds:
                shapes.append(
                    Rectangle(2, x + 0.5, height - 28.5, 13, 13, kind, "line", 1, kind in DASHED)
                )
                shapes.append(Label(1, x + 20, height - 17, text, 13, "muted", "start"))
                x += 20 + 7 * len(text) + 26
        return shapes


def _line_size(text: str) -> float:
    """Return the font size at which a text fits the width: 14, or less for a long one."""
    return round(min(14, (WIDTH - 2 * MARGIN) / (GLYPH * len(text))), 1)


def _fitting(text: str, room: float, share: float, least: float = 9) -> float:
    """Return the font size at which a text fits a cell, or 0 if it would be too small to read."""
    if not text:
        return 0
    size = min(share * room, (room - 5) / (GLYPH * len(text)))
    return round(size, 1) if size >= least else 0


def sum_lines(sums: Sequence[str]) -> list[str]:
    """Return a written sum in the lines that there is room for, its result always among them."""
    words = " ".join(sums).split(" ")
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= SUM_COLUMNS:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    if len(lines) <= SUM_LINES:
        return lines
    end = " … " + " ".join(sums).rpartition(" = ")[1].strip() + " " + words[-1]
    last = lines[SUM_LINES - 1][: SUM_COLUMNS - len(end)].rpartition(" ")[0]
    return [*lines[: SUM_LINES - 1], last + end]

"""The drawing of each step, in pixels at full size, which all formats render."""

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
WIDEST_CELL = 112
ROW_GAP = 40
"""Space between boards below each other, for a title."""

TOP = 104
"""The y of the first cells, below titles."""

LINE = 21
"""Height of a line of the written sum."""

SUM_LINES = 3
SUM_COLUMNS = 76
"""Characters of a line of the sum."""

BOARD_HEIGHT = 330

GLYPH = 0.56
"""Mean width of a digit, relative to the font size."""

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
    """The shapes of one step, back to front."""

    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Film:
    """All frames of an animation, of one size."""

    width: int
    height: int
    title: str
    frames: tuple[Frame, ...]


def film(parts: Sequence[Part], title: str) -> Film:
    """Return the frames of all parts in order."""
    layouts = [_Layout(part) for part in parts]
    height = max(layout.height for layout in layouts)
    frames = [
        Frame(tuple(sorted(layout.shapes(k, title, height), key=lambda shape: shape.layer)))
        for layout in layouts
        for k in range(len(layout.part.steps))
    ]
    return Film(WIDTH, height, title, tuple(frames))


class _Layout:
    """The positions of a part's boards."""

    def __init__(self, part: Part) -> None:
        self.part = part
        boards = (part.left, part.kernel, part.right)
        sizes = [board.size for board in boards]
        room = WIDTH - 2 * MARGIN
        if all(rows == 1 for rows, _ in sizes):
            # Rows are placed below each other, in wide cells that hold sums.
            widest = max(columns for _, columns in sizes)
            self.cell = (int(min(WIDEST_CELL, room / widest)), LARGEST_CELL)
            step = LARGEST_CELL + ROW_GAP
            self.places = [(float(MARGIN), float(TOP + k * step)) for k in range(3)]
            bottom = TOP + 2 * step + LARGEST_CELL
        else:
            across, rows = sum(columns for _, columns in sizes), max(rows for rows, _ in sizes)
            side = int(min(LARGEST_CELL, (room - 2 * GAP) / across, BOARD_HEIGHT / rows))
            self.cell = (side, side)
            # Titles above narrow boards need room of their own.
            widths = [max(columns * side, 96) for _, columns in sizes]
            lefts = (
                MARGIN,
                MARGIN + widths[0] + (room - sum(widths)) / 2,
                WIDTH - MARGIN - widths[2],
            )
            self.places = [(float(left), float(TOP)) for left in lefts]
            bottom = TOP + rows * side
        self.sum_top = bottom + 34
        self.height = int(self.sum_top + SUM_LINES * LINE + 44)

    def shapes(self, number: int, title: str, height: int) -> list[Shape]:
        """Return the drawing of a step."""
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
        for board, origin, role in zip(
            (part.left, part.kernel, part.right),
            self.places,
            ("left", "kernel", "right"),
            strict=True,
        ):
            shapes.append(Label(1, origin[0], origin[1] - 12, board.title, 14, "ink", "start"))
            shapes += self._board(board, origin, role, step)
        for k, line in enumerate(sum_lines(step.sums)):
            shapes.append(Label(1, MARGIN, self.sum_top + k * LINE, line, 15, "ink", "start"))
        shapes.append(Label(1, MARGIN, height - 40, part.note, 14, "muted", "start"))
        shapes += self._legend(height)
        return shapes

    def _board(
        self, board: Board, origin: tuple[float, float], role: str, step: Step
    ) -> list[Shape]:
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
                shapes += self._cell(place, origin, kind, fill, text, note, is_lit)
        return shapes

    def _cell(
        self,
        place: Place,
        origin: tuple[float, float],
        kind: Kind,
        fill: str,
        text: str,
        note: str,
        is_lit: bool,
    ) -> list[Shape]:
        wide, high = self.cell
        x, y = origin[0] + place[1] * wide, origin[1] + place[0] * high
        edge = {"read": "edge", "written": "border"}.get(fill, "line")
        if is_lit and fill == "crop":
            edge = "border"
        shapes: list[Shape] = [
            Rectangle(
                3 if is_lit else 2,
                x + 0.5,
                y + 0.5,
                wide,
                high,
                fill,
                edge,
                2 if is_lit else 1,
                kind in DASHED,
            )
        ]
        is_faint = kind in ("pad", "hole", "crop") and fill not in ("read", "written")
        note_size = _fitting(note, (0.8 * wide, 0.8 * high), 0.34, 10)
        size = _fitting(text, self.cell, 0.38 if note_size else 0.42)
        if text and not size and kind in ("output", "extra", "crop"):
            text, size = "…", _fitting("…", self.cell, 0.42)
        if size:
            base = y + high / 2 + 0.35 * size - (0.1 * high if note_size else 0)
            colour = "muted" if is_faint else "ink"
            shapes.append(Label(4, x + wide / 2 + 0.5, base + 0.5, text, size, colour, "middle"))
        if note_size:
            colour = "weight" if fill == "read" else "term"
            right, bottom = x + wide - 3, y + high - 4.5
            shapes.append(Label(4, right, bottom, note, note_size, colour, "end", bold=True))
        return shapes

    def _legend(self, height: int) -> list[Shape]:
        """Return the meaning of dashed and coloured cells, if there are any."""
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
    """Return the font size for a text to fit the width: 14, or less for a long one."""
    return round(min(14, (WIDTH - 2 * MARGIN) / (GLYPH * len(text))), 1)


def _fitting(text: str, room: tuple[float, float], share: float, least: float = 9) -> float:
    """Return the font size for a text to fit a cell of ``room``, or 0 if that is too small."""
    if not text:
        return 0
    size = min(share * room[1], (room[0] - 5) / (GLYPH * len(text)))
    return round(size, 1) if size >= least else 0


def sum_lines(sums: Sequence[str]) -> list[str]:
    """Return sums as lines, cut to the space there is; a single sum keeps its result."""
    # A single sum is broken between its terms; several are not.
    words = list(sums) if len(sums) > 1 else sums[0].split(" ")
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= SUM_COLUMNS:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    if len(lines) <= SUM_LINES:
        return lines
    end = " …" if len(sums) > 1 else f" … = {words[-1]}"
    last = lines[SUM_LINES - 1]
    if len(last) + len(end) > SUM_COLUMNS:
        last = last[: SUM_COLUMNS - len(end)].rpartition(" ")[0]
    return [*lines[: SUM_LINES - 1], last + end]

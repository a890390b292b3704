"""Lines of text with a role each, aligned columns, and wrapping."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

WIDTH = 98
"""Columns of a line at most: 100, less the lesson's indentation of two."""

Role = Literal["title", "heading", "plain", "result", "note"]


class Line(NamedTuple):
    """A line and its role, for colours."""

    text: str
    role: Role = "plain"


Lines = list[Line]


def heading(text: str) -> Lines:
    """Return a heading, after an empty line."""
    return [Line(""), Line(text, "heading")]


def indented(texts: Iterable[str], role: Role = "plain", by: int = 2) -> Lines:
    """Return lines, indented."""
    return [Line(" " * by + text if text else "", role) for text in texts]


def plain(lines: Iterable[Line]) -> str:
    """Return lines as one text."""
    return "".join(f"{line.text.rstrip()}\n" for line in lines)


def grid(rows: Sequence[Sequence[str]], gap: int = 2) -> list[str]:
    """Return cells as lines, in columns aligned to the right."""
    if not rows:
        return []
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        (" " * gap).join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]


def bracketed(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return cells as the lines of a matrix in brackets."""
    return [f"[ {line} ]" for line in grid(rows)]


def beside(*blocks: Sequence[str], gap: str = "   ") -> list[str]:
    """Return blocks of lines side by side, shorter ones filled with spaces."""
    height = max(map(len, blocks))
    widths = [max(map(len, block), default=0) for block in blocks]
    return [
        gap.join(
            (block[k] if k < len(block) else "").ljust(width)
            for block, width in zip(blocks, widths, strict=True)
        ).rstrip()
        for k in range(height)
    ]


def width(block: Sequence[str]) -> int:
    """Return the length of the longest line."""
    return max(map(len, block), default=0)


def wrapped(text: str, indent: int = 2, following: int | None = None) -> list[str]:
    """Return ``text`` in lines of at most :data:`WIDTH`, broken at spaces."""
    following = indent if following is None else following
    lines: list[str] = []
    current = " " * indent
    is_empty = True
    for word in text.split(" "):
        if not is_empty and len(current) + 1 + len(word) > WIDTH:
            lines.append(current)
            current, is_empty = " " * following, True
        current += word if is_empty else f" {word}"
        is_empty = False
    return [*lines, current]


def paragraph(text: str, role: Role = "plain") -> Lines:
    """Return a paragraph, indented and wrapped."""
    return [Line(line, role) for line in wrapped(text)]


def size_text(shape: Iterable[int]) -> str:
    """Return a size in the form ``5×5``."""
    return "×".join(str(length) for length in shape)


def pads_text(pads: tuple[int, int, int, int]) -> str:
    """Return pads in the shortest form: ``1``, ``1,2`` or ``top,left,bottom,right``."""
    top, left, bottom, right = pads
    if top == left == bottom == right:
        return str(top)
    if top == bottom and left == right:
        return f"{top},{left}"
    return f"{top},{left},{bottom},{right}"


def pair_text(pair: tuple[int, int]) -> str:
    """Return ``N`` for equal numbers, else ``Y,X``."""
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]},{pair[1]}"


def plural(count: int, noun: str) -> str:
    """Return ``1 row`` or ``3 rows``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

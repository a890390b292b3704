"""The colours of animations by meaning, for light and dark pages.

Fills are tints of the palette of Okabe and Ito (2008), which people with colour blindness can tell
apart. Nothing is shown by colour alone: borders are solid, dashed or thick as well.
"""

from __future__ import annotations

from typing import NamedTuple


class Tone(NamedTuple):
    """A colour on a light and on a dark page."""

    light: str
    dark: str


TONES = {
    "page": Tone("#fcfcfa", "#15181d"),
    "frame": Tone("#d5d8dc", "#343a43"),
    "ink": Tone("#1b1f26", "#eceae4"),
    "muted": Tone("#59616c", "#a3abb6"),
    "line": Tone("#aab2bc", "#57606c"),
    "input": Tone("#d9eaf7", "#1c3c55"),
    "pad": Tone("#f3f2ee", "#20242b"),
    "hole": Tone("#fcfcfa", "#15181d"),
    "kernel": Tone("#fdeecb", "#46370f"),
    "read": Tone("#f7c257", "#8a5d00"),
    "edge": Tone("#8f5a00", "#f0b63c"),
    "weight": Tone("#5a3800", "#ffe0a3"),
    "output": Tone("#d9f0e6", "#153c31"),
    "written": Tone("#6ccbaa", "#0d7557"),
    "border": Tone("#00654a", "#45d3a8"),
    "term": Tone("#004532", "#b5f5e0"),
    "crop": Tone("#f3f2ee", "#20242b"),
    "extra": Tone("#f4dcea", "#4a2a3e"),
}

TEXT_ON = {
    "ink": ("page", "input", "kernel", "read", "output", "written", "extra"),
    "muted": ("page", "pad", "hole", "crop"),
    "weight": ("read",),
    "term": ("written", "crop"),
}
"""The fills behind each colour of text."""

DASHED = frozenset({"pad", "hole", "crop"})
"""Cells with a dashed border: those that are not part of the map itself."""

"""An animation in the format that a file's name asks for."""

from __future__ import annotations

from pathlib import Path

from convcli.errors import PlanError
from convcli.explain.drawing import film
from convcli.explain.setting import Setting
from convcli.explain.steps import Way
from convcli.explain.ways import parts_of
from convcli.system.atomic_files import check_target, replacing

FORMATS = (".gif", ".svg", ".html")
MILLISECONDS = 1200
"""How long a step is shown."""


def write_animation(
    setting: Setting,
    path: Path,
    *,
    ways: tuple[Way, ...] = (),
    milliseconds: int = MILLISECONDS,
    overwrite: bool = False,
) -> int:
    """Write the animation of a setting to a ``.gif``, ``.svg`` or ``.html``; return its steps.

    ``ways`` chooses between scatter and gather for a transposed convolution; both by default.
    The file appears whole or not at all. Raises :class:`PlanError` and :class:`ImageError`.
    """
    check_format(path)
    check_target(path, overwrite)
    parts = parts_of(setting, ways)
    match path.suffix.lower():
        case ".gif":
            from convcli.explain.gif import gif_bytes  # needs Pillow

            data = gif_bytes(film(parts, setting.title), milliseconds)
        case ".svg":
            from convcli.explain.svg import svg_text

            data = svg_text(film(parts, setting.title), milliseconds).encode()
        case _:
            from convcli.explain.html import html_text

            data = html_text(setting, parts, milliseconds).encode()
    with replacing(path, overwrite) as file:
        file.write(data)
    return sum(len(part.steps) for part in parts)


def check_format(path: Path) -> None:
    """Raise a :class:`PlanError` for a name whose extension is no format of animations."""
    if path.suffix.lower() not in FORMATS:
        known = ", ".join(FORMATS)
        raise PlanError(
            f"{path}: no animation has the extension {path.suffix!r}: {known} do"
            if path.suffix
            else f"{path}: it has no extension: {known} are animations"
        )

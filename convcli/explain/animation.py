"""Animations written to GIF, SVG or HTML, by the file's extension."""

from __future__ import annotations

from pathlib import Path

from convcli.errors import PlanError
from convcli.explain.drawing import film
from convcli.explain.forms import parts_of
from convcli.explain.setting import Setting
from convcli.explain.steps import Form
from convcli.system.atomic_files import check_target, replacing

FORMATS = (".gif", ".svg", ".html")
MILLISECONDS = 1200
"""Duration of a step."""


def write_animation(
    setting: Setting,
    path: Path,
    *,
    forms: tuple[Form, ...] = (),
    milliseconds: int = MILLISECONDS,
    overwrite: bool = False,
) -> int:
    """Write the animation of a setting to a ``.gif``, ``.svg`` or ``.html``; return its steps.

    ``forms`` are those of a transposed convolution to show, scatter or gather; both by default.
    The file appears whole or not at all. Raises :class:`PlanError` and :class:`ImageError`.
    """
    check_format(path)
    check_target(path, overwrite)
    parts = parts_of(setting, forms)
    match path.suffix.lower():
        case ".gif":
            from convcli.explain.gif import gif_bytes  # imports Pillow

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
    """Raise a :class:`PlanError` if the extension is not that of an animation."""
    if path.suffix.lower() not in FORMATS:
        known = ", ".join(FORMATS)
        raise PlanError(
            f"{path}: {path.suffix!r} is not the extension of an animation: {known} are"
            if path.suffix
            else f"{path}: it has no extension: {known} are animations"
        )

"""Colours converted from one mode to another, through the ICC profile that defines them.

The intent is relative colorimetric with black point compensation, the default of image editors:
colours within both gamuts stay the same, paper white becomes white and the darkest ink black.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image

from convcli.images.conversion.changes import Change, converting
from convcli.images.conversion.transparency import compositing_on_white
from convcli.system.warn import warn

_SPACES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK", b"Lab ": "LAB"}
_OTHERS = (b"linear", b"-g10", b"e-srgb")
"""Parts of the names of profiles with the primaries of sRGB and another transfer curve."""


def suits(profile: bytes, mode: str) -> bool:
    """Return whether a profile is for the colour space of ``mode``.

    Bytes 16 to 19 of its header name its colour space (ICC.1:2022, 7.2.8). A profile with another
    value there is taken to suit.
    """
    return _SPACES.get(profile[16:20], _space(mode)) == _space(mode)


def is_srgb(profile: bytes) -> bool:
    """Return whether a profile is named sRGB, the colour space of pictures without a profile."""
    names = profile.replace(b"\0", b"")  # newer profiles have two bytes a letter
    return b"sRGB" in names and not any(other in names.lower() for other in _OTHERS)


def mode_changes(before: str, after: str, profile: bytes | None) -> list[Change]:
    """Return the changes that convert an 8-bit image (L, LA, RGB, RGBA, CMYK) to another mode.

    Where the colour space changes, colours are converted to sRGB first, through ``profile`` if
    there is one; the result is sRGB, or CMYK without a profile. If ``after`` has no transparency,
    the image is composited on white. Warns with :class:`ImageWarning` of what is lost.
    """
    changes: list[Change] = []
    mode = before
    if mode == after:
        return changes
    if mode in ("LA", "RGBA") and after not in ("LA", "RGBA"):
        changes.append(compositing_on_white(after, "has"))
        mode = mode.removesuffix("A")
    if _space(mode) != _space(after):
        by_profile, mode = to_srgb(mode, profile)
        changes += by_profile
    if after == "CMYK" and before != "CMYK":
        warn("RGB becomes CMYK without a profile: inks are approximate")
    return changes if mode == after else [*changes, converting(after)]


def to_srgb(mode: str, profile: bytes | None) -> tuple[list[Change], str]:
    """Return the changes that convert an 8-bit image to sRGB, and the mode that it then has.

    The mode is RGB(A) if it was CMYK or has a profile. Warns with :class:`ImageWarning` where the
    conversion is a guess.
    """
    if profile and suits(profile, mode) and not is_srgb(profile):
        transform = _transform(mode.removesuffix("A"), profile)
        if transform is not None:
            change = Change(lambda image: _through(image, transform))
            return [change], "RGBA" if mode in ("LA", "RGBA") else "RGB"
    if mode != "CMYK":
        return [], mode
    if not profile:
        warn("CMYK becomes RGB without a profile: colours may be off")
    return [converting("RGB")], "RGB"


def _transform(mode: str, profile: bytes) -> Any:
    """Return Little CMS's transform from ``profile`` to sRGB; if it has none, warn, return None."""
    try:
        from PIL import ImageCms  # large, and seldom needed

        return ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    # A broken profile, or a Pillow that was built without Little CMS.
    except Exception as error:
        warn(f"its ICC profile cannot be used, so colours may be off: {error}")
        return None


def _through(image: Image.Image, transform: Any) -> Image.Image:
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    colours = image.convert(image.mode.removesuffix("A")) if alpha else image
    result: Image.Image = transform.apply(colours)
    result.info = {}  # sRGB is the default; Little CMS's profile contains the time of day
    if alpha is not None:
        result.putalpha(alpha)
    return result


def _space(mode: str) -> str:
    """Return the colour space of a mode: L, RGB or CMYK."""
    if mode in ("L", "LA", "I;16", "F", "1"):
        return "L"
    return "CMYK" if mode == "CMYK" else "RGB"

"""Colours from one mode to another, through the ICC profile that says what they mean.

The intent is relative colorimetric with black point compensation: colours that both sides can show
stay what they are, paper white becomes white and the darkest ink black. It is what image editors
take unless told otherwise.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image

from convcli.images.conversion.changes import Change, Loss, converting
from convcli.system.warn import warn

_SPACES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK", b"Lab ": "LAB"}
_OTHERS = (b"linear", b"-g10", b"e-srgb")
"""What is in the names of profiles with the colours of sRGB and another curve."""


def suits(profile: bytes, mode: str) -> bool:
    """Tell whether a profile can speak of the colours of ``mode``.

    Its header names its colour space in bytes 16 to 19 (ICC.1:2022, 7.2.8). One that names none
    gets the benefit of the doubt.
    """
    return _SPACES.get(profile[16:20], _space(mode)) == _space(mode)


def is_srgb(profile: bytes) -> bool:
    """Tell whether a profile says of itself that it is sRGB, which is what no profile means."""
    names = profile.replace(b"\0", b"")  # of two bytes a letter in newer profiles
    return b"sRGB" in names and not any(other in names.lower() for other in _OTHERS)


def conversion(before: str, after: str, profile: bytes | None) -> list[Change]:
    """Return the changes that bring an 8-bit image (L, LA, RGB, RGBA, CMYK) to another mode.

    Where the colour space changes, colours go by way of sRGB, through ``profile`` where there is
    one; the result is sRGB, or ink without a profile. Transparency that ``after`` does not have is
    laid on white. Warns with :class:`ImageWarning` of what that loses.
    """
    changes: list[Change] = []
    mode = before
    if mode == after:
        return changes
    if mode in ("LA", "RGBA") and after not in ("LA", "RGBA"):
        changes.append(laying_on_white(after, "has"))
        mode = mode.removesuffix("A")
    if _space(mode) != _space(after):
        by_profile, mode = to_srgb(mode, profile)
        changes += by_profile
    if after == "CMYK" and before != "CMYK":
        warn("RGB becomes CMYK without a profile: inks are approximate")
    return changes if mode == after else [*changes, converting(after)]


def laying_on_white(holder: str, verb: str = "holds") -> Change:
    """Return the change to what has no transparency, a mode or a format: ``holder``."""
    loss = Loss(
        f"{holder} {verb} no transparency: the picture is laid on white",
        "if any of it is transparent",
    )
    return Change(on_white, (loss,), lambda image: not is_opaque(image))


def to_srgb(mode: str, profile: bytes | None) -> tuple[list[Change], str]:
    """Return what brings colours of an 8-bit image to sRGB, and the mode that it then has.

    That is RGB(A) if it was CMYK or has a profile. Warns with :class:`ImageWarning` where that is a
    guess.
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


def is_opaque(image: Image.Image) -> bool:
    """Tell whether an image of mode LA or RGBA shows nothing of what is behind it."""
    return image.getchannel("A").getextrema() == (255, 255)


def on_white(image: Image.Image) -> Image.Image:
    """Return an image of mode LA or RGBA laid on white: L or RGB."""
    colours = image.mode.removesuffix("A")
    laid = Image.new(colours, image.size, "white")
    laid.paste(image.convert(colours), mask=image.getchannel("A"))
    return laid


def _transform(mode: str, profile: bytes) -> Any:
    """Return Little CMS's way from ``profile`` to sRGB; None, with a warning, if there is none."""
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
    result.info = {}  # no profile means sRGB, and Little CMS's bears the time of day
    if alpha is not None:
        result.putalpha(alpha)
    return result


def _space(mode: str) -> str:
    """Return the colour space of a mode: L, RGB or CMYK."""
    if mode in ("L", "LA", "I;16", "F", "1"):
        return "L"
    return "CMYK" if mode == "CMYK" else "RGB"

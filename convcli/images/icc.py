"""Colours from one mode to another, through the ICC profile that says what they mean.

The intent is relative colorimetric with black point compensation: colours that both sides can show
stay what they are, paper white becomes white and the darkest ink black. It is what image editors
take unless told otherwise.
"""

from __future__ import annotations

import warnings
from io import BytesIO

from PIL import Image

from convcli.errors import ImageWarning

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


def converted(image: Image.Image, mode: str, profile: bytes | None) -> Image.Image:
    """Return an 8-bit image (L, LA, RGB, RGBA, CMYK) in another of these modes.

    Where the colour space changes, colours go by way of sRGB, through ``profile`` where there is
    one; the result is sRGB, or ink without a profile. Transparency that ``mode`` does not have is
    laid on white. Warns with :class:`ImageWarning` of what that loses.
    """
    if image.mode == mode:
        return image
    if image.mode in ("LA", "RGBA") and mode not in ("LA", "RGBA"):
        if not is_opaque(image):
            warnings.warn(
                f"{mode} has no transparency: the picture is laid on white", ImageWarning, 3
            )
        image = on_white(image)
    if _space(image.mode) != _space(mode):
        image = in_srgb(image, profile)
    if mode == "CMYK" and image.mode != "CMYK":
        warnings.warn("RGB becomes CMYK without a profile: inks are approximate", ImageWarning, 3)
    return image if image.mode == mode else image.convert(mode)


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return an 8-bit image with its colours in sRGB, as RGB(A) if it was CMYK or had a profile.

    Warns with :class:`ImageWarning` where that is a guess.
    """
    if profile and suits(profile, image.mode) and not is_srgb(profile):
        through = _through(image, profile)
        if through is not None:
            return through
    if image.mode != "CMYK":
        return image
    if not profile:
        warnings.warn("CMYK becomes RGB without a profile: colours may be off", ImageWarning, 3)
    return image.convert("RGB")


def is_opaque(image: Image.Image) -> bool:
    """Tell whether an image of mode LA or RGBA shows nothing of what is behind it."""
    return image.getchannel("A").getextrema() == (255, 255)


def on_white(image: Image.Image) -> Image.Image:
    """Return an image of mode LA or RGBA laid on white: L or RGB."""
    colours = image.mode.removesuffix("A")
    laid = Image.new(colours, image.size, "white")
    laid.paste(image.convert(colours), mask=image.getchannel("A"))
    return laid


def _through(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Return an image's colours in sRGB by its profile; None, with a warning, if that fails."""
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    colours = image.convert(image.mode.removesuffix("A")) if alpha else image
    try:
        from PIL import ImageCms  # large, and seldom needed

        result = ImageCms.profileToProfile(
            colours,
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            "RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    # A broken profile, or a Pillow that was built without Little CMS.
    except Exception as error:
        warnings.warn(
            f"its ICC profile cannot be used, so colours may be off: {error}", ImageWarning, 4
        )
        return None
    assert result is not None
    result.info = {}  # no profile means sRGB, and Little CMS's bears the time of day
    if alpha is not None:
        result.putalpha(alpha)
    return result


def _space(mode: str) -> str:
    """Return the colour space of a mode: L, RGB or CMYK."""
    if mode in ("L", "LA", "I;16", "F", "1"):
        return "L"
    return "CMYK" if mode == "CMYK" else "RGB"

"""Which formats hold 16 bits or floats in colour, and what of a frame they hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from convcli.errors import ImageError
from convcli.images.conversion.icc import is_srgb, suits
from convcli.images.conversion.sample_changes import (
    SampleChange,
    sample_mode_changes,
    to_16_bits,
    to_type,
)
from convcli.images.extras import require
from convcli.images.formats import PAGE_FORMATS, PROFILE_FORMATS, held_modes
from convcli.images.picture import Frame
from convcli.system.warn import warn

WIDE, FLOAT = "16", "F"

_HELD: Mapping[str, str] = {
    "EXR": "L;F LA;F RGB;F RGBA;F",
    "PFM": "RGB;F",
    "PGM": "",
    "PNG": "LA;16 RGB;16 RGBA;16",
    "PPM": "RGB;16",
    "TIFF": "LA;16 RGB;16 RGBA;16 CMYK;16 LA;F RGB;F RGBA;F CMYK;F",
}
"""Modes of frames with the depth of a sample, beside those of Pillow's that a format holds.

Of formats that are not here, those that hold 16 bits in grey hold colours of 8, which are kept.
"""

_FLOATS_ALONE = ("EXR", "PFM")

_NEXT_BEST = {
    "L": ("L", "RGB"),
    "LA": ("LA", "RGBA", "L", "RGB"),
    "RGB": ("RGB", "RGBA", "L"),
    "RGBA": ("RGBA", "RGB", "L"),
    "CMYK": ("CMYK",),
}


class DeepMode(NamedTuple):
    """How a frame goes into a file with more than 8 bits: after ``changes`` it has ``mode``.

    ``stored`` is the mode with its depth, or that of Pillow's image if Pillow writes it.
    """

    stored: str
    mode: str
    changes: tuple[SampleChange, ...]


def is_deep(stored: str) -> bool:
    """Return whether a mode is one that Pillow has no image for."""
    mode, _, depth = stored.partition(";")
    return depth in (WIDE, FLOAT) and mode in _NEXT_BEST


def holds_wide_colour(format_name: str, mode: str) -> bool:
    """Return whether a format holds 16 bits in a picture of ``mode``."""
    return f"{mode};{WIDE}" in _HELD.get(format_name, "").split()


def deep_mode(
    frame: Frame,
    mode: str,
    format_name: str,
    profile: bytes | None,
    *,
    is_animated: bool,
    is_alike: bool,
) -> DeepMode | None:
    """Decide how a frame of ``mode`` goes into a format with more than 8 bits; None if it does not.

    Frames of an animation (``is_animated``) go into APNG alone, if all are alike (``is_alike``).
    Also None where Pillow does all of it. Raises :class:`ImageError` where that takes an extra that
    is not installed; warns with :class:`ImageWarning` of what is lost.
    """
    dtype = frame.raster.dtype
    is_apng = is_animated and is_alike and format_name == "PNG"
    if format_name not in _HELD or (is_animated and not (is_apng or format_name in PAGE_FORMATS)):
        return None
    if mode == "CMYK" and format_name == "EXR":
        raise ImageError('OpenEXR holds no CMYK: mode="RGB" converts the picture')
    is_float = dtype == np.float32 or format_name in _FLOATS_ALONE
    if dtype == np.uint8 and not is_float:
        return None
    target = _held_mode(mode, format_name, FLOAT if is_float else WIDE)
    # Arrays without a mode of their own are numbers on the 0-1 scale, of which 8 bits are enough.
    if not target and is_float and frame.mode:
        target, is_float = _held_mode(mode, format_name, WIDE), False
    if not target:
        return None
    stored = f"{target};{FLOAT if is_float else WIDE}"
    is_pillows = target == "L" and not is_apng and stored not in _HELD[format_name].split()
    is_cut = dtype == np.float32 and not is_float
    if is_pillows and target == mode and not is_cut:
        return None
    changes = sample_mode_changes(mode, target, profile, format_name)
    if changes is None:
        return None
    if target == "L" and mode in ("RGB", "RGBA"):
        warn(f"{format_name} holds no colours: the picture becomes grey")
    _check_extra(format_name, is_float)
    _check_profile(format_name, mode, profile)
    if is_cut:
        changes.append(to_16_bits(format_name))
    elif is_float and dtype != np.float32:
        changes.append(to_type(np.dtype(np.float32)))
    if is_pillows:
        stored = FLOAT if is_float else "I;16"
    return DeepMode(stored, target, tuple(changes))


def _held_mode(mode: str, format_name: str, depth: str) -> str:
    """Return the mode that is nearest to ``mode`` and held with samples of a depth, or ""."""
    held = _HELD[format_name].split()
    by_pillow = FLOAT if depth == FLOAT else "I;16"
    for target in _NEXT_BEST[mode]:
        if f"{target};{depth}" in held:
            return target
        if target == "L" and by_pillow in held_modes(format_name):
            return target
    return ""


def _check_extra(format_name: str, is_float: bool) -> None:
    if format_name == "TIFF":
        kind = "floats" if is_float else "16 bits"
        require("tifffile", f"TIFF of {kind} in colour", "or write it with depth=8")
    elif format_name == "EXR":
        require("OpenEXR", "OpenEXR files")


def _check_profile(format_name: str, mode: str, profile: bytes | None) -> None:
    if profile is None or is_srgb(profile) or format_name in PROFILE_FORMATS:
        return
    if suits(profile, mode):
        warn(f"{format_name} holds no ICC profile: it is left out, so colours may be off")

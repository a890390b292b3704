"""Frames of an animation brought to one mode, one depth and one colour space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from convcli.images.conversion.changes import Change, converting
from convcli.images.conversion.coerce import FrameConversion, to_srgb_within
from convcli.images.formats import PROFILE_FORMATS
from convcli.system.warn import warn


def in_one_space(
    conversions: Sequence[FrameConversion], profiles: Sequence[bytes | None], format_name: str
) -> list[FrameConversion]:
    """Convert frames with different profiles to sRGB, for a format with one profile for all."""
    if format_name not in PROFILE_FORMATS:  # frame_conversion() did it
        return list(conversions)
    warn(f"{format_name} holds one ICC profile: colours are converted to sRGB")
    shallow = [one.then(*_to_8_bits(one.mode)) for one in conversions]
    return [
        one.then(to_srgb_within(one.mode, profile), one.mode)
        for one, profile in zip(shallow, profiles, strict=True)
    ]


def unified(conversions: Sequence[FrameConversion]) -> list[FrameConversion]:
    """Convert the frames of an animation to one mode that holds them all."""
    modes = {one.mode for one in conversions}
    if "P" in modes or (len(modes) == 1 and "I;16" not in modes):
        return list(conversions)
    has_alpha = bool(modes & {"LA", "RGBA"})
    colours = "RGB" if modes & {"RGB", "RGBA"} else "L"
    common = colours + "A" * has_alpha
    shallow = [one.then(*_to_8_bits(one.mode)) for one in conversions]
    return [
        one if one.mode == common else one.then([converting(common)], common) for one in shallow
    ]


def _to_8_bits(mode: str) -> tuple[list[Change], str]:
    """Return the changes of an animation's frame to 8 bits, and the mode it then has."""
    if mode != "I;16":
        return [], mode
    warn("16 bits become 8: all frames of an animation have one depth")
    return [Change(_in_8_bits)], "L"


def _in_8_bits(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.rint(np.asarray(image) / np.float32(257)).astype(np.uint8))

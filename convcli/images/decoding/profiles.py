"""Pictures converted to sRGB by their ICC profiles, before they are filtered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from convcli.errors import ImageError
from convcli.images.conversion.changes import changed, converting
from convcli.images.conversion.icc import is_srgb, suits, to_srgb
from convcli.images.conversion.matrix_profiles import matrix_change
from convcli.images.decoding.modes import FrameKind, deep_frame
from convcli.images.metadata.exif_tags import as_srgb
from convcli.images.picture import Frame, Picture
from convcli.images.raster import PillowRaster, UnreadRaster
from convcli.system.warn import warn

PROFILES = ("keep", "srgb")


def check_profile(profile: str, mode: str | None) -> None:
    """Raise an ImageError for a ``profile`` that is unknown, or contradicts ``mode``."""
    if profile not in PROFILES:
        raise ImageError(f"there is no profile {profile!r}: keep and srgb are the choices")
    if profile == "srgb" and mode == "CMYK":
        raise ImageError('CMYK has no sRGB colours: leave out mode="CMYK" or profile="srgb"')


def in_srgb(picture: Picture) -> Picture:
    """Return a picture, decoded or not, with its colours converted to sRGB and without profile.

    CMYK becomes RGB; grey stays grey, and alpha stays as it is. Colours without a profile are taken
    as sRGB. 16 bits stay 16 by a profile of curves and a matrix, and become 8 by others. Raises
    :class:`ImageError` for floats with a profile; warns with :class:`ImageWarning` of what is lost.
    """
    metadata = dict(picture.metadata)
    same = [metadata.pop("icc_profile", None)] * len(picture.frames)
    profiles = metadata.pop("page_profiles", same)
    kinds: dict[tuple[object, ...], FrameKind | None] = {}
    frames: list[Frame] = []
    for frame, profile in zip(picture.frames, profiles, strict=True):
        known = (frame.mode, frame.raster.dtype, profile)
        if known not in kinds:
            kinds[known] = _srgb_kind(frame.mode, frame.raster.dtype, profile)
        kind = kinds[known]
        frames.append(frame if kind is None else _converted(frame, kind))
    if any(kind is not None for kind in kinds.values()):
        metadata.pop("chunks", None)  # the gamma and primaries of a PNG before
        if "exif" in metadata:
            metadata["exif"] = as_srgb(metadata["exif"])
    return replace(picture, frames=tuple(frames), metadata=metadata)


def _srgb_kind(mode: str, dtype: np.dtype[Any], profile: bytes | None) -> FrameKind | None:
    """Decide how samples of a mode become sRGB; None if they stay as they are."""
    is_numbers = not mode or dtype.kind == "f"
    if is_numbers and mode != "CMYK" and profile is None:
        warn('numbers without an ICC profile are taken as they are: profile="srgb" changes nothing')
        return None
    if profile is not None and (is_srgb(profile) or not suits(profile, mode)):
        profile = None
    if profile is None and mode != "CMYK":
        return None
    if is_numbers:
        raise ImageError(f'floats of {mode} are not converted to sRGB: give profile="keep"')
    if dtype == np.uint16 and profile is not None and (change := matrix_change(mode, profile)):
        return FrameKind(mode, dtype, (), (change,))
    changes, result = to_srgb(mode, profile)
    if not changes:  # the profile cannot be used
        return None
    if mode in ("L", "LA"):
        changes, result = [*changes, converting(mode)], mode
    if dtype != np.uint8:
        warn("16 bits become 8: colours are converted to sRGB with 8")
    return FrameKind(result, np.dtype(np.uint8), tuple(changes))


def _converted(frame: Frame, kind: FrameKind) -> Frame:
    raster = frame.raster
    if isinstance(raster, UnreadRaster):
        return kind.unread(frame.size)
    if isinstance(raster, PillowRaster):
        return Frame(PillowRaster(changed(raster.image, kind.changes)), kind.mode)
    return deep_frame(frame.samples, frame.mode, kind)

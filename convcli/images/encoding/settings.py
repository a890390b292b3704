"""How a picture is written in a format: its frames, their conversions, the encoder's options.

All is decided without samples, so that a dry run can decide it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from convcli.images import formats
from convcli.images.codecs.icons import check_icon
from convcli.images.conversion.animations import in_one_space, unified
from convcli.images.conversion.changes import Loss
from convcli.images.conversion.coerce import FrameConversion, frame_conversion
from convcli.images.conversion.icc import is_srgb, suits
from convcli.images.encoding.frames import animation_options, frames_for
from convcli.images.metadata.encoder_options import encoder_options, stripped
from convcli.images.picture import Frame, Picture
from convcli.system.warn import warn

JPEG_QUALITY = 90
"""The quality of a JPEG whose source is none."""

_FINE = range(90, 101)
"""JPEG qualities with full colour resolution (4:4:4), unless the source was a coarser JPEG."""


class Encoding(NamedTuple):
    """How a picture is written.

    ``conversions`` are those of the ``frames``; ``metadata`` describes the result. ``options`` are
    those of Pillow's encoder that need no samples. ``page_profiles`` are the ICC profiles of a TIFF
    whose pages have different ones. ``losses`` are those of encoding, in addition to those of the
    conversions. ``has_user_options``: the user gave encoder options other than quality.
    """

    frames: Sequence[Frame]
    conversions: Sequence[FrameConversion]
    metadata: Mapping[str, Any]
    options: dict[str, Any]
    page_profiles: Sequence[bytes | None]
    losses: tuple[Loss, ...]
    has_user_options: bool

    def all_losses(self) -> Iterator[Loss]:
        """Yield all losses, those that depend on samples included."""
        for one in self.conversions:
            yield from one.all_losses()
        yield from self.losses


def encoding_of(
    picture: Picture, format_name: str, save: Mapping[str, Any], strip: bool
) -> Encoding:
    """Decide how a picture is written in a format, other than as an array.

    ``save`` holds the user's options for Pillow's encoder. Raises :class:`ImageError` where the
    format cannot hold the picture; warns with :class:`ImageWarning` of what it does not keep.
    """
    frames, metadata = frames_for(picture, format_name)
    check_icon(frames[0].size, format_name)
    profiles = _profiles(frames, metadata)
    is_still = len(frames) == 1
    conversions = _conversions(frames, format_name, profiles)
    if not is_still and format_name not in formats.PAGE_FORMATS:
        if len(set(profiles)) > 1:
            conversions, profiles = in_one_space(conversions, profiles, format_name), [None]
        if not conversions[0].is_deep:
            conversions = unified(conversions)
    if strip:
        metadata = stripped(metadata)
    elif profiles[0] is None or not suits(profiles[0], conversions[0].mode):
        metadata.pop("icc_profile", None)
    has_user_options = not save.keys() <= {"quality"}
    losses: tuple[Loss, ...] = ()
    if format_name == "GIF" and not is_still and not has_user_options:
        from convcli.images.conversion.palettes import palette_losses  # for this format alone

        losses = palette_losses(conversions[0].mode, format_name)
    return Encoding(
        frames,
        conversions,
        metadata,
        _options(
            metadata, format_name, frames, save, is_deep=any(one.is_deep for one in conversions)
        ),
        profiles if format_name == "TIFF" and len(set(profiles)) > 1 and not strip else (),
        losses,
        has_user_options,
    )


def _conversions(
    frames: Sequence[Frame], format_name: str, profiles: Sequence[bytes | None]
) -> list[FrameConversion]:
    """Return the conversion of each frame; frames of one kind share theirs, and its warnings."""
    known: dict[tuple[object, ...], FrameConversion] = {}
    kinds = {(frame.mode, frame.raster.channels, frame.raster.dtype) for frame in frames}
    is_alike = len(kinds) == 1 and len(set(profiles)) == 1
    conversions: list[FrameConversion] = []
    for frame, profile in zip(frames, profiles, strict=True):
        kind = (frame.mode, frame.raster.channels, frame.raster.dtype, profile)
        if kind not in known:
            known[kind] = frame_conversion(
                frame, format_name, profile, is_animated=len(frames) > 1, is_alike=is_alike
            )
        conversions.append(known[kind])
    return conversions


def _options(
    metadata: Mapping[str, Any],
    format_name: str,
    frames: Sequence[Frame],
    save: Mapping[str, Any],
    *,
    is_deep: bool,
) -> dict[str, Any]:
    compression = save.get("compression", metadata.get("compression"))
    compression = None if compression == "raw" else compression
    # Only libtiff, which Pillow compresses with, takes no tables within the table of tags.
    by_libtiff = None if is_deep else compression
    options = encoder_options(metadata, format_name, frames[0].size, by_libtiff)
    if is_deep and format_name == "TIFF" and compression:
        options["compression"] = compression
    if format_name in ("JPEG", "MPO") and _keeps_tables(metadata, save):
        options["qtables"] = metadata["qtables"]
        options["subsampling"] = max(0, metadata.get("subsampling", 0))
    elif format_name in ("JPEG", "MPO", "PDF"):
        options["quality"] = JPEG_QUALITY
        if save.get("quality", JPEG_QUALITY) in _FINE and "qtables" not in save:
            options["subsampling"] = max(0, metadata.get("subsampling", 0))
    if format_name in ("JPEG", "MPO") and metadata.get("progressive"):
        options["progressive"] = save.get("progression", True)  # an alias in Pillow
    if format_name == "WEBP" and metadata.get("lossless") and "quality" not in save:
        options["lossless"] = True
    if len(frames) > 1:
        options |= animation_options(format_name, metadata)
    options |= save
    if options.get("progressive") is False:  # the default; the threaded encoder has no such option
        del options["progressive"]
    if format_name == "TIFF" and options.get("compression") != "jpeg":
        # Pillow raises a ValueError for it, and has no issue for it (seen in 13.0).
        options.pop("quality", None)
    return options


def _keeps_tables(metadata: Mapping[str, Any], save: Mapping[str, Any]) -> bool:
    """Return whether a JPEG gets the quantisation of the JPEG that it was read from."""
    return "qtables" in metadata and not save.keys() & {"quality", "qtables"}


def _profiles(frames: Sequence[Frame], metadata: Mapping[str, Any]) -> list[bytes | None]:
    """Return the ICC profile of each frame, or None where it is for another colour space."""
    same = [metadata.get("icc_profile")] * len(frames)
    profiles: list[bytes | None] = []
    for profile, frame in zip(metadata.get("page_profiles", same), frames, strict=True):
        fits = profile is not None and suits(profile, frame.mode)
        if profile and not fits and not is_srgb(profile):
            warn("its ICC profile is for other colours than the result has, and left out")
        profiles.append(profile if fits else None)
    return profiles

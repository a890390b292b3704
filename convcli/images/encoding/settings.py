"""What of a picture goes into a file of a format, and how: decided without its samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from convcli.images import formats
from convcli.images.codecs.icons import check_icon
from convcli.images.conversion.changes import Loss
from convcli.images.conversion.coerce import Fitting, fitting, in_one_space, unified
from convcli.images.conversion.icc import is_srgb, suits
from convcli.images.encoding.frames import animation_options, frames_for
from convcli.images.metadata.encoder_options import encoder_options, stripped
from convcli.images.picture import Frame, Picture
from convcli.system.warn import warn

JPEG_QUALITY = 90
_FINE = range(90, 101)
"""Qualities that keep colour in a JPEG as fine as grey, unless it was coarser in the source."""


class Encoding(NamedTuple):
    """How a picture is written.

    ``fittings`` are of the ``frames`` that go into the file; ``metadata`` is that of the result,
    and ``options`` are those of Pillow's encoder, but for what takes the frames' samples.
    ``page_profiles`` are those of a TIFF whose pages differ in them. ``losses`` are found out while
    frames are written, beside those of their fittings. ``is_free`` says that nobody asked for
    options of Pillow's encoder.
    """

    frames: Sequence[Frame]
    fittings: Sequence[Fitting]
    metadata: Mapping[str, Any]
    options: dict[str, Any]
    page_profiles: Sequence[bytes | None]
    losses: tuple[Loss, ...]
    is_free: bool

    def all_losses(self) -> Iterator[Loss]:
        """Give what may be lost, where that depends on samples."""
        for one in self.fittings:
            yield from one.all_losses()
        yield from self.losses


def encoding_of(
    picture: Picture, format_name: str, wishes: Mapping[str, Any], strip: bool
) -> Encoding:
    """Decide how a picture is written in a format, other than as an array.

    ``wishes`` are the user's options for Pillow's encoder. Raises :class:`ImageError` for what the
    format cannot hold, and warns with :class:`ImageWarning` of what it does not.
    """
    frames, metadata = frames_for(picture, format_name)
    check_icon(frames[0].size, format_name)
    profiles = _profiles(frames, metadata)
    is_still = len(frames) == 1
    fittings = _fittings(frames, format_name, profiles)
    if not is_still and format_name not in formats.PAGE_FORMATS:
        if len(set(profiles)) > 1:
            fittings, profiles = in_one_space(fittings, profiles, format_name), [None]
        fittings = unified(fittings)
    if strip:
        metadata = stripped(metadata)
    elif profiles[0] is None or not suits(profiles[0], fittings[0].mode):
        metadata.pop("icc_profile", None)
    is_free = wishes.keys() <= {"quality"}
    losses: tuple[Loss, ...] = ()
    if format_name == "GIF" and not is_still and is_free:
        from convcli.images.conversion.palettes import palette_losses  # for this format alone

        losses = palette_losses(fittings[0].mode, format_name)
    return Encoding(
        frames,
        fittings,
        metadata,
        _options(metadata, format_name, frames, wishes),
        profiles if format_name == "TIFF" and len(set(profiles)) > 1 and not strip else (),
        losses,
        is_free,
    )


def _fittings(
    frames: Sequence[Frame], format_name: str, profiles: Sequence[bytes | None]
) -> list[Fitting]:
    """Return how each frame is fitted: decided once for frames that are alike."""
    known: dict[tuple[object, ...], Fitting] = {}
    fittings: list[Fitting] = []
    for frame, profile in zip(frames, profiles, strict=True):
        kind = (frame.mode, frame.raster.channels, frame.raster.dtype, profile)
        if kind not in known:
            known[kind] = fitting(frame, format_name, profile, is_animated=len(frames) > 1)
        fittings.append(known[kind])
    return fittings


def _options(
    metadata: Mapping[str, Any],
    format_name: str,
    frames: Sequence[Frame],
    wishes: Mapping[str, Any],
) -> dict[str, Any]:
    compression = wishes.get("compression", metadata.get("compression"))
    compression = None if compression == "raw" else compression
    options = encoder_options(metadata, format_name, frames[0].size, compression)
    if format_name in ("JPEG", "MPO", "PDF"):
        options["quality"] = JPEG_QUALITY
        if wishes.get("quality", JPEG_QUALITY) in _FINE and "qtables" not in wishes:
            options["subsampling"] = max(0, metadata.get("subsampling", 0))
    if format_name in ("JPEG", "MPO") and metadata.get("progressive"):
        options["progressive"] = wishes.get("progression", True)  # its name in older handbooks
    if format_name == "WEBP" and metadata.get("lossless") and "quality" not in wishes:
        options["lossless"] = True
    if len(frames) > 1:
        options |= animation_options(format_name, metadata)
    options |= wishes
    if options.get("progressive") is False:  # as it is without: the encoder on threads can do it
        del options["progressive"]
    if format_name == "TIFF" and options.get("compression") != "jpeg":
        options.pop("quality", None)  # of which Pillow's encoder would complain
    return options


def _profiles(frames: Sequence[Frame], metadata: Mapping[str, Any]) -> list[bytes | None]:
    """Return the ICC profile of each frame; none where it is for other colours than it has now."""
    same = [metadata.get("icc_profile")] * len(frames)
    profiles: list[bytes | None] = []
    for profile, frame in zip(metadata.get("page_profiles", same), frames, strict=True):
        is_apt = profile is not None and suits(profile, frame.mode)
        if profile and not is_apt and not is_srgb(profile):
            warn("its ICC profile is for other colours than the result has, and left out")
        profiles.append(profile if is_apt else None)
    return profiles

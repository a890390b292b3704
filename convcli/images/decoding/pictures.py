"""An opened image file as a picture: decoded, or predicted from its headers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, BinaryIO

from PIL import Image

from convcli.errors import ImageError, ImageWarning
from convcli.images.conversion.changes import Loss
from convcli.images.conversion.icc import suits
from convcli.images.decoding.modes import frame_kind, frame_of, wide_frame_of
from convcli.images.decoding.opened import Opened
from convcli.images.decoding.orientation import upright_size, upright_turn
from convcli.images.decoding.wide_samples import turned
from convcli.images.metadata.exif_tags import ICC_PROFILE
from convcli.images.metadata.read_metadata import read_metadata
from convcli.images.picture import Frame, Picture
from convcli.images.raster import PillowRaster
from convcli.system.warn import warn

_ANIMATED = frozenset({"AVIF", "FLI", "GIF", "PNG", "WEBP"})


def decode_picture(
    opened: Opened, file: BinaryIO, mode: str | None, *, only_first: bool
) -> Picture:
    """Return the picture of an opened image. Raises and warns as ``read_image``."""
    pages = _Pages(opened)
    with _broken_is_an_image_error(), opened.image:  # closing the file keeps the pixels
        for image in islice(opened.frames(), 1 if only_first else None):
            turn, profile = pages.header(image)
            if (wide := opened.wide) is not None:
                samples = turned(wide.samples(), turn)
                frame = wide_frame_of(image, pages.format_name, mode, profile, wide.mode, samples)
                pages.add(frame, profile)
                continue
            upright = image if turn is None else image.transpose(turn)
            # A frame shares its memory with the next one, unless it is the only one.
            own = upright is not image or opened.count == 1
            pages.add(frame_of(upright, pages.format_name, mode, profile, own=own), profile)
        pages.read_timing()
    if pages.format_name == "GIF" and mode is None:
        pages.frames = _in_one_mode(pages.frames)
    picture = pages.picture(file)
    opened.release()
    return picture


def predict_picture(
    opened: Opened, file: BinaryIO, mode: str | None, *, only_first: bool
) -> tuple[Picture, list[Loss]]:
    """Return the picture without samples, and the losses that depend on samples.

    Raises and warns as ``read_image``. Frames of an animation are taken to be like the first one.
    """
    pages = _Pages(opened)
    losses: list[Loss] = []
    with _broken_is_an_image_error(), opened.image:
        for image in islice(opened.unread(), 1 if only_first else None):
            turn, profile = pages.header(image)
            wide = "" if opened.wide is None else opened.wide.mode
            kind = frame_kind(image, pages.format_name, mode, profile, wide)
            losses += kind.losses()
            pages.add(kind.unread(upright_size(image, turn)), profile)
        if not (only_first or pages.is_tiff):
            pages.repeat_first(opened.count, file)
        pages.read_timing()
    return pages.picture(file), losses


class _Pages:
    """The frames or pages of one file, added in order, and what goes with them."""

    def __init__(self, opened: Opened) -> None:
        self.frames: list[Frame] = []
        self.format_name = opened.image.format or ""
        self.is_tiff = self.format_name == "TIFF"  # whose pages differ in everything
        self._opened = opened
        self._turn: Image.Transpose | None = None
        self._metadata: dict[str, Any] = {}
        self._durations: list[float] = []
        self._profiles: list[bytes | None] = []

    def header(self, image: Image.Image) -> tuple[Image.Transpose | None, bytes | None]:
        """Read the header of the next page; return its turn to upright and its ICC profile."""
        is_first = not self.frames
        if is_first or self.is_tiff:
            self._turn = upright_turn(image)
        if is_first:
            self._metadata = read_metadata(image)
        self._durations.append(image.info.get("duration", 0))
        profile = self._metadata.get("icc_profile")
        if self.is_tiff:
            # ``info`` keeps the profile of an earlier page for a page without one (Pillow 13.0, no
            # issue known: seek past a page with a profile and look at ``info``).
            profile = bytes(getattr(image, "tag_v2", {}).get(ICC_PROFILE) or b"") or None
        return self._turn, profile

    def add(self, frame: Frame, profile: bytes | None) -> None:
        """Add a page whose header was read last."""
        self.frames.append(frame)
        self._profiles.append(profile if profile and suits(profile, frame.mode) else None)

    def repeat_first(self, count: int, file: BinaryIO) -> None:
        """Take all ``count`` frames to be like the first; durations are read where headers say."""
        self.frames, self._profiles = self.frames * count, self._profiles * count
        image = self._opened.image
        if self.format_name == "WEBP":
            from convcli.images.codecs.webp import durations  # for this format alone

            self._durations = list(durations(file))
        # Headers do not have the durations of an AVIF, nor of a PNG with a still picture first.
        elif self.format_name == "AVIF" or getattr(image, "default_image", False):
            self._durations = [1] * count
        else:
            self._durations *= count

    def read_timing(self) -> None:
        """Add durations and plays to the metadata of an animation."""
        if len(self.frames) > 1 and self.format_name in _ANIMATED:
            self._metadata |= _timing(self._opened.image, self._durations)

    def picture(self, file: BinaryIO) -> Picture:
        """Return the picture of all frames; warns of bits that Pillow does not read."""
        metadata = self._metadata
        if self._profiles[0] is None:
            metadata.pop("icc_profile", None)
        if self.is_tiff and len(set(self._profiles)) > 1:
            metadata["page_profiles"] = self._profiles
        if self.format_name == "WEBP":
            from convcli.images.codecs.webp import is_lossless  # for this format alone

            metadata |= {"lossless": True} if is_lossless(file) else {}
        if self._opened.bits > 8:
            warn(f"{self._opened.bits} bits a channel, of which Pillow reads 8 in colour pictures")
        return Picture(tuple(self.frames), self.format_name, metadata)


@contextmanager
def _broken_is_an_image_error() -> Iterator[None]:
    """Turn an error of any kind into an ImageError: broken files raise all kinds in Pillow."""
    try:
        yield
    except (ImageError, ImageWarning, MemoryError):  # warnings can be set to raise
        raise
    except Exception as error:
        raise ImageError(f"the image is broken: {error or type(error).__name__}") from error


def _in_one_mode(frames: list[Frame]) -> list[Frame]:
    """Return frames of a GIF with transparency in all of them, if it is in some."""
    if len({frame.mode for frame in frames}) == 1:
        return frames
    return [_with_transparency(frame) for frame in frames]


def _with_transparency(frame: Frame) -> Frame:
    raster = frame.raster
    assert isinstance(raster, PillowRaster)
    return Frame(PillowRaster(raster.image.convert("RGBA")), "RGBA")


def _timing(image: Image.Image, durations: list[float]) -> dict[str, Any]:
    """Return the durations of an animation, and how often it plays."""
    timing: dict[str, Any] = {"durations": durations}
    loop = image.info.get("loop")
    if image.format == "GIF":
        # GIF counts repetitions; without a count it plays once.
        timing["plays"] = 1 if loop is None else loop and loop + 1
    elif loop is not None:
        timing["plays"] = loop
    if getattr(image, "default_image", False):
        timing["has_poster"] = True
    return timing

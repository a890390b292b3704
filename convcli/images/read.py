"""Files to pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, BinaryIO

from PIL import Image

from convcli.errors import ImageError, ImageWarning
from convcli.images.conversion.changes import Loss
from convcli.images.conversion.icc import suits
from convcli.images.decoding.array_files import array_header, array_picture
from convcli.images.decoding.deep_files import deep_file, deep_picture
from convcli.images.decoding.modes import frame_kind, frame_of, wide_frame_of
from convcli.images.decoding.opened import Opened, limit_of
from convcli.images.decoding.wide_samples import turned
from convcli.images.metadata.read_metadata import read_metadata
from convcli.images.picture import Frame, Picture
from convcli.images.raster import PillowRaster
from convcli.system.warn import warn

_NPY_MAGIC = b"\x93NUMPY"

_ORIENTATION = 0x0112  # the EXIF tag
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ACROSS = (
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
)
"""Those that swap width and height."""

_TIFF_PROFILE = 0x8773
_ANIMATED = frozenset({"AVIF", "FLI", "GIF", "PNG", "WEBP"})


def read_image(
    source: str | os.PathLike[str] | BinaryIO | bytes,
    *,
    mode: str | None = None,
    frames: str = "all",
    max_pixels: int | None = None,
    decoding: Opened | None = None,
) -> Picture:
    r"""Read an image file, or a ``.npy`` array.

    ``source`` is a path, a binary file or the bytes themselves; ``mode`` (L, RGB, RGBA, CMYK)
    converts; ``frames`` is "all" or "first". The picture comes upright (an EXIF orientation is
    applied), palettes expanded, 16-bit grey with all its bits. A file of more than ``max_pixels``
    pixels (by default Pillow's limit against decompression bombs) is refused.

    An array is (H, W), (C, H, W) or (N, C, H, W). Floats are taken as they are. uint8 and uint16
    are pixels: they are divided by 255 and 65535, as those of an image file are, which an
    :class:`ImageWarning` says; a result of them is float32 on the 0-1 scale.

    ``decoding`` is what :func:`~convcli.images.decoding.opened.decode_ahead` returned for
    ``source``: the file is then not opened again.

    Raises :class:`ImageError` where the file cannot be read; warns with :class:`ImageWarning`
    of what is not kept.

    >>> from convcli import read_image
    >>> picture = read_image(b"P5 3 1 255 \x00\x33\xff")  # the bytes of a PGM file
    >>> picture.format, picture.tensor.shape
    ('PPM', (1, 1, 3))
    >>> picture.tensor
    array([[[0. , 0.2, 1. ]]], dtype=float32)
    """
    with opened_source(source) as (file, place, is_array):
        if is_array:
            header = array_header(file, limit_of(max_pixels))
            return array_picture(file, header, mode, frames == "first", decode=True)
        deep = deep_file(file, place)
        if deep is not None:
            return deep_picture(deep, mode, frames == "first", limit_of(max_pixels))
        is_decoding = decoding is not None and decoding.path == place
        opened = decoding if is_decoding and decoding is not None else Opened(place, max_pixels)
        return picture_of(opened, file, mode, frames == "first")


@contextmanager
def opened_source(
    source: str | os.PathLike[str] | BinaryIO | bytes,
) -> Iterator[tuple[BinaryIO, str | BinaryIO, bool]]:
    """Give a file that seeks, what Pillow shall open, and whether the file is an array.

    Errors of the block name the path, where there is one.
    """
    with _naming(source), _readable(source) as (file, place):
        head = file.read(len(_NPY_MAGIC))
        file.seek(0)
        if not head:
            raise ImageError("the file is empty")
        yield file, place, head == _NPY_MAGIC


@contextmanager
def _naming(source: object) -> Iterator[None]:
    """Name the path, where there is one, in errors of the block."""
    if not isinstance(source, (str, os.PathLike)):
        yield
        return
    path = os.fspath(source)
    try:
        yield
    except FileNotFoundError:
        raise ImageError(f"{path}: there is no such file") from None
    except OSError as error:
        raise ImageError(f"{path}: it cannot be read: {error.strerror or error}") from error
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error.__cause__
    except ValueError as error:
        if "\0" not in str(path):
            raise
        raise ImageError(f"{path!r}: {error}") from None


@contextmanager
def _readable(
    source: str | os.PathLike[str] | BinaryIO | bytes,
) -> Iterator[tuple[BinaryIO, str | BinaryIO]]:
    """Give a file that seeks, and what Pillow shall open: a path tells it the format."""
    if isinstance(source, bytes):
        file: BinaryIO = BytesIO(source)
        yield file, file
    elif not isinstance(source, (str, os.PathLike)):
        yield source, source
    elif os.path.isdir(source):
        raise ImageError("it is a folder, not an image")
    else:
        with open(source, "rb") as file:
            if file.seekable():
                yield file, os.fspath(source)
            else:
                buffer = BytesIO(file.read())
                yield buffer, buffer


def picture_of(
    opened: Opened,
    file: BinaryIO,
    mode: str | None,
    only_first: bool,
    *,
    losses: list[Loss] | None = None,
) -> Picture:
    """Return the picture of an opened image. Raises and warns as :func:`read_image`.

    With a list for ``losses`` nothing is decoded: frames have no samples, those of an animation are
    taken to be as the first is, and what depends on samples is added to the list.
    """
    decode = losses is None
    format_name = opened.image.format or ""
    is_tiff = format_name == "TIFF"  # whose pages differ in everything
    frames: list[Frame] = []
    metadata: dict[str, Any] = {}
    durations: list[float] = []
    profiles: list[bytes | None] = []
    try:
        with opened.image:  # closes the file and leaves the pixels
            for image in opened.frames() if decode else opened.unread():
                if not frames or is_tiff:
                    turn = _turn(image)
                if not frames:
                    metadata = read_metadata(image)
                durations.append(image.info.get("duration", 0))
                profile = metadata.get("icc_profile")
                if is_tiff:  # a page without one has that of another in its info
                    profile = bytes(getattr(image, "tag_v2", {}).get(_TIFF_PROFILE) or b"") or None
                wide = opened.wide
                if losses is not None:
                    kind = frame_kind(
                        image, format_name, mode, profile, "" if wide is None else wide.mode
                    )
                    frames.append(kind.unread(_upright_size(image, turn)))
                    losses += kind.losses()
                elif wide is not None:
                    samples = turned(wide.samples(), turn)
                    frames.append(
                        wide_frame_of(image, format_name, mode, profile, wide.mode, samples)
                    )
                else:
                    upright = image if turn is None else image.transpose(turn)
                    # A frame shares its memory with the next one, unless it is the only one.
                    own = upright is not image or opened.count == 1
                    frames.append(frame_of(upright, format_name, mode, profile, own=own))
                profiles.append(profile if profile and suits(profile, frames[-1].mode) else None)
                if only_first:
                    break
            if not (decode or is_tiff or only_first):
                frames, profiles = frames * opened.count, profiles * opened.count
                durations = _foreseen_durations(opened, file, durations[0])
            if len(frames) > 1:
                metadata |= _timing(opened.image, durations)
    except (ImageError, ImageWarning, MemoryError):  # warnings are errors to some
        raise
    # Broken metadata and palettes raise whatever comes up, as broken pixels do.
    except Exception as error:
        raise ImageError(f"the image is broken: {error or type(error).__name__}") from error
    if format_name == "GIF" and mode is None and len({frame.mode for frame in frames}) > 1:
        frames = [_clear(frame) for frame in frames]
    if profiles[0] is None:
        metadata.pop("icc_profile", None)
    if is_tiff and len(set(profiles)) > 1:
        metadata["page_profiles"] = profiles
    if format_name == "WEBP":
        from convcli.images.codecs.webp import is_lossless  # for this format alone

        metadata |= {"lossless": True} if is_lossless(file) else {}
    if opened.bits > 8 and opened.wide is None:
        warn(f"{opened.bits} bits a channel, of which Pillow reads 8 in colour pictures")
    return Picture(tuple(frames), format_name, metadata)


def _upright_size(image: Image.Image, turn: Image.Transpose | None) -> tuple[int, int]:
    """Return the height and width that an image has upright."""
    width, height = image.size
    # A TIFF says the size that it has upright.
    is_lying = turn in _ACROSS and image.format != "TIFF"
    return (width, height) if is_lying else (height, width)


def _foreseen_durations(opened: Opened, file: BinaryIO, first: float) -> list[float]:
    """Return durations of all frames, as far as a header tells that there are any."""
    image = opened.image
    if image.format == "WEBP":
        from convcli.images.codecs.webp import durations  # for this format alone

        return list(durations(file))
    # An AVIF's times come with its frames, as do those of a PNG behind a picture of its own.
    is_silent = image.format == "AVIF" or getattr(image, "default_image", False)
    return [1 if is_silent else first] * opened.count


def _clear(frame: Frame) -> Frame:
    """Return a frame of a GIF with transparency, as others have it that came after it."""
    raster = frame.raster
    assert isinstance(raster, PillowRaster)
    return Frame(PillowRaster(raster.image.convert("RGBA")), "RGBA")


def _turn(image: Image.Image) -> Image.Transpose | None:
    """Return what puts an image upright, by its EXIF or XMP."""
    try:
        # A PNG's own getexif() would decode it.
        return _TURNS.get(Image.Image.getexif(image).get(_ORIENTATION, 1))
    except Exception:  # a broken table raises what comes up; read_metadata() tells of it
        image._exif = None  # else Pillow would then have an empty one
        return None


def _timing(image: Image.Image, durations: list[float]) -> dict[str, Any]:
    """Return the durations of an animation, and how often it plays."""
    if image.format not in _ANIMATED:
        return {}
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

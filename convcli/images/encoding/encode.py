"""A picture encoded into a file: by Pillow, or by a codec of our own where that does better."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from convcli.errors import ImageError
from convcli.images import formats
from convcli.images.conversion.icc import suits
from convcli.images.decoding.pillow_quirks import forget_encoder
from convcli.images.encoding.frames import frame_options
from convcli.images.encoding.settings import Encoding, encoding_of
from convcli.images.picture import Picture
from convcli.images.raster import ArrayRaster
from convcli.system.threads import processors


def encode(
    picture: Picture,
    file: BinaryIO,
    format_name: str,
    save: Mapping[str, Any],
    strip: bool,
    *,
    keeps_integers: bool = False,
) -> None:
    """Write a picture to a file in a format; ``save`` holds the user's options for the encoder.

    An array file holds floats, or with ``keeps_integers`` the samples as they are.

    Raises :class:`ImageError`, and OSError where the file cannot be written; warns with
    :class:`ImageWarning` of what the format cannot hold.
    """
    if format_name == formats.ARRAY_FORMAT:
        array = picture.integers if keeps_integers else picture.tensor
        np.save(file, array, allow_pickle=False)
        return
    encoding = encoding_of(picture, format_name, save, strip)
    if any(one.is_deep for one in encoding.conversions):
        from convcli.images.encoding.deep_files import write_deep  # for few pictures

        with _encoder_errors(format_name):
            write_deep(encoding, file, format_name, picture.format)
        return
    with _encoder_errors(format_name):
        if _write_samples(encoding, file, format_name):
            return
    result = _result(encoding, format_name)
    with _encoder_errors(format_name):
        _ENCODERS.get(format_name, _by_pillow)(result, file)


def _write_samples(encoding: Encoding, file: BinaryIO, format_name: str) -> bool:
    """Write the samples of an array in bands, if the format's codec here can; return whether.

    An image of Pillow's would be a copy of all of them.
    """
    if format_name not in ("JPEG", "PNG") or len(encoding.frames) > 1:
        return False
    frame, conversion = encoding.frames[0], encoding.conversions[0]
    if (
        conversion.sample_changes
        or conversion.changes
        or not isinstance(frame.raster, ArrayRaster)
        or frame.raster.dtype != np.uint8
    ):
        return False
    codec = import_module(f"convcli.images.codecs.{format_name.lower()}")
    if not codec.can_write(conversion.stored, frame.size[::-1], encoding.options):
        return False
    codec.write_raster(frame.raster, conversion.stored, file, encoding.options, processors())
    return True


class _Result(NamedTuple):
    """Images in modes of the format, and the options of Pillow's encoder for them."""

    images: Sequence[Image.Image]
    format_name: str
    options: Mapping[str, Any]
    metadata: Mapping[str, Any]
    has_user_options: bool

    @property
    def is_animated(self) -> bool:
        return len(self.images) > 1


def _result(encoding: Encoding, format_name: str) -> _Result:
    """Make the images of the frames, as decided."""
    images = [
        one.image(frame) for one, frame in zip(encoding.conversions, encoding.frames, strict=True)
    ]
    for image in images:
        forget_encoder(image)
    if encoding.page_profiles:
        images = [images[0], *map(_with_profile, images[1:], encoding.page_profiles[1:])]
    options = encoding.options
    if len(images) > 1:
        has_poster = bool(encoding.metadata.get("has_poster"))
        options = frame_options(images, format_name, has_poster) | options
    return _Result(images, format_name, options, encoding.metadata, encoding.has_user_options)


def _with_profile(page: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a page after the first of a TIFF, with a profile of its own, or none."""
    page = page.copy()
    # Options for this page alone: Pillow's pull request 8483, in Pillow 11.1 and newer.
    page.encoderinfo = {"icc_profile": profile if profile and suits(profile, page.mode) else None}
    return page


@contextmanager
def _encoder_errors(format_name: str) -> Iterator[None]:
    """Turn an encoder's error of any kind into an ImageError, but not an error of the disk."""
    try:
        yield
    except (ImageError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ImageError(f"cannot be written as {format_name}: {error}") from error


def _in_bands(result: _Result, file: BinaryIO) -> None:
    codec = import_module(f"convcli.images.codecs.{result.format_name.lower()}")
    image = result.images[0]
    if codec.can_write(image.mode, image.size, result.options):
        codec.write_image(image, file, result.options, processors())
    else:
        _by_pillow(result, file)


def _gif(result: _Result, file: BinaryIO) -> None:
    if not result.is_animated or result.has_user_options:
        _by_pillow(result, file)
        return
    from convcli.images.codecs.gif import write_animation

    write_animation(result.images, file, result.metadata)


def _icon(result: _Result, file: BinaryIO) -> None:
    from convcli.images.codecs.icons import write_icon

    write_icon(result.images[0], file, result.format_name, result.options)


def _webp(result: _Result, file: BinaryIO) -> None:
    if not result.is_animated or "duration" not in result.options:
        _by_pillow(result, file)
        return
    from convcli.images.codecs.webp import with_all_frames

    durations = result.metadata.get("durations", ())
    file.write(with_all_frames(_in_memory(result).getvalue(), durations))


def _jpeg2000(result: _Result, file: BinaryIO) -> None:
    # On a full disk Pillow's JPEG 2000 encoder does not return (seen in Pillow 13.0, no issue
    # known: save one to /dev/full, opened as "r+b").
    file.write(_in_memory(result).getbuffer())


def _in_memory(result: _Result) -> BytesIO:
    buffer = BytesIO()
    result.images[0].save(buffer, result.format_name, **result.options)
    return buffer


def _by_pillow(result: _Result, file: BinaryIO) -> None:
    result.images[0].save(file, _format_to_name(file, result.format_name), **result.options)


def _format_to_name(file: BinaryIO, format_name: str) -> str | None:
    """Return Pillow's name of the format; None if the file's own name implies it.

    Pillow imports one plugin for a known extension, and all of them for a named format.
    """
    suffix = Path(str(getattr(file, "name", ""))).suffix
    if formats.COMMON.get(suffix.lower().removeprefix(".")) == format_name:
        return None
    return formats.encoder_name(format_name)


_ENCODERS: Mapping[str, Callable[[_Result, BinaryIO], None]] = {
    "GIF": _gif,
    "ICNS": _icon,
    "ICO": _icon,
    "JPEG": _in_bands,
    "JPEG2000": _jpeg2000,
    "PNG": _in_bands,
    "WEBP": _webp,
}
"""What writes a format, where Pillow's ``save`` alone is not enough."""

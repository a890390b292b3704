"""Pictures to files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from convcli.channels import CHANNEL, channel_targets, is_split
from convcli.errors import ImageError, ImageWarning
from convcli.files import replace_all, replacing
from convcli.images import formats
from convcli.images.picture import Frame, Picture, quantized
from convcli.images.raster import ArrayRaster, PillowRaster
from convcli.kernel.threads import processors

JPEG_QUALITY = 90


def write_image(
    picture: Picture | ArrayLike,
    target: str | os.PathLike[str] | BinaryIO,
    *,
    format: str | None = None,
    quality: int | None = None,
    save: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a picture, or an array of (C, H, W) values on the 0-1 scale, to a file.

    The format is that of the extension of ``target``, or ``format``; a binary file as ``target``
    needs it. ``quality`` (1-100) is for the formats that lose: JPEG (90 by default), WebP, AVIF.
    ``save`` goes to Pillow's encoder as it is: ``{"compress_level": 9}``, ``{"lossless": True}``.
    The file appears whole or not at all, and replaces another only with ``overwrite``. Where the
    name has ``{channel}`` in it, every channel becomes a grey picture in a file of its own,
    numbered from 0.

    Raises :class:`ImageError`; warns with :class:`ImageWarning` of what the format cannot hold.
    """
    if not isinstance(picture, Picture):
        picture = Picture.from_array(picture)
    wishes = dict(save or {}) if quality is None else {"quality": quality, **(save or {})}
    if isinstance(target, (str, os.PathLike)):
        path = Path(target)
        chosen = formats.output_format(format or path.suffix)
        try:
            if is_split(path):
                _write_channels(picture, path, overwrite, chosen, wishes)
            else:
                with replacing(path, overwrite) as file:
                    _encode(picture, file, chosen, wishes)
        except ImageError as error:
            message = str(error)
            # The name of a channel's own file begins as that of all.
            if not message.startswith(str(path.parent / path.name.partition(CHANNEL)[0])):
                message = f"{path}: {message}"
            raise ImageError(message) from error.__cause__
    else:
        if format is None:
            raise ImageError("a stream has no extension: name the format")
        # Encoders seek; a pipe cannot.
        buffer = BytesIO()
        _encode(picture, buffer, formats.output_format(format), wishes)
        _send(buffer.getbuffer(), target)


def _write_channels(
    picture: Picture, path: Path, overwrite: bool, format_name: str, wishes: Mapping[str, Any]
) -> None:
    parts = picture.split()
    replace_all(
        channel_targets(path, len(parts)),
        overwrite,
        lambda number, file: _encode(parts[number], file, format_name, wishes),
    )


def _send(data: memoryview, stream: BinaryIO) -> None:
    """Write all of ``data``; an unbuffered stream takes it in parts."""
    try:
        while data:
            data = data[stream.write(data) :]
        stream.flush()
    except BrokenPipeError:  # whoever reads has enough, which is no fault
        raise
    except OSError as error:
        raise ImageError(f"the result cannot be written: {error.strerror or error}") from error


def _encode(picture: Picture, file: BinaryIO, format_name: str, wishes: Mapping[str, Any]) -> None:
    if format_name == formats.ARRAY_FORMAT:
        np.save(file, picture.tensor, allow_pickle=False)
        return
    if len(picture.frames) > 1 and format_name not in formats.FRAME_FORMATS:
        raise ImageError(
            f"{format_name} holds one image, and this has {len(picture.frames)}: "
            "take the first (--frames first), or write gif, png, webp, tif or npy"
        )
    image, *others = (_pillow_image(_fitted(f, format_name), format_name) for f in picture.frames)
    options = dict(picture.metadata)
    if others:
        options |= {"save_all": True, "append_images": others}
        # Each frame is whole: what stood before it must not shine through.
        options |= {"GIF": {"disposal": 2}, "PNG": {"blend": 0}}.get(format_name, {})
    if format_name == "JPEG":
        options["quality"] = JPEG_QUALITY
    options |= wishes
    try:
        if format_name == "PNG":
            from convcli.images import png  # what it needs is for large pictures of this format

            if png.can_write(image, options):
                png.write_png(image, file, options, processors())
                return
        if format_name == "JPEG":
            from convcli.images import jpeg  # as above

            if jpeg.can_write(image, options, processors()):
                jpeg.write_jpeg(image, file, options, processors())
                return
        if format_name == "JPEG2000":  # on a full disk its encoder would go on for ever
            buffer = BytesIO()
            image.save(buffer, format_name, **options)
            file.write(buffer.getbuffer())
            return
        image.save(file, _format_to_name(file, format_name), **options)
    except MemoryError:
        raise
    # Each encoder has its own way to say that it cannot.
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk, not the encoder
            raise
        raise ImageError(f"cannot be written as {format_name}: {error}") from error


def _format_to_name(file: BinaryIO, format_name: str) -> str | None:
    """Return None where the file's own name tells: Pillow then loads that one plugin, not all."""
    suffix = Path(str(getattr(file, "name", ""))).suffix
    return (
        None if formats.COMMON.get(suffix.lower().removeprefix(".")) == format_name else format_name
    )


def _fitted(frame: Frame, format_name: str) -> Frame:
    """Return ``frame`` as the format can hold it; warns of what that loses."""
    raster = frame.raster
    mode = frame.mode or {1: "L", 3: "RGB"}.get(raster.channels, "")
    if not mode:
        raise ImageError(
            f"a result of {raster.channels} channels is no picture (1 is grey, 3 are RGB): "
            "write it to a .npy file, or each channel to its own, with {channel} in the name"
        )
    is_grey = raster.channels == 1
    if raster.dtype == np.float32 and not (is_grey and format_name in formats.FLOAT_FORMATS):
        samples = frame.samples
        if not (np.nanmin(samples) >= 0 and np.nanmax(samples) <= 1):
            _warn(f"values outside 0-1 are clipped: {format_name} holds no floats; .npy does")
        raster = ArrayRaster(quantized(samples, np.dtype(np.uint8)))
    if raster.dtype == np.uint16 and not (is_grey and format_name in formats.SIXTEEN_BIT_FORMATS):
        _warn(f"16 bits become 8: {format_name} holds no more")
        raster = ArrayRaster(np.rint(frame.samples / np.float32(257)).astype(np.uint8))
    if mode in ("LA", "RGBA") and format_name not in formats.ALPHA_FORMATS:
        _warn(f"{format_name} holds no transparency: the picture is laid on white")
        samples = raster.read(0, raster.size[0])
        alpha = samples[:, :, -1:].astype(np.float32) / 255
        laid = samples[:, :, :-1] * alpha + 255 * (1 - alpha)
        raster = ArrayRaster(np.rint(laid).astype(np.uint8))
        mode = mode.removesuffix("A")
    return Frame(raster, mode)


def _pillow_image(frame: Frame, format_name: str) -> Image.Image:
    image = _as_it_lies(frame)
    if frame.mode == "CMYK" and format_name not in formats.CMYK_FORMATS:
        _warn(f"{format_name} holds no CMYK: converted to RGB without a profile")
        return image.convert("RGB")
    return image.convert("1") if format_name in formats.BILEVEL_FORMATS else image


def _as_it_lies(frame: Frame) -> Image.Image:
    if isinstance(frame.raster, PillowRaster):
        return frame.raster.image
    samples = np.ascontiguousarray(frame.samples)
    if samples.dtype != np.uint8:
        return Image.fromarray(samples[:, :, 0])
    height, width = frame.size
    return Image.frombuffer(frame.mode, (width, height), samples, "raw", frame.mode, 0, 1)


def _warn(text: str) -> None:
    warnings.warn(text, ImageWarning, 5)

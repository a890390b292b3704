"""Pictures to files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from convcli.errors import ExistsError, ImageError
from convcli.images import formats
from convcli.images.conversion.changes import Loss
from convcli.images.conversion.icc import suits
from convcli.images.decoding.pillow_quirks import forget_encoder
from convcli.images.encoding.deep_files import write_deep
from convcli.images.encoding.frames import frame_options
from convcli.images.encoding.save_options import check_save_options
from convcli.images.encoding.settings import Encoding, encoding_of
from convcli.images.picture import Picture
from convcli.images.split_names import has_channels, has_frames, is_split, part_targets, prefix
from convcli.system.atomic_files import replace_all, replacing
from convcli.system.threads import processors


def write_image(
    picture: Picture | ArrayLike,
    target: str | os.PathLike[str] | BinaryIO,
    *,
    format: str | None = None,
    quality: int | None = None,
    save: Mapping[str, Any] | None = None,
    strip: bool = False,
    overwrite: bool = False,
    check: Callable[[], object] | None = None,
) -> None:
    r"""Write a picture, or an array of (C, H, W) values on the 0-1 scale, to a file.

    The format is that of the extension of ``target``, or ``format``; a binary file as ``target``
    needs it. ``quality`` (1-100) is for the formats that lose: JPEG (90 by default), WebP, AVIF.
    ``save`` goes to Pillow's encoder as it is: ``{"compress_level": 9}``, ``{"lossless": True}``;
    a key that the format's encoder does not know is an error.
    ``strip`` leaves out what is not pixels: profile, EXIF, text; timing of an animation stays.
    The file appears whole or not at all, and replaces another only with ``overwrite``. ``check``
    is called when all is encoded: what it raises leaves the target as it was.

    Where the name has ``{channel}`` in it, every channel becomes a grey picture in a file of its
    own, and with ``{frame}`` every frame or page does; both are numbered from 0.

    Raises :class:`ImageError`; warns with :class:`ImageWarning` of what the format cannot hold.

    >>> import io
    >>> import numpy as np
    >>> from convcli import write_image
    >>> file = io.BytesIO()
    >>> write_image(np.linspace(0, 1, 6).reshape(1, 2, 3), file, format="pgm")  # (C, H, W)
    >>> file.getvalue()
    b'P5\n3 2\n255\n\x003f\x99\xcc\xff'
    """
    if not isinstance(picture, Picture):
        picture = Picture.from_array(picture)
    if isinstance(target, (str, os.PathLike)):
        path = Path(target)
        chosen = formats.output_format(format or path.suffix)
        with _naming(path):
            wishes = _wishes(chosen, quality, save)
            if is_split(path):
                _write_parts(picture, path, overwrite, chosen, wishes, strip, check)
            else:
                with replacing(path, overwrite) as file:
                    _encode(picture, file, chosen, wishes, strip)
                    if check is not None:
                        check()
    else:
        if format is None:
            raise ImageError("a stream has no extension: name the format")
        chosen = formats.output_format(format)
        wishes = _wishes(chosen, quality, save)
        # Encoders seek; a pipe cannot.
        buffer = BytesIO()
        _encode(picture, buffer, chosen, wishes, strip)
        if check is not None:
            check()
        _send(buffer.getbuffer(), target)


def predict_write(
    picture: Picture,
    target: str | os.PathLike[str] | None,
    *,
    format: str,
    quality: int | None = None,
    save: Mapping[str, Any] | None = None,
    strip: bool = False,
    check: Callable[[], object] | None = None,
) -> list[Loss]:
    """Refuse and warn as :func:`write_image` would, for a picture that needs to have no samples.

    ``target`` is None for a stream; ``check`` is called last. Nothing is written. Returns what may
    be lost besides, where that depends on samples. Raises :class:`ImageError`; warns with
    :class:`ImageWarning`.
    """
    chosen = formats.output_format(format)
    path = None if target is None else Path(target)
    losses: list[Loss] = []
    with nullcontext() if path is None else _naming(path):
        wishes = _wishes(chosen, quality, save)
        for part in [picture] if path is None else _parts(picture, path)[1]:
            losses += _predicted(part, chosen, wishes, strip)
        if check is not None:
            check()
    return losses


def _predicted(
    picture: Picture, format_name: str, wishes: Mapping[str, Any], strip: bool
) -> list[Loss]:
    if format_name == formats.ARRAY_FORMAT:
        picture.check_alike()
        return []
    losses = dict.fromkeys(encoding_of(picture, format_name, wishes, strip).all_losses())
    for loss in losses:
        if not loss.condition:
            loss.warn()
    return [loss for loss in losses if loss.condition]


def _wishes(
    format_name: str, quality: int | None, save: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the user's options for Pillow's encoder; refuses those that it does not know."""
    check_save_options(format_name, save or {})
    return dict(save or {}) if quality is None else {"quality": quality, **(save or {})}


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the result in errors of the block."""
    try:
        yield
    except ExistsError:
        raise
    except ImageError as error:
        message = str(error)
        # The name of a part's own file begins as that of all.
        if not message.startswith(str(path.parent / prefix(path.name))):
            message = f"{path}: {message}"
        raise ImageError(message) from error.__cause__


def _write_parts(
    picture: Picture,
    path: Path,
    overwrite: bool,
    format_name: str,
    wishes: Mapping[str, Any],
    strip: bool,
    check: Callable[[], object] | None,
) -> None:
    """Write each frame, each channel, or each channel of each frame to a file of its own."""
    counts, parts = _parts(picture, path)

    def write(number: int, file: BinaryIO) -> None:
        _encode(next(parts), file, format_name, wishes, strip)
        if check is not None:
            check()

    replace_all(part_targets(path, counts), overwrite, write)


def _parts(picture: Picture, path: Path) -> tuple[list[int], Iterator[Picture]]:
    """Return the pictures that go to files of their own, and how many they are of each frame."""
    pages = picture.pages() if has_frames(path) else [picture]
    split = (page.split() if has_channels(path) else [page] for page in pages)
    counts = [page.channels if has_channels(path) else 1 for page in pages]
    return counts, chain.from_iterable(split)


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


def _encode(
    picture: Picture, file: BinaryIO, format_name: str, wishes: Mapping[str, Any], strip: bool
) -> None:
    if format_name == formats.ARRAY_FORMAT:
        np.save(file, picture.tensor, allow_pickle=False)
        return
    encoding = encoding_of(picture, format_name, wishes, strip)
    if any(one.is_deep for one in encoding.fittings):
        with _as_encoder_errors(format_name):
            write_deep(encoding, file, format_name)
        return
    images = [
        one.image(frame) for one, frame in zip(encoding.fittings, encoding.frames, strict=True)
    ]
    for image in images:
        forget_encoder(image)
    if encoding.page_profiles:
        images = [images[0], *map(_with_profile, images[1:], encoding.page_profiles[1:])]
    with _as_encoder_errors(format_name):
        _save(images, file, format_name, encoding)


@contextmanager
def _as_encoder_errors(format_name: str) -> Iterator[None]:
    """Turn what an encoder raises into an ImageError."""
    try:
        yield
    except (ImageError, MemoryError):
        raise
    # Each encoder has its own way to say that it cannot.
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk, not the encoder
            raise
        raise ImageError(f"cannot be written as {format_name}: {error}") from error


def _with_profile(page: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a page after the first of a TIFF, with a profile of its own, or none."""
    page = page.copy()
    # Where Pillow looks for what is said of this page alone.
    page.encoderinfo = {"icc_profile": profile if profile and suits(profile, page.mode) else None}
    return page


def _save(
    images: Sequence[Image.Image], file: BinaryIO, format_name: str, encoding: Encoding
) -> None:
    """Write by Pillow, or by what does it better."""
    image, options, metadata = images[0], encoding.options, encoding.metadata
    if len(images) > 1:
        own = frame_options(images, format_name, bool(metadata.get("has_poster")))
        options = own | options
    if format_name == "PNG":
        from convcli.images.codecs import png  # what it needs is for large pictures of this format

        if png.can_write(image, options):
            png.write_png(image, file, options, processors())
            return
    elif format_name == "JPEG":
        from convcli.images.codecs import jpeg  # as above

        if jpeg.can_write(image, options):
            jpeg.write_jpeg(image, file, options, processors())
            return
    elif format_name == "GIF" and len(images) > 1 and encoding.is_free:
        from convcli.images.codecs.gif import write_animation

        write_animation(images, file, metadata)
        return
    elif format_name in ("ICO", "ICNS"):
        from convcli.images.codecs.icons import write_icon

        write_icon(image, file, format_name, options)
        return
    elif format_name == "WEBP" and "duration" in options and len(images) > 1:
        from convcli.images.codecs.webp import with_all_frames

        buffer = BytesIO()
        image.save(buffer, format_name, **options)
        file.write(with_all_frames(buffer.getvalue(), metadata.get("durations", ())))
        return
    elif format_name == "JPEG2000":  # on a full disk its encoder would go on for ever
        buffer = BytesIO()
        image.save(buffer, format_name, **options)
        file.write(buffer.getbuffer())
        return
    image.save(file, _format_to_name(file, format_name), **options)


def _format_to_name(file: BinaryIO, format_name: str) -> str | None:
    """Return None where the file's own name tells: Pillow then loads that one plugin, not all."""
    suffix = Path(str(getattr(file, "name", ""))).suffix
    if formats.COMMON.get(suffix.lower().removeprefix(".")) == format_name:
        return None
    return formats.encoder_name(format_name)

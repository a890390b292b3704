"""Pictures to files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from numpy.typing import ArrayLike

from convcli.errors import ExistsError, ImageError
from convcli.images import formats
from convcli.images.conversion.changes import Loss
from convcli.images.encoding.encode import encode
from convcli.images.encoding.save_options import check_save_options, with_pairs
from convcli.images.encoding.settings import encoding_of
from convcli.images.picture import Picture
from convcli.images.split_names import has_channels, has_frames, is_split, part_targets, prefix
from convcli.system.atomic_files import replace_all, replacing


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
    depth: str | None = None,
) -> None:
    r"""Write a picture, or an array of (C, H, W) values on the 0-1 scale, to a file.

    The format is that of the extension of ``target``, or ``format``; a binary file as ``target``
    needs it. ``quality`` (1-100) is for lossy formats: JPEG (90 by default), WebP, AVIF.
    ``save`` holds options of Pillow's encoder: ``{"compress_level": 9}``, ``{"lossless": True}``;
    a key that the format's encoder does not have is an error.
    ``strip`` leaves out all metadata (profile, EXIF, text), but not the timing of an animation.
    The file appears whole or not at all, and replaces another only with ``overwrite``. ``check``
    is called once all is encoded; if it raises an error, the target is left unchanged.
    ``depth`` ("8", "16" or "float") changes the depth of the samples first; without it an array
    file (``.npy``) holds floats, and other formats the picture's depth as far as they can.

    With ``{channel}`` in the name, every channel becomes a grey picture in a file of its own; with
    ``{frame}``, every frame or page does. Both are numbered from 0.

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
    if depth is not None:
        picture = picture.at_depth(depth)
    write_file = partial(encode, keeps_integers=depth is not None)
    if isinstance(target, (str, os.PathLike)):
        path = Path(target)
        chosen = formats.output_format(format or path.suffix)
        with _naming(path):
            options = _user_options(chosen, quality, save)
            if is_split(path):
                write = partial(write_file, format_name=chosen, save=options, strip=strip)
                _write_parts(picture, path, overwrite, write, check)
            else:
                with replacing(path, overwrite) as file:
                    write_file(picture, file, chosen, options, strip)
                    if check is not None:
                        check()
    else:
        if format is None:
            raise ImageError("a stream has no extension: name the format")
        chosen = formats.output_format(format)
        options = _user_options(chosen, quality, save)
        # Encoders seek; a pipe cannot.
        buffer = BytesIO()
        write_file(picture, buffer, chosen, options, strip)
        if check is not None:
            check()
        _send(buffer.getbuffer(), target)


def encode_image(
    picture: Picture,
    name: str,
    *,
    format: str,
    quality: int | None = None,
    save: Mapping[str, Any] | None = None,
    strip: bool = False,
    depth: str | None = None,
    check: Callable[[], object] | None = None,
) -> list[tuple[str, memoryview]]:
    """Return the names and contents of the files that :func:`write_image` would write.

    That is one, or one for each channel or frame where ``name`` has a field. Raises
    :class:`ImageError`; warns with :class:`ImageWarning`.
    """
    if depth is not None:
        picture = picture.at_depth(depth)
    chosen = formats.output_format(format)
    options = _user_options(chosen, quality, save)
    counts, parts = _parts(picture, Path(name))
    names = [path.name for path in part_targets(Path(name), counts)]
    files: list[tuple[str, memoryview]] = []
    for part, own in zip(parts, names if is_split(Path(name)) else [name], strict=True):
        buffer = BytesIO()
        encode(part, buffer, chosen, options, strip, keeps_integers=depth is not None)
        if check is not None:
            check()
        files.append((own, buffer.getbuffer()))
    return files


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
    """Raise the errors and give the warnings of :func:`write_image`, and write nothing.

    The picture needs no samples; the losses that depend on them are returned. ``target`` is None
    for a stream; ``check`` is called last. Raises :class:`ImageError`; warns with
    :class:`ImageWarning`.
    """
    chosen = formats.output_format(format)
    path = None if target is None else Path(target)
    losses: list[Loss] = []
    with nullcontext() if path is None else _naming(path):
        options = _user_options(chosen, quality, save)
        for part in [picture] if path is None else _parts(picture, path)[1]:
            losses += _predicted(part, chosen, options, strip)
        if check is not None:
            check()
    return losses


def _predicted(
    picture: Picture, format_name: str, options: Mapping[str, Any], strip: bool
) -> list[Loss]:
    if format_name == formats.ARRAY_FORMAT:
        picture.check_alike()
        return []
    losses = dict.fromkeys(encoding_of(picture, format_name, options, strip).all_losses())
    for loss in losses:
        if not loss.condition:
            loss.warn()
    return [loss for loss in losses if loss.condition]


def _user_options(
    format_name: str, quality: int | None, save: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the user's options for the encoder; raises an ImageError for one it does not have."""
    check_save_options(format_name, save or {})
    options = with_pairs(save or {})
    return options if quality is None else {"quality": quality, **options}


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put the path of the result in front of errors in the block."""
    try:
        yield
    except ExistsError:
        raise
    except ImageError as error:
        message = str(error)
        # An error about one part already names that part's own file.
        if not message.startswith(str(path.parent / prefix(path.name))):
            message = f"{path}: {message}"
        raise ImageError(message) from error.__cause__


def _write_parts(
    picture: Picture,
    path: Path,
    overwrite: bool,
    encode: Callable[[Picture, BinaryIO], None],
    check: Callable[[], object] | None,
) -> None:
    """Write each frame, each channel, or each channel of each frame to a file of its own."""
    counts, parts = _parts(picture, path)

    def write(number: int, file: BinaryIO) -> None:
        encode(next(parts), file)
        if check is not None:
            check()

    replace_all(part_targets(path, counts), overwrite, write)


def _parts(picture: Picture, path: Path) -> tuple[list[int], Iterator[Picture]]:
    """Return the number of parts of each frame, and the parts: pictures with files of their own."""
    pages = picture.pages() if has_frames(path) else [picture]
    split = (page.split() if has_channels(path) else [page] for page in pages)
    counts = [page.channels if has_channels(path) else 1 for page in pages]
    return counts, chain.from_iterable(split)


def _send(data: memoryview, stream: BinaryIO) -> None:
    """Write all of ``data``; an unbuffered stream may take only a part at a time."""
    try:
        while data:
            data = data[stream.write(data) :]
        stream.flush()
    except BrokenPipeError:  # the reader has stopped reading, which is no error
        raise
    except OSError as error:
        raise ImageError(f"the result cannot be written: {error.strerror or error}") from error

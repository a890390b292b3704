"""Arrays in ``.npy`` files to pictures."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ImageError
from convcli.images.decoding.opened import check_pixels
from convcli.images.picture import Picture, full_scale
from convcli.system.warn import warn


def array_header(file: BinaryIO, limit: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and dtype of a ``.npy`` array, and leave ``file`` at its start.

    Raises an ImageError if it is broken or has more than ``limit`` pixels; warns with an
    ImageWarning if its values will be scaled.
    """
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else _second_header
        shape, _, dtype = read(file)
    # NumPy raises errors of many kinds for a broken header.
    except Exception as error:
        raise ImageError(f"not a NumPy array that can be read: {error}") from error
    if dtype.hasobject:
        raise ImageError("not a NumPy array that can be read: it holds Python objects")
    file.seek(0)
    height, width = (1, 1, *shape)[-2:]
    check_pixels((width, height), limit, math.prod(shape[:-3]))
    if dtype.kind == "u" and dtype.itemsize <= 2:
        warn(
            f"an array of {dtype.name} is divided by {full_scale(dtype)}, and its result is "
            "float32 on the 0-1 scale: save it as float32 to have its values as they are"
        )
    return shape, dtype


def _second_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    return np.lib.format.read_array_header_2_0(file)


def array_picture(
    file: BinaryIO,
    header: tuple[tuple[int, ...], np.dtype[Any]],
    mode: str | None,
    only_first: bool,
    *,
    decode: bool,
) -> Picture:
    """Return the picture of a ``.npy`` array; without ``decode`` its frames have no samples.

    ``header`` is that of :func:`array_header`. Raises and warns as :func:`read_image`.
    """
    _check_array_mode(header[0], mode)
    picture = Picture.from_array(_loaded(file)) if decode else Picture.unread(*header)
    return replace(picture, frames=picture.frames[:1], is_stack=False) if only_first else picture


def _loaded(file: BinaryIO) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(file, allow_pickle=False)
    except (MemoryError, OSError):
        raise
    # NumPy raises errors of many kinds for a broken file.
    except Exception as error:
        raise ImageError(f"not a NumPy array that can be read: {error}") from error
    return array


def _check_array_mode(shape: tuple[int, ...], mode: str | None) -> None:
    """Raise an ImageError if an array would have to be converted to ``mode``."""
    channels = (1, *shape)[-3] if len(shape) > 1 else 1
    if mode and channels != {"L": 1, "RGB": 3}.get(mode):
        raise ImageError(
            f"an array of {channels} channels cannot be converted to {mode}: give no mode"
        )

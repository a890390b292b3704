"""Storage of a frame's samples, read and written by rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile


class Raster(ABC):
    """Samples of ``size`` (H, W) with interleaved ``channels``, of ``dtype``."""

    size: tuple[int, int]
    channels: int
    dtype: np.dtype[Any]

    @property
    @abstractmethod
    def is_writable(self) -> bool:
        """Whether :meth:`write` can be called."""

    @abstractmethod
    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Return the rows ``start`` to ``stop`` as (rows, W, C), which must not be changed."""

    @abstractmethod
    def take(self, start: int, stop: int) -> NDArray[Any]:
        """Return the rows as :meth:`read` does, as a copy that later writing does not change."""

    @abstractmethod
    def write(self, start: int, samples: NDArray[Any]) -> None:
        """Replace the rows from ``start`` on by ``samples`` (rows, W, C).

        Several threads may write different rows. Raises ValueError if the samples are read-only.
        """

    @abstractmethod
    def columns(self, start: int, stop: int) -> Raster:
        """Return the columns ``start`` to ``stop``, which are read and written here."""

    def split(self) -> list[Raster]:
        """Return each channel as a raster of its own."""
        samples = self.read(0, self.size[0])
        return [ArrayRaster(samples[:, :, k : k + 1]) for k in range(self.channels)]


class ArrayRaster(Raster):
    """Samples in an array (H, W, C)."""

    def __init__(self, samples: NDArray[Any]) -> None:
        self.samples = samples
        self.size = samples.shape[0], samples.shape[1]
        self.channels, self.dtype = samples.shape[2], samples.dtype

    @property
    def is_writable(self) -> bool:
        return self.samples.flags.writeable

    def read(self, start: int, stop: int) -> NDArray[Any]:
        return self.samples[start:stop]

    def take(self, start: int, stop: int) -> NDArray[Any]:
        return self.samples[start:stop].copy()

    def write(self, start: int, samples: NDArray[Any]) -> None:
        self.samples[start : start + len(samples)] = samples

    def columns(self, start: int, stop: int) -> Raster:
        return ArrayRaster(self.samples[:, start:stop])


class UnreadRaster(Raster):
    """Size, channels and dtype of samples that were not read, from a header."""

    is_writable = False

    def __init__(self, size: tuple[int, int], channels: int, dtype: np.dtype[Any]) -> None:
        self.size, self.channels, self.dtype = size, channels, dtype

    def read(self, start: int, stop: int) -> NDArray[Any]:
        raise AssertionError("a header has no samples to read")

    take = read

    def write(self, start: int, samples: NDArray[Any]) -> None:
        raise AssertionError("a header has no samples to write")

    def columns(self, start: int, stop: int) -> Raster:
        return UnreadRaster((self.size[0], stop - start), self.channels, self.dtype)

    def split(self) -> list[Raster]:
        return [UnreadRaster(self.size, 1, self.dtype) for _ in range(self.channels)]


class PillowRaster(Raster):
    """The samples of an 8-bit Pillow image, or some of its columns, in Pillow's own memory.

    Copying them all to an array would take longer than many filters.
    """

    def __init__(self, image: Image.Image, columns: tuple[int, int] | None = None) -> None:
        image.load()
        self.image = image
        self._left, right = (0, image.width) if columns is None else columns
        self.size = image.height, right - self._left
        self.channels, self.dtype = len(image.getbands()), np.dtype(np.uint8)

    @property
    def is_writable(self) -> bool:
        # Pillow maps uncompressed files into memory: writing there would end the process.
        return not self.image.readonly

    def read(self, start: int, stop: int) -> NDArray[Any]:
        # Image.tobytes() takes whole images alone, and joins chunks of 64 KB: crop and tobytes
        # would take twice as long. (Image._getencoder is private, seen in Pillow 13.0; plugins of
        # others call it. No issue known.)
        shape = stop - start, self.size[1], self.channels
        encoder = Image._getencoder(self.image.mode, "raw", (self.image.mode, 0, 1))
        encoder.setimage(self.image.im, self._extents(start, stop))
        samples = encoder.encode(prod(shape))[2]
        return np.frombuffer(samples, np.uint8).reshape(shape)

    take = read

    def write(self, start: int, samples: NDArray[Any]) -> None:
        if not self.is_writable:
            raise ValueError("the image is read-only")
        decoder = ImageFile.PyDecoder(self.image.mode)
        decoder.setimage(self.image.im, self._extents(start, start + len(samples)))
        decoder.set_as_raw(cast("bytes", np.ascontiguousarray(samples).data))

    def columns(self, start: int, stop: int) -> Raster:
        return PillowRaster(self.image, (self._left + start, self._left + stop))

    def _extents(self, start: int, stop: int) -> tuple[int, int, int, int]:
        return self._left, start, self._left + self.size[1], stop


def new_raster(size: tuple[int, int], channels: int, dtype: np.dtype[Any], mode: str) -> Raster:
    """Return storage for a result: a Pillow image if it is an 8-bit picture, else an array."""
    if mode and dtype == np.uint8:
        # Not filled: writing strips touches the memory for the first time, in several threads.
        return PillowRaster(Image.new(mode, (size[1], size[0]), None))
    return ArrayRaster(np.empty((*size, channels), dtype))

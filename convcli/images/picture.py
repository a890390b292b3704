"""A picture in memory: its samples as they are in files, and as the tensors of the kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.errors import ImageError
from convcli.images.raster import ArrayRaster, Raster, UnreadRaster
from convcli.system.warn import warn

Samples: TypeAlias = NDArray[Any]
"""(H, W, C) of uint8, uint16 or float32."""

ALPHA_MODES = ("LA", "RGBA")


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One still image.

    ``raster`` has uint8 or uint16 samples, or float32 samples on any scale.
    ``mode`` is L, LA, RGB, RGBA or CMYK, or "" for an array without a colour mode.
    """

    raster: Raster
    mode: str

    @classmethod
    def of(cls, samples: Samples, mode: str) -> Frame:
        """Return the frame of (H, W, C) samples."""
        return cls(ArrayRaster(samples), mode)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.raster.size

    @property
    def samples(self) -> Samples:
        """All samples, (H, W, C)."""
        return self.raster.read(0, self.size[0])

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is opacity."""
        return self.mode in ALPHA_MODES

    def tensor(self) -> NDArray[np.float32]:
        """Return (C, H, W) float32; integer samples are scaled to 0-1."""
        return tensor_of(self.samples)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """The contents of an image file: one frame or several, and metadata.

    ``format`` is Pillow's name of the file format, or "NPY". ``metadata`` has ICC profile, EXIF,
    timing and more (see :mod:`convcli.images.metadata`). ``is_stack`` is true for an array of rank
    4, even if it has one frame.

    >>> import numpy as np
    >>> from convcli import Picture
    >>> picture = Picture.from_array(np.zeros((3, 20, 30), np.float32))  # (C, H, W), 0 to 1
    >>> picture.tensor.shape, len(picture.frames)
    ((3, 20, 30), 1)
    """

    frames: tuple[Frame, ...]
    format: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    is_stack: bool = False

    @property
    def tensor(self) -> NDArray[np.float32]:
        """The pixels as (C, H, W) float32, or (N, C, H, W) where there are several frames."""
        return self._array(Frame.tensor)

    @property
    def integers(self) -> NDArray[Any]:
        """The samples as :attr:`tensor` has them, but of their own type and scale."""
        return self._array(lambda frame: frame.samples.transpose(2, 0, 1))

    def _array(self, of: Callable[[Frame], NDArray[Any]]) -> NDArray[Any]:
        self.check_alike()
        if self.is_stack or len(self.frames) > 1:
            return np.stack([of(frame) for frame in self.frames])
        return of(self.frames[0])

    def check_alike(self) -> None:
        """Raise an ImageError for frames that do not fit into one array."""
        if self.shape is None:
            raise ImageError(
                "frames of different sizes or channel counts do not fit into one array: "
                'mode=MODE makes channels alike, frames="first" takes one'
            )

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of :attr:`tensor`; None where frames differ in size or channels."""
        shapes = {(frame.raster.channels, *frame.size) for frame in self.frames}
        if len(shapes) > 1:
            return None
        count = (len(self.frames),) if self.is_stack or len(self.frames) > 1 else ()
        return (*count, *shapes.pop())

    @property
    def depth(self) -> str:
        """The depth of the first frame's samples: "8", "16" or "float"."""
        return depth_of(self.frames[0].raster.dtype)

    def at_depth(self, depth: str) -> Picture:
        """Return this picture with samples of 8 or 16 bits, or floats on the 0-1 scale.

        ``depth`` is "8", "16" or "float". Integers get nearest values, floats are clipped to 0-1.
        """
        dtype = dtype_of(depth)
        return self.map(lambda frame: _at_depth(frame, dtype))

    def map(self, change: Callable[[Frame], Frame]) -> Picture:
        """Return this picture with every frame changed."""
        return replace(self, frames=tuple(change(frame) for frame in self.frames))

    @property
    def channels(self) -> int:
        """The number of channels of every frame, transparency included.

        Raises :class:`ImageError` where frames have different channels.
        """
        counts = {frame.raster.channels for frame in self.frames}
        if len(counts) > 1:
            raise ImageError(
                'its pages have different channel counts: frames="first" takes one page, '
                "mode=MODE makes them alike"
            )
        return counts.pop()

    def pages(self) -> list[Picture]:
        """Return each frame or page as a still picture of its own."""
        of_animations = ("durations", "plays", "has_poster", "page_profiles")
        metadata = {key: value for key, value in self.metadata.items() if key not in of_animations}
        profiles = self.metadata.get("page_profiles")
        pages = []
        for number, frame in enumerate(self.frames):
            own = dict(metadata)
            if profiles is not None:
                own.pop("icc_profile", None)
                own |= {"icc_profile": profiles[number]} if profiles[number] else {}
            pages.append(replace(self, frames=(frame,), metadata=own, is_stack=False))
        return pages

    def split(self) -> list[Picture]:
        """Return each channel as a grey picture of the same depth, transparency the last.

        Raises :class:`ImageError` where frames have different channels.
        """
        channels = self.channels
        profile = self.metadata.get("icc_profile", b"")
        # Bytes 16 to 19 of a profile name its colour space: GRAY suits a single channel.
        left_out = ("page_profiles", *(() if profile[16:20] == b"GRAY" else ("icc_profile",)))
        metadata = {key: value for key, value in self.metadata.items() if key not in left_out}
        split = [frame.raster.split() for frame in self.frames]
        return [
            replace(self, frames=tuple(Frame(one[k], "L") for one in split), metadata=metadata)
            for k in range(channels)
        ]

    @classmethod
    def from_array(cls, array: ArrayLike) -> Picture:
        """Return the picture of a (H, W), (C, H, W) or (N, C, H, W) array.

        uint8 and uint16 keep their scale, 0-255 and 0-65535; floats keep their values. Raises
        :class:`ImageError` for other shapes and types; warns with :class:`ImageWarning` where the
        shape looks like (H, W, C).
        """
        values = np.asarray(array)
        check_array(values.shape, values.dtype)
        values = values.astype(_sample_type(values.dtype))
        stack = values.reshape(_stack_shape(values.shape))
        frames = tuple(Frame.of(one.transpose(1, 2, 0), "") for one in stack)
        return cls(frames, "NPY", is_stack=values.ndim == 4)

    @classmethod
    def unread(cls, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Picture:
        """Return the picture of an array whose header alone was read, without samples.

        Raises and warns as :meth:`from_array`.
        """
        check_array(shape, dtype)
        count, channels, height, width = _stack_shape(shape)
        frame = Frame(UnreadRaster((height, width), channels, _sample_type(dtype)), "")
        return cls((frame,) * count, "NPY", is_stack=len(shape) == 4)


_DEPTHS: Mapping[str, np.dtype[Any]] = {
    "8": np.dtype(np.uint8),
    "16": np.dtype(np.uint16),
    "float": np.dtype(np.float32),
}


def dtype_of(depth: str) -> np.dtype[Any]:
    """Return the type of samples of a depth; raises an ImageError for an unknown one."""
    if depth not in _DEPTHS:
        raise ImageError(f"there is no depth {depth!r}: 8, 16 and float are the depths")
    return _DEPTHS[depth]


def depth_of(dtype: np.dtype[Any]) -> str:
    """Return the depth of a type of samples: "8", "16" or "float"."""
    return next(depth for depth, known in _DEPTHS.items() if known == dtype)


def _at_depth(frame: Frame, dtype: np.dtype[Any]) -> Frame:
    raster = frame.raster
    if raster.dtype == dtype:
        return frame
    if isinstance(raster, UnreadRaster):
        return Frame(UnreadRaster(raster.size, raster.channels, dtype), frame.mode)
    samples = frame.samples
    if raster.dtype.kind == "u":
        samples = samples / np.float32(full_scale(raster.dtype))
    return Frame.of(quantized(samples, dtype), frame.mode)


def _stack_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape (N, C, H, W) of an array of 2 to 4 axes."""
    return (1,) * (4 - len(shape)) + shape


def _sample_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float32) if dtype.kind == "f" else dtype.newbyteorder("=")


def check_array(shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise an ImageError for an array that is not a picture; warn if it looks like (H, W, C)."""
    if len(shape) not in (2, 3, 4) or 0 in shape:
        raise ImageError(
            f"an array of shape {shape} is not a picture: its shape must be (H, W), (C, H, W) or "
            "(N, C, H, W), without a 0"
        )
    if not (dtype.kind == "f" or (dtype.kind == "u" and dtype.itemsize <= 2)):
        raise ImageError(
            f"an array of {dtype} is not a picture: save it as float32, uint8 or uint16"
        )
    # With up to 4 in front, (C, H, W) is likely: (3, 9, 1) is RGB, one pixel wide.
    if len(shape) > 2 and shape[-1] in (1, 3, 4) and shape[-3] > 4:
        axes = "(N, {})" if len(shape) == 4 else "({})"
        warn(
            f"an array of shape {shape} looks like {axes.format('H, W, C')} and is taken as "
            f"{axes.format('C, H, W')}, with {shape[-3]} channels: "
            f"numpy.moveaxis(array, -1, {len(shape) - 3}) moves the channels to their place"
        )


def tensor_of(samples: Samples) -> NDArray[np.float32]:
    """Return samples (H, W, C) as (C, H, W) float32, integers on the 0-1 scale."""
    planes = samples.transpose(2, 0, 1).astype(np.float32, order="C")
    scale = full_scale(samples.dtype)
    if scale != 1:
        planes /= np.float32(scale)
    return planes


@cache
def full_scale(dtype: np.dtype[Any]) -> int:
    """Return the sample value that means 1.0: 255, 65535, or 1 for floats."""
    return 1 if dtype.kind == "f" else int(np.iinfo(dtype).max)


def quantized(values: NDArray[Any], dtype: np.dtype[Any]) -> Samples:
    """Return values of the 0-1 scale as ``dtype``, rounded to nearest and clipped."""
    if dtype.kind == "f":
        return values.astype(np.float32, copy=False)
    top = full_scale(dtype)
    # The cast truncates: adding 0.5 makes it round to nearest.
    scaled = values * np.float32(top)
    scaled += np.float32(0.5)
    np.clip(scaled, 0, top, out=scaled)
    if np.isnan(scaled.sum()):  # NaN becomes black.
        np.copyto(scaled, 0, where=np.isnan(scaled))
    return scaled.astype(dtype)

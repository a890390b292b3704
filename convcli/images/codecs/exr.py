"""OpenEXR files by the package OpenEXR, which is imported here alone.

One picture of one part: its channels R, G, B and A, or Y and A, of half or float. Colours of an
OpenEXR file are premultiplied with alpha, those of a frame are not.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ImageError, ImageWarning
from convcli.images.raster import Raster
from convcli.system.warn import warn

KNOWN = frozenset({"compression", "pixel_type"})
"""The options of :func:`write_exr`."""

_COMPRESSIONS = ("none", "rle", "zips", "zip", "piz", "pxr24", "b44", "b44a", "dwaa", "dwab")
_KINDS = {"L": ("Y",), "LA": ("Y", "A"), "RGB": ("R", "G", "B"), "RGBA": ("R", "G", "B", "A")}
_OF_PIXELS = frozenset(
    {
        *("channels", "chunkCount", "compression", "dataWindow", "displayWindow", "lineOrder"),
        *("tiles", "type", "version", "name"),
    }
)
"""Attributes that are those of a file, not of its picture."""

_MOST_HALF = 65504


class ExrHeader(NamedTuple):
    """What an OpenEXR file says: ``channels`` are the names of those that ``mode`` has."""

    size: tuple[int, int]
    mode: str
    channels: tuple[str, ...]
    attributes: Mapping[str, Any]


@contextmanager
def as_path(file: BinaryIO) -> Iterator[str]:
    """Give a path of a file that is open, for the package opens paths alone."""
    name = getattr(file, "name", None)
    if isinstance(name, str) and os.path.isfile(name):
        yield name
        return
    with tempfile.NamedTemporaryFile(suffix=".exr") as copy:
        file.seek(0)
        shutil.copyfileobj(file, copy)
        copy.flush()
        yield copy.name


def read_header(path: str) -> ExrHeader:
    """Read the header; raises :class:`ImageError`, warns of channels that are left out."""
    try:
        return _read_header(path)
    except (ImageError, ImageWarning, MemoryError):  # warnings can be set to raise
        raise
    except Exception as error:  # broken attributes raise errors of many kinds
        raise ImageError(f"the image is broken: {error}") from error


def _read_header(path: str) -> ExrHeader:
    part = _part(path, header_only=True)
    header = part.header
    low, high = header["dataWindow"]
    size = int(high[1] - low[1]) + 1, int(high[0] - low[0]) + 1
    sampled = [one.name for one in header["channels"] if (one.xSampling, one.ySampling) != (1, 1)]
    if sampled:
        raise ImageError(
            f"an OpenEXR file with channels of lower resolution ({', '.join(sampled)}) is not read"
        )
    mode, channels = _chosen([one.name for one in header["channels"]])
    if any(
        np.any(a != b) for a, b in zip(header["dataWindow"], header["displayWindow"], strict=True)
    ):
        warn("the picture is the data window of the OpenEXR file: its display window is lost")
    attributes = {key: value for key, value in header.items() if key not in _OF_PIXELS}
    return ExrHeader(size, mode, channels, attributes)


def read_samples(path: str, header: ExrHeader) -> tuple[NDArray[np.float32], bool]:
    """Return the samples (H, W, C) as stored, and whether they are of half precision."""
    channels = _part(path, header_only=False).channels
    planes = [channels[name].pixels for name in header.channels]
    if any(plane is None or plane.shape != header.size for plane in planes):
        raise ImageError("the image is broken: channels are missing")
    if any(plane.dtype.kind != "f" for plane in planes):
        raise ImageError("an OpenEXR file of integers is not read")
    return np.stack(planes, 2).astype(np.float32), all(one.dtype == np.float16 for one in planes)


def _part(path: str, *, header_only: bool) -> Any:
    import OpenEXR

    printed = io.StringIO()  # the package prints some errors instead of raising them
    try:
        with redirect_stdout(printed):
            file = OpenEXR.File(path, separate_channels=True, header_only=header_only)
            parts = list(file.parts)
    except Exception as error:
        raise ImageError(f"the image is broken: {error}") from error
    if not parts or printed.getvalue():
        text = printed.getvalue().strip().rpartition(" - ")[2]
        raise ImageError(f"the image is broken: {text or 'it has no pixels'}")
    if len(parts) > 1:
        names = ", ".join(str(part.header.get("name", "")) for part in parts)
        raise ImageError(
            f"an OpenEXR file of several parts is not read: it has {names}; write one by itself"
        )
    if parts[0].type() in (OpenEXR.deepscanline, OpenEXR.deeptile):
        raise ImageError(
            "an OpenEXR file of deep data is not read: flatten it first, to one sample a pixel"
        )
    return parts[0]


def _chosen(names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return mode and names of the channels that make a picture; raises :class:`ImageError`."""
    layers = dict.fromkeys(name.rpartition(".")[0] for name in names)
    found = {}
    for layer in layers:
        prefix = f"{layer}." if layer else ""
        for mode in ("RGBA", "RGB", "LA", "L"):
            channels = tuple(prefix + base for base in _KINDS[mode])
            if set(channels) <= set(names):
                found[layer] = mode, channels
                break
    if "" in found:
        chosen = found[""]
    elif len(found) == 1:
        chosen = next(iter(found.values()))
    elif len(names) == 1:
        chosen = "L", (names[0],)
    else:
        raise ImageError(
            "an OpenEXR file with no picture of its own, or with several, is not read: it has the "
            f"channels {', '.join(names)}"
        )
    others = [name for name in names if name not in chosen[1]]
    if others:
        warn(f"channels of the OpenEXR file are left out: {', '.join(others)}")
    return chosen


def write_exr(
    raster: Raster,
    mode: str,
    file: BinaryIO,
    options: Mapping[str, Any],
    source: Mapping[str, Any],
) -> None:
    """Write float32 samples of ``mode``; raises :class:`ImageError`.

    ``source`` is what the file that the picture was read from said: ``channels``, ``is_half`` and
    ``attributes``.
    """
    import OpenEXR

    named = str(options.get("compression", "zip")).lower()
    if named not in _COMPRESSIONS:
        raise ImageError(f"OpenEXR has no compression {named!r}: it has {', '.join(_COMPRESSIONS)}")
    wanted = options.get("pixel_type", "half" if source.get("is_half") else "float")
    if wanted not in ("half", "float"):
        raise ImageError(f"OpenEXR has no pixel_type {wanted!r}: it has half, float")
    samples = raster.read(0, raster.size[0])
    if mode in ("LA", "RGBA"):
        samples = samples.copy()
        alpha = samples[..., -1:]
        np.multiply(samples[..., :-1], alpha, out=samples[..., :-1], where=alpha != 0)
    if wanted == "half" and "pixel_type" not in options:
        finite = samples[np.isfinite(samples)]
        wanted = "float" if finite.size and np.abs(finite).max() > _MOST_HALF else "half"
    with np.errstate(over="ignore"):
        stored = samples.astype(np.float16 if wanted == "half" else np.float32)
    names = source.get("channels", ())
    names = names if len(names) == len(_KINDS[mode]) else _KINDS[mode]
    planes = {name: np.ascontiguousarray(stored[..., k]) for k, name in enumerate(names)}
    compression = getattr(
        OpenEXR, "NO_COMPRESSION" if named == "none" else f"{named.upper()}_COMPRESSION"
    )
    header = {
        **source.get("attributes", {}),
        "compression": compression,
        "type": OpenEXR.scanlineimage,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out.exr")
        OpenEXR.File(header, planes).write(path)
        with open(path, "rb") as written:
            shutil.copyfileobj(written, file)

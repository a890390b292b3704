"""Files of 16 bits or floats that Pillow does not read, or reads only in part.

A colour PFM is read here; OpenEXR, and TIFF of floats or in planes, by packages of an extra.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from convcli.images.codecs.netpbm import PfmHeader
from convcli.images.conversion.changes import Loss
from convcli.images.conversion.icc import suits
from convcli.images.decoding.modes import FrameKind, deep_frame, deep_kind
from convcli.images.decoding.opened import check_pixels
from convcli.images.decoding.page import Page
from convcli.images.decoding.wide_samples import unmultiplied
from convcli.images.extras import is_installed, require
from convcli.images.picture import Frame, Picture

EXR_MAGIC = b"\x76\x2f\x31\x01"
_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class DeepFile(Protocol):
    """A file whose header is read. Methods raise :class:`ImageError`."""

    format: str

    @property
    def pages(self) -> Sequence[Page]:
        """What the header says, page by page."""

    def metadata(self) -> dict[str, Any]:
        """Return the metadata, in the form of :mod:`convcli.images.metadata`."""

    def samples(self, page: int) -> NDArray[Any]:
        """Return the samples (H, W, C) of a page, upright."""


class _Pfm:
    """A PFM of three channels."""

    format = "PFM"

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._header = file, PfmHeader(file)
        self.pages = (Page(self._header.size, "RGB", np.dtype(np.float32)),)

    def metadata(self) -> dict[str, Any]:
        return {}

    def samples(self, page: int) -> NDArray[Any]:
        return self._header.samples(self._file)


class _Exr:
    """An OpenEXR file."""

    format = "EXR"

    def __init__(self, file: BinaryIO) -> None:
        from convcli.images.codecs import exr

        self._file, self._metadata = file, dict[str, Any]()
        with exr.as_path(file) as path:
            self._header = exr.read_header(path)
        self.pages = (Page(self._header.size, self._header.mode, np.dtype(np.float32)),)
        self._metadata["exr"] = {
            "channels": self._header.channels,
            "attributes": self._header.attributes,
        }

    def metadata(self) -> dict[str, Any]:
        return self._metadata

    def samples(self, page: int) -> NDArray[Any]:
        from convcli.images.codecs import exr

        with exr.as_path(self._file) as path:
            samples, is_half = exr.read_samples(path, self._header)
        self._metadata["exr"]["is_half"] = is_half
        return unmultiplied(samples) if self._header.mode in ("LA", "RGBA") else samples


def deep_file(file: BinaryIO) -> DeepFile | None:
    """Return what reads a file instead of Pillow, or None for one that is Pillow's.

    Raises :class:`ImageError`.
    """
    head = file.read(4)
    file.seek(0)
    if head[:2] == b"PF" and head[2:3].isspace():
        return _Pfm(file)
    if head == EXR_MAGIC:
        require("OpenEXR", "OpenEXR files")
        return _Exr(file)
    if head in _TIFF_MAGICS and is_installed("tifffile"):
        return _tiff(file)
    return None


def _tiff(file: BinaryIO) -> DeepFile | None:
    from convcli.images.decoding.tiff_files import TiffFile, needs_tifffile
    from convcli.images.decoding.unreadable import first_tags

    try:
        tags = first_tags(file)
        is_read_here = needs_tifffile(tags)
    except Exception:  # a broken table raises errors of many kinds; Pillow will say so
        return None
    finally:
        file.seek(0)
    return TiffFile(file, tags) if is_read_here else None


def deep_picture(
    file: DeepFile,
    mode: str | None,
    only_first: bool,
    limit: int,
    *,
    losses: list[Loss] | None = None,
) -> Picture:
    """Return the picture of a file. Raises and warns as ``read_image``.

    With a list for ``losses`` frames have no samples, and what depends on samples is added to it.
    """
    pages = file.pages[:1] if only_first else file.pages
    for page in pages:
        check_pixels(page.size[::-1], limit)
    check_pixels(pages[0].size[::-1], limit, len(pages))
    frames: list[Frame] = []
    profiles: list[bytes | None] = []
    kinds: dict[tuple[object, ...], FrameKind] = {}
    metadata = file.metadata()
    for number, page in enumerate(pages):
        known = (page.mode, page.dtype, page.profile)
        if known not in kinds:
            kinds[known] = deep_kind(page.mode, page.dtype, mode, page.profile)
        kind = kinds[known]
        if losses is None:
            frames.append(deep_frame(file.samples(number), page.mode, kind))
        else:
            frames.append(kind.unread(page.size))
            losses += kind.losses()
        suited = page.profile if page.profile and suits(page.profile, kind.mode) else None
        profiles.append(suited)
    metadata = dict(metadata)
    metadata.pop("icc_profile", None)
    metadata |= {"icc_profile": profiles[0]} if profiles[0] else {}
    if len(set(profiles)) > 1:
        metadata["page_profiles"] = profiles
    return Picture(tuple(frames), file.format, metadata)

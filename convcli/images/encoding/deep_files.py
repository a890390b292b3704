"""Pictures of 16 bits or floats to files, by what is not Pillow's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

from convcli.errors import ImageError
from convcli.images.encoding.settings import Encoding
from convcli.system.threads import processors


def write_deep(encoding: Encoding, file: BinaryIO, format_name: str) -> None:
    """Write a picture of which at least one frame has no image of Pillow's.

    Raises :class:`ImageError` for options that are for Pillow's encoder alone.
    """
    conversion, frame, options = encoding.conversions[0], encoding.frames[0], encoding.options
    raster = conversion.raster(frame)
    match format_name:
        case "PNG":
            from convcli.images.codecs import png

            _check(options, png.KNOWN, "PNG of 16 bits in colour")
            png.write_raster(raster, conversion.mode, file, options, processors())
        case "PPM":
            from convcli.images.codecs.netpbm import write_ppm

            write_ppm(raster, file)
        case "PFM":
            from convcli.images.codecs.netpbm import write_pfm

            write_pfm(raster, file)


def _check(options: Mapping[str, Any], known: frozenset[str], kind: str) -> None:
    for key in options:
        if key not in known:
            raise ImageError(f"{kind} has no option {key!r}: it has {', '.join(sorted(known))}")

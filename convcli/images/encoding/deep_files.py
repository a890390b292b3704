"""Files of 16 bits or floats, which Pillow does not write.

They are written by codecs of our own, and by those of packages of an extra.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

from convcli.errors import ImageError
from convcli.images.encoding.settings import Encoding
from convcli.system.threads import processors

_OF_ANIMATIONS = frozenset({"blend", "default_image", "duration", "loop", "save_all"})
"""Options for APNG that are decided with an encoding."""


def write_deep(encoding: Encoding, file: BinaryIO, format_name: str, source_format: str) -> None:
    """Write a picture of which at least one frame fits no image of Pillow's.

    ``source_format`` is that of the picture. Raises :class:`ImageError` for options that are for
    Pillow's encoder alone.
    """
    conversion, frame, options = encoding.conversions[0], encoding.frames[0], encoding.options
    raster = conversion.raster(frame)
    match format_name:
        case "PNG":
            from convcli.images.codecs import png

            _check(options, png.KNOWN | _OF_ANIMATIONS, "PNG of 16 bits in colour")
            if len(encoding.frames) == 1:
                png.write_raster(raster, conversion.mode, file, options, processors())
                return
            rasters = [
                one.raster(each)
                for one, each in zip(encoding.conversions, encoding.frames, strict=True)
            ]
            from convcli.images.codecs import apng

            timing = apng.Timing(
                options.get("duration", ()), options["loop"], options["default_image"]
            )
            apng.write_animation(rasters, conversion.mode, file, options, timing, processors())
        case "PPM":
            from convcli.images.codecs.netpbm import write_ppm

            write_ppm(raster, file)
        case "PFM":
            from convcli.images.codecs.netpbm import write_pfm

            write_pfm(raster, file)
        case "EXR":
            from convcli.images.codecs import exr

            source = encoding.metadata.get("exr", {})
            exr.write_exr(raster, conversion.mode, file, options, source)
        case "TIFF":
            from convcli.images.codecs import tiff

            _check(options, tiff.KNOWN, "TIFF of 16 bits or floats in colour")
            profiles = encoding.page_profiles or [options.get("icc_profile")] * len(encoding.frames)
            pages = [
                tiff.TiffPage(one.raster(each), one.mode, profile)
                for one, each, profile in zip(
                    encoding.conversions, encoding.frames, profiles, strict=True
                )
            ]
            # Of a TIFF that is not compressed, there is no compression among the options.
            tiff.write_tiff(pages, file, options, compressed=source_format != "TIFF")


def _check(options: Mapping[str, Any], known: frozenset[str], kind: str) -> None:
    for key in options:
        if key not in known:
            raise ImageError(f"{kind} has no option {key!r}: it has {', '.join(sorted(known))}")

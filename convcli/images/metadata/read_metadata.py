"""Metadata of a decoded image: taken from what Pillow read of the file's header."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from PIL import Image

from convcli.images.metadata import exif_tags
from convcli.images.metadata.iptc import iptc_of
from convcli.system.warn import warn

_LOSSLESS_COMPRESSION = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma")


def read_metadata(image: Image.Image) -> dict[str, Any]:
    """Return what an image file says beside its pixels; needs no more than the header.

    Warns with :class:`ImageWarning` of what is broken.
    """
    info = image.info
    kept: dict[str, Any] = {}
    if info.get("icc_profile"):
        kept["icc_profile"] = bytes(info["icc_profile"])
    try:
        # A PNG's own getexif() would decode it.
        exif = Image.Image.getexif(image)
        _collect_exif(exif, kept)
    # A table of tags is read as it comes up, and raises what comes up.
    except Exception as error:
        warn(f"its EXIF is broken and left out: {error}")
    dpi: Any = info.get("dpi")
    # Of a TIFF that tells no resolution, Pillow says 1.
    if _is_resolution(dpi) and not (image.format == "TIFF" and tuple(dpi) == (1, 1)):
        kept["dpi"] = tuple(map(float, dpi))
    if info.get("xmp"):
        kept["xmp"] = _bytes(info["xmp"])
    iptc = iptc_of(image)
    if iptc:
        kept["iptc"] = iptc
    if info.get("comment"):
        kept["comment"] = _text(info["comment"])
    if image.format == "PNG":
        _collect_png(info, kept)
    if image.format in ("JPEG", "MPO"):
        from PIL.JpegImagePlugin import get_sampling

        kept["subsampling"] = get_sampling(image)
        if info.get("progressive"):
            kept["progressive"] = True
    if image.format == "TIFF":
        named = str(info.get("compression", "raw")).replace("tiff_deflate", "tiff_adobe_deflate")
        if named != "raw":
            # What loses, or is for black and white, becomes what suits any picture.
            kept["compression"] = named if named in _LOSSLESS_COMPRESSION else "tiff_adobe_deflate"
    return kept


def _collect_exif(exif: Image.Exif, kept: dict[str, Any]) -> None:
    lost = exif_tags.remove_stale(exif)
    if lost:
        kept["left_out"] = tuple(lost)
    if not len(exif):
        return
    exif.bigtiff = False  # its own head is that of the file it came from
    kept["exif"] = exif.tobytes()
    unit = {2: 1, 3: 2.54}.get(exif.get(exif_tags.RESOLUTION_UNIT, 2))
    sides = exif.get(exif_tags.X_RESOLUTION), exif.get(exif_tags.Y_RESOLUTION)
    if unit and _is_resolution(sides):
        kept["dpi"] = tuple(float(side or 0) * unit for side in sides)


def _is_resolution(sides: Any) -> bool:
    try:
        return len(sides) == 2 and all(0 < float(side) < 65536 for side in sides)
    except (TypeError, ValueError, ArithmeticError):
        return False


def _collect_png(info: Mapping[Any, Any], kept: dict[str, Any]) -> None:
    text = {
        key: value
        for key, value in info.items()
        # Raw profiles are EXIF, XMP and ICC profiles by another name.
        if isinstance(value, str) and not key.startswith(("Raw profile type ", "XML:com.adobe."))
    }
    comment = text.pop("Comment", None)
    if comment:
        kept["comment"] = comment
    if text:
        kept["text"] = text
    chunks: list[tuple[bytes, bytes]] = []
    if "gamma" in info:
        chunks.append((b"gAMA", struct.pack(">I", round(info["gamma"] * 100_000))))
    if len(info.get("chromaticity", ())) == 8:
        points = [round(value * 100_000) for value in info["chromaticity"]]
        chunks.append((b"cHRM", struct.pack(">8I", *points)))
    if "srgb" in info:
        chunks.append((b"sRGB", bytes([info["srgb"]])))
    if chunks:
        kept["chunks"] = chunks


def _bytes(value: Any) -> bytes:
    return value.encode("utf-8") if isinstance(value, str) else bytes(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        return bytes(value).decode("latin-1")

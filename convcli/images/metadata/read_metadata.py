"""The metadata of an opened image, from its header."""

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
    """Return the metadata of an image file; its header is enough.

    Warns with :class:`ImageWarning` if its EXIF is broken.
    """
    info = image.info
    kept: dict[str, Any] = {}
    if info.get("icc_profile"):
        kept["icc_profile"] = bytes(info["icc_profile"])
    try:
        # A PNG's own getexif() decodes the pixels first.
        exif = Image.Image.getexif(image)
        _read_exif(exif, kept)
    # Tags are read on demand, and broken ones raise errors of many kinds.
    except Exception as error:
        warn(f"its EXIF is broken and left out: {error}")
    dpi: Any = info.get("dpi")
    # For a TIFF without a resolution Pillow gives 1 (seen in Pillow 13.0, no issue known: look at
    # ``info`` of a TIFF saved without ``dpi``).
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
        _read_png(info, kept)
    if image.format in ("JPEG", "MPO"):
        from PIL.JpegImagePlugin import get_sampling

        tables = getattr(image, "quantization", {})
        # Libjpeg writes larger entries in files that few decoders read.
        if tables and max(map(max, tables.values())) < 256:
            kept["qtables"] = [list(tables[number]) for number in sorted(tables)]
        kept["subsampling"] = get_sampling(image)
        if info.get("progressive"):
            kept["progressive"] = True
    if image.format == "TIFF":
        named = str(info.get("compression", "raw")).replace("tiff_deflate", "tiff_adobe_deflate")
        if named != "raw":
            # A lossy compression, or one for black and white, becomes one for any picture.
            kept["compression"] = named if named in _LOSSLESS_COMPRESSION else "tiff_adobe_deflate"
    return kept


def _read_exif(exif: Image.Exif, kept: dict[str, Any]) -> None:
    lost = exif_tags.remove_stale(exif)
    if lost:
        kept["left_out"] = tuple(lost)
    tags = (exif_tags.X_RESOLUTION, exif_tags.Y_RESOLUTION, exif_tags.RESOLUTION_UNIT)
    if tuple(map(exif.get, tags)) == (1, 1, 1):
        # TIFF demands a resolution: this is that of a picture without one.
        for tag in tags:
            del exif[tag]
    if not len(exif):
        return
    exif.bigtiff = (
        False  # the EXIF of a result has an ordinary header, even if its source was a BigTIFF
    )
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


def _read_png(info: Mapping[Any, Any], kept: dict[str, Any]) -> None:
    text = {
        key: value
        for key, value in info.items()
        # Texts with these keywords hold EXIF, XMP and ICC profiles.
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

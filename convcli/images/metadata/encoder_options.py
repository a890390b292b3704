"""Metadata as options of Pillow's encoders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from PIL import Image

from convcli.images.formats import PROFILE_FORMATS
from convcli.images.metadata import exif_tags
from convcli.images.metadata.iptc import PNG_KEYWORD, png_text
from convcli.images.metadata.limits import (
    COMMENT_FORMATS,
    DPI_FORMATS,
    EXIF_FORMATS,
    XMP_FORMATS,
    fit_segments,
    metadata_lost,
)
from convcli.system.warn import warn

_CAMERA_DIRECTORY, _POSITION = 0x8769, 0x8825
_TRIVIAL = {0x9000, 0xA000, 0xA001, 0xA002, 0xA003}  # versions, colour space, width and height
_WIDTH_AND_HEIGHT = (0xA002, 0xA003)  # in the camera's directory

# Patterns, which are compiled only if a picture has XMP.
_XMP_ORIENTATION = rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)\d"
_XMP_PREVIEWS = rb"(?s)<(xmp|xap):Thumbnails>.*?</\1:Thumbnails>"
_XMP_SIDES = (
    rb"((?:tiff:ImageWidth|exif:PixelXDimension)\s*(?:=\s*[\"']|>)\s*)\d+",
    rb"((?:tiff:ImageLength|exif:PixelYDimension)\s*(?:=\s*[\"']|>)\s*)\d+",
)


def stripped(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``strip`` leaves of metadata: timing, and ways of encoding."""
    timing = ("durations", "plays", "has_poster")
    stays = (*timing, "compression", "lossless", "subsampling", "progressive", "qtables")
    return {key: metadata[key] for key in stays if key in metadata}


def encoder_options(
    metadata: Mapping[str, Any], format_name: str, size: tuple[int, int], compression: str | None
) -> dict[str, Any]:
    """Return metadata as options of Pillow's encoder of a format, without timing.

    ``size`` is the height and width of the result, ``compression`` that of TIFF. Warns with
    :class:`ImageWarning` of metadata that the format does not hold.
    """
    options: dict[str, Any] = {}
    if format_name in PROFILE_FORMATS and "icc_profile" in metadata:
        options["icc_profile"] = metadata["icc_profile"]
    if format_name in DPI_FORMATS and "dpi" in metadata:
        options["dpi"] = metadata["dpi"]
    if format_name in COMMENT_FORMATS and "comment" in metadata:
        options["comment"] = metadata["comment"].encode("utf-8")
    xmp = _resized_xmp(metadata["xmp"], size) if "xmp" in metadata else b""
    if format_name in EXIF_FORMATS:
        exif = _exif(metadata, format_name, size, xmp, bool(compression))
        if exif:
            options["exif"] = exif
    if format_name in XMP_FORMATS and xmp:
        options["xmp"] = xmp
    if format_name == "PNG":
        _add_png(metadata, xmp, options)
    if format_name == "TIFF" and compression:
        options["compression"] = compression
    if format_name in ("JPEG", "MPO"):
        fit_segments(options, metadata.get("iptc", b""))
    lost = metadata_lost(metadata, format_name)
    if lost:
        warn(f"not kept in {format_name}: {', '.join(lost)}")
    return options


def _exif(
    metadata: Mapping[str, Any],
    format_name: str,
    size: tuple[int, int],
    xmp: bytes,
    is_compressed: bool,
) -> bytes | Image.Exif | None:
    """Return EXIF with the size of the result: bytes, or for a TIFF a directory to merge."""
    has_dpi = "dpi" in metadata and format_name not in DPI_FORMATS
    into_tiff = format_name == "TIFF"
    iptc = metadata.get("iptc", b"")
    if "exif" not in metadata and not has_dpi and not (into_tiff and (xmp or iptc)):
        return None
    exif = Image.Exif()
    if "exif" in metadata:
        exif.load(metadata["exif"])
        # get_ifd() adds an empty directory if there is none (pull request 8230, in Pillow 11.0).
        camera = exif.get_ifd(_CAMERA_DIRECTORY) if _CAMERA_DIRECTORY in exif else {}
        for tag, side in zip(_WIDTH_AND_HEIGHT, reversed(size), strict=True):
            if tag in camera:
                camera[tag] = side
    if has_dpi:
        exif[exif_tags.X_RESOLUTION], exif[exif_tags.Y_RESOLUTION] = metadata["dpi"]
        exif[exif_tags.RESOLUTION_UNIT] = 2  # inches
    if into_tiff:
        if is_compressed:
            _remove_unwritable(exif)
        if xmp:
            exif[exif_tags.XMP] = xmp
        if iptc:
            exif[exif_tags.IPTC] = iptc
        return exif
    return exif.tobytes()


def _remove_unwritable(exif: Image.Exif) -> None:
    """Remove what Pillow cannot pass to libtiff, which compresses.

    These are directories within the directory (seen in Pillow 13.0, no issue known: save an EXIF
    directory with a date, 0x9003, as TIFF with ``compression="tiff_lzw"`` and read it), and some
    rare tags.
    """
    lost = []
    if set(exif.get_ifd(_CAMERA_DIRECTORY)) - _TRIVIAL | set(exif.get_ifd(_POSITION)):
        lost.append("EXIF of the camera")
    refused = exif_tags.refused_by_libtiff(exif)
    if refused:
        lost.append(f"EXIF tags {', '.join(f'0x{tag:04x}' for tag in refused)}")
    for tag in (_CAMERA_DIRECTORY, _POSITION, *refused):
        if tag in exif:
            del exif[tag]
    if lost:
        warn(
            f"{' and '.join(lost)} cannot be written to a compressed TIFF: "
            'save={"compression": "raw"} keeps it'
        )


def _resized_xmp(xmp: bytes, size: tuple[int, int]) -> bytes:
    """Return XMP with this size (H, W) and upright orientation, without previews."""
    xmp = re.sub(_XMP_PREVIEWS, b"", re.sub(_XMP_ORIENTATION, rb"\g<1>1", xmp))
    for pattern, side in zip(_XMP_SIDES, reversed(size), strict=True):
        xmp = re.sub(pattern, rb"\g<1>%d" % side, xmp)
    return xmp


def _add_png(metadata: Mapping[str, Any], xmp: bytes, options: dict[str, Any]) -> None:
    texts = dict(metadata.get("text", {}))
    if "comment" in metadata:
        texts["Comment"] = metadata["comment"]
    chunks = metadata.get("chunks", ())
    if "iptc" in metadata:
        texts[PNG_KEYWORD] = png_text(metadata["iptc"])
    if not (texts or chunks or xmp):
        return
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for kind, data in chunks:
        info.add(kind, data)
    for key, text in texts.items():
        # add_text() writes an iTXt with its language.
        info.add_text(key, text, zip=len(text) > 1000)
    if xmp:
        info.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
    options["pnginfo"] = info

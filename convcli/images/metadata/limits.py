"""Metadata that a format cannot hold, or not in this size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image

from convcli.images.metadata import exif_tags
from convcli.images.metadata.iptc import IPTC_FORMATS, jpeg_segment
from convcli.system.warn import warn

COMMENT_FORMATS = frozenset({"GIF", "JPEG", "JPEG2000", "MPO"})
DPI_FORMATS = frozenset({"BMP", "DIB", "JPEG", "MPO", "PDF", "PNG", "TIFF"})
EXIF_FORMATS = frozenset({"AVIF", "JPEG", "MPO", "PNG", "TIFF", "WEBP"})
XMP_FORMATS = frozenset(
    {"AVIF", "JPEG", "MPO", "WEBP"}
)  # PNG and TIFF hold it too, by other options

_SEGMENT = 65_000  # bytes of metadata that fit into a segment of a JPEG, with its header


def metadata_lost(metadata: Mapping[str, Any], format_name: str) -> list[str]:
    """Return in words which ``metadata``, except the ICC profile, a format cannot hold."""
    holders = {
        "exif": ("EXIF", EXIF_FORMATS),
        "xmp": ("XMP", XMP_FORMATS | {"PNG", "TIFF"}),
        "iptc": ("IPTC", IPTC_FORMATS),
        "comment": ("the comment", COMMENT_FORMATS | {"PNG"}),
        "text": ("PNG text", {"PNG"}),
        "dpi": ("the resolution", DPI_FORMATS | EXIF_FORMATS),
    }
    lost = [
        name
        for key, (name, formats) in holders.items()
        if key in metadata and format_name not in formats
    ]
    return [*lost, *metadata.get("left_out", ())]


def fit_segments(options: dict[str, Any], iptc: bytes) -> None:
    """Add ``iptc``, and remove what is larger than a JPEG segment, of EXIF rare tags first."""
    if len(options.get("exif", b"")) > _SEGMENT:
        exif = Image.Exif()
        exif.load(options["exif"])
        for tag in set(exif) - exif_tags.COMMON:
            del exif[tag]
        smaller = exif.tobytes()
        if len(smaller) <= _SEGMENT:
            warn("rare EXIF tags of more than 64 KB do not fit into a JPEG")
            options["exif"] = smaller
    if iptc:
        options["extra"] = iptc
    for key, name in (("exif", "exif"), ("xmp", "xmp"), ("comment", "comment"), ("extra", "iptc")):
        if len(options.get(key, b"")) > _SEGMENT:
            warn(f"{name} of more than 64 KB does not fit into a JPEG")
            del options[key]
    if "extra" in options:
        options["extra"] = jpeg_segment(iptc)

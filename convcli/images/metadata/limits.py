"""What of metadata a format has no place for."""

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
XMP_FORMATS = frozenset({"AVIF", "JPEG", "MPO", "WEBP"})  # and PNG and TIFF, in their own ways

_SEGMENT = 65_000  # bytes that a JPEG takes of one kind, nearly


def metadata_lost(metadata: Mapping[str, Any], format_name: str) -> list[str]:
    """Return in words what of ``metadata`` a format has no place for; the ICC profile is apart."""
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
    """Leave out what is larger than a segment of a JPEG, of EXIF rare tags first; add ``iptc``."""
    if len(options.get("exif", b"")) > _SEGMENT:
        exif = Image.Exif()
        exif.load(options["exif"])
        for tag in set(exif) - exif_tags.COMMON:
            del exif[tag]
        smaller = exif.tobytes()
        if len(smaller) <= _SEGMENT:
            warn("rare EXIF tags of more than 64 KB do not go into a JPEG")
            options["exif"] = smaller
    if iptc:
        options["extra"] = iptc
    for key, name in (("exif", "exif"), ("xmp", "xmp"), ("comment", "comment"), ("extra", "iptc")):
        if len(options.get(key, b"")) > _SEGMENT:
            warn(f"{name} of more than 64 KB does not go into a JPEG")
            del options[key]
    if "extra" in options:
        options["extra"] = jpeg_segment(iptc)

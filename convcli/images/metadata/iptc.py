"""IPTC: captions, keywords and credits of press photographs (IPTC-NAA IIM 4.2).

Its records are copied as bytes. A JPEG has them in the segment APP13 and a PNG in a text of
hexadecimal digits, both as one of Photoshop's resources (Adobe, "Photoshop File Formats
Specification", Image Resource Blocks); in a TIFF they have a tag.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any

from PIL import Image

from convcli.images.metadata.exif_tags import IPTC, PHOTOSHOP

IPTC_FORMATS = frozenset({"JPEG", "MPO", "PNG", "TIFF"})

PNG_KEYWORD = "Raw profile type iptc"
"""The keyword that ImageMagick and ExifTool write and read; there is no standard."""

_RECORDS = 0x0404  # the resource
_RECORD = b"\x1c"  # the first byte of a record
_APP13 = b"\xff\xed"
_SIGNATURE = b"Photoshop 3.0\0"


def iptc_of(image: Image.Image) -> bytes:
    """Return the records of an opened image, or b"" if it has none that can be read."""
    info: dict[Any, Any] = image.info
    found: Any = b""
    if image.format in ("JPEG", "MPO"):
        found = (info.get("photoshop") or {}).get(_RECORDS, b"")
    elif image.format == "PNG":
        with suppress(ValueError, TypeError):
            # The text is a name, a length and the digits.
            found = bytes.fromhex("".join(str(info.get(PNG_KEYWORD, "")).split()[2:]))
    elif image.format == "TIFF":
        # The bytes of the tag: some programs write them as 32-bit integers, of which Pillow gives
        # the first alone (seen in Pillow 13.0; issue 6948 is a crash for such a tag).
        stored = getattr(getattr(image, "tag_v2", None), "_tagdata", {})
        found = _unswapped(stored.get(IPTC, b"")) or stored.get(PHOTOSHOP, b"")
    if not isinstance(found, bytes):
        return b""
    if found.startswith((_SIGNATURE, b"8BIM")):
        found = _resource(found.removeprefix(_SIGNATURE))
    return found if found.startswith(_RECORD) else b""


def _unswapped(data: bytes) -> bytes:
    """Return records in order, undoing the byte swap of programs that write them as integers."""
    if data.startswith(_RECORD) or len(data) % 4 or data[3:4] != _RECORD:
        return data
    return struct.pack(f"<{len(data) // 4}I", *struct.unpack(f">{len(data) // 4}I", data))


def _resource(data: bytes) -> bytes:
    """Return the records from a list of Photoshop's resources."""
    place = 0
    while data[place : place + 4] == b"8BIM" and place + 12 <= len(data):
        kind = int.from_bytes(data[place + 4 : place + 6])
        start = place + 6 + (data[place + 6] + 2) // 2 * 2  # after a name padded to even length
        size = int.from_bytes(data[start : start + 4])
        if kind == _RECORDS:
            return data[start + 4 : start + 4 + size]
        place = start + 4 + size + size % 2
    return b""


def _as_resource(records: bytes) -> bytes:
    head = b"8BIM" + _RECORDS.to_bytes(2) + b"\0\0" + len(records).to_bytes(4)
    return head + records + bytes(len(records) % 2)


def jpeg_segment(records: bytes) -> bytes:
    """Return the segment APP13 of a JPEG."""
    body = _SIGNATURE + _as_resource(records)
    return _APP13 + (len(body) + 2).to_bytes(2) + body


def png_text(records: bytes) -> str:
    """Return the text of a PNG, under :data:`PNG_KEYWORD`."""
    resource = _as_resource(records)
    digits = resource.hex()
    lines = [digits[start : start + 72] for start in range(0, len(digits), 72)]
    return "\n".join(["", "iptc", f"{len(resource):8}", *lines, ""])

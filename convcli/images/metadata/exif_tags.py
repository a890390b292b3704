"""EXIF tags of the main directory that are not kept when pixels have changed; others are.

The main directory of a TIFF has the camera's name and also how pixels are stored, and the EXIF of
other formats has tags of the same kinds. The lists follow TIFF 6.0 and
its Technical Notes, TIFF-FX (RFC 3949), TIFF/IT (ISO 12639), TIFF/EP (ISO 12234-2), GeoTIFF, the
specification of DNG, libtiff's ``tiff.h``, Windows' GDI+ and, for other private tags, ExifTool's
table of EXIF tags.
"""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from typing import Any

import PIL
from PIL import Image

DESCRIPTION, ORIENTATION = 0x010E, 0x0112
CAMERA, COLOUR_SPACE, SRGB = 0x8769, 0xA001, 1
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
XMP, IPTC, PHOTOSHOP, ICC_PROFILE = 0x02BC, 0x83BB, 0x8649, 0x8773

COMMON = frozenset(
    {
        *(0x010D, 0x010E, 0x010F, 0x0110, 0x011D),  # document, description, make, model, page
        *(0x011A, 0x011B, 0x0128),  # resolution and its unit
        *(0x0131, 0x0132, 0x013B, 0x013C),  # software, date, artist, host
        *(0x4746, 0x4749),  # ratings
        *(0x8298, 0x8769, 0x8825),  # copyright, the camera's directory, position
        *range(0x9C9B, 0x9CA0),  # Windows' title, comment, author, keywords, subject
    }
)
"""Tags that nearly every program writes, and that are kept where space is short."""

_LAYOUT = {
    *(0x00FE, 0x00FF, 0x0100, 0x0101, 0x0102, 0x0103, 0x0106, 0x0107, 0x0108, 0x0109, 0x010A),
    *(0x0111, 0x0115, 0x0116, 0x0117, 0x0118, 0x0119, 0x011C),  # strips, planes, extremes
    *range(0x0120, 0x0126),  # free space, grey response, fax options
    0x0129,  # the number of a page: all pages get the EXIF of the first
    *(0x012C, 0x012D, 0x013D, 0x013E, 0x013F, 0x0140, 0x0141),  # transfer, predictor, primaries
    *range(0x0142, 0x0149),  # tiles, fax errors
    *(0x014C, 0x014D, 0x014E, 0x0150, 0x0152, 0x0153, 0x0154, 0x0155, 0x0156),  # inks, samples
    *(0x0157, 0x0158, 0x0159, 0x015A, 0x015B),  # clipping path, indexed, JPEG tables
    *(0x01B1, 0x01B2, 0x01B3, 0x022F, 0x0230),  # TIFF-FX: decode, default colour, strip rows
    *range(0x0200, 0x020A),  # old-style JPEG in TIFF, and a JPEG preview
    *range(0x0211, 0x0215),  # YCbCr and reference black and white
    *(0x80E3, 0x80E4, 0x80E5, 0x80E6),  # Matteing, DataType, ImageDepth, TileDepth
    *(0x828D, 0x828E),  # pattern of a sensor's colour filters
    *range(0x84E0, 0x84F2),  # TIFF/IT
    *range(0x0301, 0x0304),  # of Windows' GDI+: gamma, profile, rendering intent,
    *range(0x5012, 0x503C),  # a preview,
    *(0x5090, 0x5091),  # JPEG tables,
    *range(0x5100, 0x5114),  # animation, palette and pixel size
}
"""Tags for how pixels are stored and what their values mean."""

_OFFSETS = {
    *(0x014A, 0x0190, 0x8290, 0x866C, 0x888A, 0xFE00),  # directories of other images
    0xA005,  # a directory inside the camera's
    *(0xEA1C, 0xEA1D),  # padding, and the shift of offsets
    *(0xC696, 0xC697),  # ImageJ: about the planes of a stack
    *range(0xB000, 0xB005),  # MPF: where a file's other pictures are
}
"""Tags with offsets in the file, which are wrong in a new one."""

_RAW = {
    *range(0x7000, 0x7040),  # Sony
    *range(0x74C7, 0x74C9),
    *range(0xC5E0, 0xC5E1),  # Canon
    *(0xC640, 0xC6C5, 0xC6DC),
    *range(0xC612, 0xC800),  # DNG
    *range(0xCD2C, 0xCD50),
} - {
    *(0xC614, 0xC615, 0xC62F, 0xC630, 0xC68B),  # model, serial number, lens, name of the raw file
    *(0xC763, 0xC764, 0xC772, 0xC789, 0xC7A1),  # time code, frame rate, T-stop, reel, label
}
"""Tags for developing raw samples, and DNGVersion, which would make the result a DNG."""

_LOST = {
    **dict.fromkeys(
        (0x830E, 0x8480, 0x8482, 0x85D8, 0x87AF, 0x87B0, 0x87B1), "georeferencing"
    ),  # the position of each pixel, which stride and padding change
    0x935C: "Photoshop layers",
}
"""Tags whose loss is reported, with the words for it."""

_OF_STACKS = (
    ('{"shape": ', ""),  # by tifffile, nothing but the shape
    ("ImageJ=", "ImageJ's description of a stack"),
    ("<?xml", "the description of pixels in OME-XML"),
)
"""How descriptions begin that say which pages a TIFF has, and the words for their loss."""

_ELSEWHERE = {ORIENTATION, XMP, IPTC, PHOTOSHOP, ICC_PROFILE}
"""Tags that are applied, or kept outside of EXIF."""

NOT_KEPT = frozenset(_LAYOUT | _OFFSETS | _RAW | _LOST.keys() | _ELSEWHERE)


def remove_stale(exif: Image.Exif) -> list[str]:
    """Remove the tags that are not kept from ``exif``; return in words what users may miss.

    Tags whose values Pillow does not write as it read them are removed too: it guesses the types of
    private tags from their values.
    """
    tags = set(exif)
    lost = dict.fromkeys(_LOST[tag] for tag in sorted(tags) if tag in _LOST)
    lost |= dict.fromkeys(_without_stack(exif))
    for tag in tags & NOT_KEPT:
        del exif[tag]
    unwritable: list[str] = []
    for tag in sorted(set(exif) - COMMON):
        value = None
        with suppress(Exception):  # a broken value raises errors of many kinds
            value = exif.get(tag)
        is_empty = isinstance(value, (bytes, str, tuple)) and not value
        if is_empty or not _survives(tag, value):
            unwritable += [] if is_empty else [f"0x{tag:04x}"]
            del exif[tag]
    return [*lost, *([f"EXIF tags {', '.join(unwritable)}"] if unwritable else [])]


def _without_stack(exif: Image.Exif) -> list[str]:
    """Remove a description of the pages of a TIFF, which results may not have; return its loss."""
    description = exif.get(DESCRIPTION)
    if not isinstance(description, str):
        return []
    for start, words in _OF_STACKS:
        if description.startswith(start) and (start != "<?xml" or "<OME" in description):
            del exif[DESCRIPTION]
            return [words] if words else []
    return []


def as_srgb(exif: bytes) -> bytes:
    """Return EXIF that does not name a colour space other than sRGB."""
    tags = Image.Exif()
    tags.load(exif)
    camera = tags.get_ifd(CAMERA)
    if camera.get(COLOUR_SPACE, SRGB) == SRGB:
        return exif
    camera[COLOUR_SPACE] = SRGB
    changed: bytes = tags.tobytes()
    return changed


def _survives(tag: int, value: Any) -> bool:
    before, after = Image.Exif(), Image.Exif()
    before[tag] = value
    try:
        after.load(before.tobytes())
        return bool(after.get(tag) == value)
    except Exception:  # a value without a type raises errors of many kinds
        return False


def refused_by_libtiff(exif: Image.Exif) -> list[int]:
    """Return the rare tags that libtiff does not write to a compressed TIFF, each tried alone.

    libtiff knows the types of some tags, which Pillow guesses. Where they differ, Pillow 13 raises
    an error; older versions (seen in 11.3 to 12.2) let libtiff read beyond the value, which crashes
    or writes foreign memory into the file (issue 7940 is one case). So they get no rare tags.
    """
    rare = sorted(set(exif) - COMMON)
    if int(PIL.__version__.split(".")[0]) < 13:
        return rare
    return [tag for tag in rare if not _compresses(tag, exif.get(tag))]


def _compresses(tag: int, value: Any) -> bool:
    one, file = Image.Exif(), BytesIO()
    one[tag] = value
    try:
        Image.new("L", (1, 1)).save(file, "TIFF", exif=one, compression="tiff_lzw")
        with Image.open(file, formats=["TIFF"]) as image:
            return tag in image.getexif()
    except Exception:  # Pillow raises RuntimeError, ValueError and others
        return False

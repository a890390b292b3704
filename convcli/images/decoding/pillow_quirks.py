"""Corrections of what Pillow reports about files. Does not import NumPy.

Numbers are those of issues and pull requests of python-pillow/Pillow. Where none is known, the
comment says how to see whether a newer Pillow still needs the correction.
"""

from __future__ import annotations

from typing import Any, BinaryIO, Literal

from PIL import Image


def bits_stored(image: Image.Image, source: str | BinaryIO) -> int:
    """Return the bits a channel of the file, if Pillow reads only 8 of them; else 8.

    Pillow has no images of several channels with more than 8 bits each (issue 1888, open).
    """
    if image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        return 8
    if image.format in _DEPTH_AFTER:
        return _bits_in_head(source, *_DEPTH_AFTER[image.format])
    for tile in getattr(image, "tile", ()):
        arguments = tile[3] if isinstance(tile[3], (tuple, list)) else (tile[3],)
        if tile[0] == "SGI16" or any(";16" in part for part in arguments if isinstance(part, str)):
            return 16
        # The maximum value of a PPM: 255 or less for 8 bits.
        if tile[0].startswith("ppm") and isinstance(arguments[-1], int) and arguments[-1] > 255:
            return 16
    return 8


_DEPTH_AFTER = {
    # The start of a codestream and its first segment, whose byte 38 is the depth less 1, with a
    # bit for the sign (ITU-T T.800, A.5.1).
    "JPEG2000": (b"\xff\x4f\xff\x51", 38, 1),
    # The box with the bits of each channel, after version, flags and count (ISO/IEC 23008-12).
    "AVIF": (b"pixi", 5, 0),
}


def _bits_in_head(source: str | BinaryIO, mark: bytes, after: int, less: int) -> int:
    if isinstance(source, str):
        with open(source, "rb") as file:
            head = file.read(_HEAD)
    else:
        place = source.tell()
        source.seek(0)
        head = source.read(_HEAD)
        source.seek(place)
    at = head.find(mark) + len(mark) + after
    is_there = mark in head and at < len(head)
    return max(8, (head[at] & 0x7F) + less) if is_there else 8


_HEAD = 1 << 16
"""Bytes at the start of a file in which its depth is searched."""


def has_whole_tags(image: Any) -> bool:
    """Return whether a page's table of tags ends within the file; True for others than TIFF.

    Of a table that is cut off, Pillow takes the tags that are there, and only warns (seen in Pillow
    13.0, no issue known: read a TIFF whose table is last, without its last 20 bytes).
    """
    start = getattr(getattr(image, "tag_v2", None), "offset", None)
    if start is None:
        return True
    file = image.fp
    place = file.tell()
    end, _ = tags_end(file, start)
    size = file.seek(0, 2)
    file.seek(place)
    return bool(end <= size)


def tags_end(file: BinaryIO, start: int) -> tuple[int, int]:
    """Return where a table of a TIFF's tags ends, and where that of the next page starts, or 0."""
    file.seek(0)
    head = file.read(4)
    order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
    is_big = int.from_bytes(head[2:], order) == 43
    width, entry, offset = (8, 20, 8) if is_big else (2, 12, 4)
    file.seek(start)
    end = start + width + entry * int.from_bytes(file.read(width), order)
    file.seek(end)
    return end, int.from_bytes(file.read(offset), order)


def rename_ambiguous_texts(image: Image.Image) -> None:
    """Capitalize the keywords of a PNG's texts that mean something else in Pillow's ``info``.

    Pillow keeps texts and properties in one dictionary (seen in Pillow 13.0, no issue known: open a
    PNG with a text of the keyword ``dpi`` and look at ``info``).
    """
    for key in _NOT_KEYWORDS & image.info.keys():
        if isinstance(image.info[key], str):
            image.info.setdefault(str(key).capitalize(), image.info.pop(key))


_NOT_KEYWORDS = {
    *("chromaticity", "comment", "default_image", "dpi", "duration", "exif", "gamma"),
    *("icc_profile", "loop", "srgb", "transparency", "xmp"),
}
"""Keys of ``info`` for a PNG that are not keywords of texts."""


def scale_transparency_to_8_bits(image: Image.Image) -> None:
    """Scale a PNG's transparent colour from the bits of the file to the 8 bits of Pillow's samples.

    Pillow leaves it as in the file, where grey may have fewer bits and colours more (seen in Pillow
    13.0). For 1 bit it was issue 9281, fixed in Pillow 12.1; none is known for 2, 4 and 16 bits:
    open a PNG of 2-bit grey with the transparent colour 1, which is 85 in 8 bits.
    """
    transparent: Any = image.info.get("transparency")
    depth = str(next((tile[3] for tile in getattr(image, "tile", ())), ""))
    if isinstance(transparent, int) and image.mode == "1":
        image.info["transparency"] = 255 * bool(transparent)
    elif isinstance(transparent, int) and image.mode == "L" and depth in ("L;2", "L;4"):
        image.info["transparency"] = transparent * {"L;2": 85, "L;4": 17}[depth]
    elif isinstance(transparent, tuple) and depth == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in transparent)


def forget_encoder(image: Image.Image) -> None:
    """Remove the options of an earlier ``save`` from an image, which the next one would use.

    Pillow's ``save`` removes them from the first frame of a file alone (seen in Pillow 13.0; issue
    8936 and pull request 8942 are about the same attributes).
    """
    for name in ("encoderinfo", "encoderconfig"):
        vars(image).pop(name, None)

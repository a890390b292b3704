"""What Pillow tells of a file otherwise than the file means it. Needs no NumPy."""

from __future__ import annotations

from typing import Any, BinaryIO

from PIL import Image


def bits_stored(image: Image.Image, source: str | BinaryIO) -> int:
    """Return the bits a channel that the file has, where Pillow gives fewer; else 8."""
    if image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        return 8
    if image.format in _DEPTH_AFTER:
        return _bits_in_head(source, *_DEPTH_AFTER[image.format])
    for tile in getattr(image, "tile", ()):
        arguments = tile[3] if isinstance(tile[3], (tuple, list)) else (tile[3],)
        if tile[0] == "SGI16" or any(";16" in part for part in arguments if isinstance(part, str)):
            return 16
        # The greatest value of a PPM, of which 8 bits would have 255.
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
"""Bytes of a file in which its depth is looked for."""


def set_texts_apart(image: Image.Image) -> None:
    """Spell keywords of a PNG's texts another way that Pillow would take for something else."""
    for key in _NOT_KEYWORDS & image.info.keys():
        if isinstance(image.info[key], str):
            image.info.setdefault(str(key).capitalize(), image.info.pop(key))


_NOT_KEYWORDS = {
    *("chromaticity", "comment", "default_image", "dpi", "duration", "exif", "gamma"),
    *("icc_profile", "loop", "srgb", "transparency", "xmp"),
}
"""What Pillow keeps in one table with the texts."""


def bring_transparency_to_8_bits(image: Image.Image) -> None:
    """Bring a PNG's transparent colour to the samples that Pillow gives, from those of the file.

    Pillow leaves it as it stands in the file, where grey may have fewer bits and colours more.
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
    """Take from an image what an encoder has left at it, which the next would take for its own.

    Pillow's ``save`` does that for the first frame of a file alone (seen in version 13.0).
    """
    for name in ("encoderinfo", "encoderconfig"):
        vars(image).pop(name, None)

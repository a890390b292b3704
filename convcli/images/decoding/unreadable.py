"""Error messages for files that are not opened: what the file is, and how to convert it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

from convcli.errors import ImageError
from convcli.images.extras import DEEP

_HEAD = 1024  # bytes at the start of a file in which its signature is searched

_CONVERT_FIRST = "convert it first, for example with"

# Each: bytes, their offset in the file, what the file is, and the remedy.
_SIGNATURES: tuple[tuple[bytes, int, str, str], ...] = (
    (b"%!PS", 0, "PostScript (EPS)", f"{_CONVERT_FIRST} Ghostscript or ImageMagick"),
    (b"\xc5\xd0\xd3\xc6", 0, "PostScript (EPS)", f"{_CONVERT_FIRST} Ghostscript or ImageMagick"),
    (b"%PDF-", 0, "PDF", f"{_CONVERT_FIRST} pdftoppm or Ghostscript"),
    (b"\xd7\xcd\xc6\x9a", 0, "a Windows metafile", f"{_CONVERT_FIRST} Inkscape or LibreOffice"),
    (b" EMF", 40, "a Windows metafile", f"{_CONVERT_FIRST} Inkscape or LibreOffice"),
    (b"<svg", 0, "SVG", f"{_CONVERT_FIRST} rsvg-convert or Inkscape"),
    (b"ftyphei", 4, "HEIC", f"{_CONVERT_FIRST} heif-convert or ImageMagick"),
    (b"ftyphev", 4, "HEIC", f"{_CONVERT_FIRST} heif-convert or ImageMagick"),
    (b"ftypmif1", 4, "HEIF", f"{_CONVERT_FIRST} heif-convert or ImageMagick"),
    (b"\0\0\0\x0cJXL ", 0, "JPEG XL", f"{_CONVERT_FIRST} djxl"),
    (b"\xff\x0a", 0, "JPEG XL", f"{_CONVERT_FIRST} djxl"),
    (b"#?RADIANCE", 0, "Radiance HDR", "convert it to a .npy array first"),
    (b"\x89HDF\r\n\x1a\n", 0, "HDF5", "save its picture as a .npy array first"),
    (b"BUFR", 0, "BUFR", "save its picture as a .npy array first"),
    (b"GRIB", 0, "GRIB", "save its picture as a .npy array first"),
    (b"PK\x03\x04", 0, "a ZIP archive", "unpack it first"),
    (b"\x1f\x8b", 0, "compressed with gzip", "unpack it first"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0, "FlashPix, or an Office document", "convert it first"),
    (b"\0\0\x01\xb3", 0, "an MPEG film", "extract its frames first, for example with ffmpeg"),
    (b"\0\0\x01\xba", 0, "an MPEG film", "extract its frames first, for example with ffmpeg"),
    (b"ftypisom", 4, "an MP4 film", "extract its frames first, for example with ffmpeg"),
    (b"ftypmp4", 4, "an MP4 film", "extract its frames first, for example with ffmpeg"),
    (b"ftypqt", 4, "a QuickTime film", "extract its frames first, for example with ffmpeg"),
    (b"\x1c\x01", 0, "IPTC data", "take the picture out of it first"),
    (b"\x1c\x02", 0, "IPTC data", "take the picture out of it first"),
    (b"\x1c\x03", 0, "IPTC data", "take the picture out of it first"),
)


def unidentified(source: str | BinaryIO) -> ImageError:
    """Return the error for a file whose format is not in :data:`formats.OPENED`."""
    head = _head(source)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<?xml") and b"<svg" in text:
        text = b"<svg"
    for signature, at, kind, remedy in _SIGNATURES:
        if head[at:].startswith(signature) or (at == 0 and text.startswith(signature)):
            return ImageError(f"it is {kind}, which is not read: {remedy}")
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        kind = _tiff_kind(source)
        if kind:
            by_extra = f"{DEEP} does; or " if _is_read_by_tifffile(source) else ""
            return ImageError(
                f"it is a TIFF of {kind}, which Pillow does not read: {by_extra}convert it first, "
                "to a .npy array (any numbers) or a TIFF of 8 bits a channel"
            )
    return ImageError("it is not an image, or not of a format that Pillow knows")


def _head(source: str | BinaryIO) -> bytes:
    if isinstance(source, str):
        with open(source, "rb") as file:
            return file.read(_HEAD)
    source.seek(0)
    return source.read(_HEAD)


# TIFF 6.0: BitsPerSample, Photometric, SamplesPerPixel, SampleFormat with its values.
_BITS, _SAMPLES, _SAMPLE_FORMAT = 258, 277, 339
_UNSIGNED = 1
_NUMBERS = {
    _UNSIGNED: "integers",
    2: "signed integers",
    3: "floats",
    5: "complex integers",
    6: "complex floats",
}


def _tiff_kind(source: str | BinaryIO) -> str:
    """Return the kind of samples of a TIFF's first page, or "" if Pillow reads that kind."""
    try:
        tags = first_tags(source)
        bits = tags.get(_BITS, (1,))
        count = int(tags.get(_SAMPLES, 1))
        kind = tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))[0]
        if kind == _UNSIGNED and max(bits) <= 8:
            return ""
        plural = "s" if count != 1 else ""
        return f"{count} channel{plural} of {bits[0]}-bit {_NUMBERS.get(kind, 'numbers')}"
    except Exception:  # a broken table raises errors of many kinds
        return ""


def _is_read_by_tifffile(source: str | BinaryIO) -> bool:
    from convcli.images.decoding.tiff_files import needs_tifffile

    try:
        return needs_tifffile(first_tags(source))
    except Exception:  # a broken table raises errors of many kinds
        return False


def first_tags(source: str | BinaryIO) -> Mapping[int, Any]:
    """Return the tags of a TIFF's first page. Raises errors of many kinds for a broken table."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    if isinstance(source, str):
        with open(source, "rb") as file:
            return first_tags(file)
    source.seek(0)
    head = source.read(8)
    if head[2:3] == b"+" or head[3:4] == b"+":  # BigTIFF
        head += source.read(8)
    table = ImageFileDirectory_v2(head)
    source.seek(table.next)
    table.load(source)
    return dict(table)

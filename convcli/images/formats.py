"""The file formats that are read and written: names, extensions, and what each can hold."""

from __future__ import annotations

from functools import cache

from PIL import Image

from convcli.errors import ImageError
from convcli.images.extras import is_installed, require

ARRAY_FORMAT = "NPY"

_HELD = {
    "AVIF": "L RGB RGBA",
    "BLP": "P",
    "BMP": "L RGB",
    "DDS": "L LA RGB RGBA",
    "DIB": "L RGB",
    "EPS": "L RGB CMYK",
    "EXR": "",
    "GIF": "L P PA",
    "ICNS": "RGBA",
    "ICO": "RGBA",
    "IM": "L LA RGB RGBA CMYK I;16 F",
    "JPEG": "L RGB CMYK",
    "JPEG2000": "L LA RGB RGBA CMYK I;16",
    "MPO": "L RGB CMYK",
    "MSP": "1",
    "PCX": "L RGB",
    "PDF": "L LA RGB RGBA CMYK",
    "PNG": "L LA RGB RGBA I;16",
    "PPM": "L RGB I;16",
    "PGM": "L I;16",
    "PBM": "1",
    "PFM": "F",
    "QOI": "RGB RGBA",
    "SGI": "L RGB RGBA",
    "SPIDER": "F",
    "TGA": "L LA RGB RGBA",
    "TIFF": "L LA RGB RGBA CMYK I;16 F",
    "WEBP": "RGB RGBA",
    "XBM": "1",
}
"""Pillow's modes that each format holds without loss: reading gives back what was written.

PA is a palette with one transparent colour. The tests write and read all of them, because an
encoder may accept a mode and keep only a part of it.
"""

PROFILE_FORMATS = frozenset({"AVIF", "JPEG", "MPO", "PNG", "TIFF", "WEBP"})
"""Formats whose encoders write an ICC profile."""

FRAME_FORMATS = frozenset({"AVIF", "GIF", "PDF", "PNG", "TIFF", "WEBP"})
"""Formats that hold several frames."""

PAGE_FORMATS = frozenset({"PDF", "TIFF"})
"""Formats whose frames are pages, each with a size and a mode of its own."""

MOST_PIXELS_A_SIDE = {
    "GIF": 65535,
    "ICNS": 1024,
    "ICO": 256,
    "JPEG": 65500,
    "MPO": 65500,
    "PCX": 65535,
    "SGI": 65535,
    "TGA": 65535,
    "WEBP": 16383,
}
"""The greatest width and height of a picture, where it is less than thousands of millions."""

COMMON = {
    "png": "PNG",
    "jpg": "JPEG",
    "jpeg": "JPEG",
    "tif": "TIFF",
    "tiff": "TIFF",
    "webp": "WEBP",
    "gif": "GIF",
    "bmp": "BMP",
    "ppm": "PPM",
    "npy": ARRAY_FORMAT,
}
"""Extensions that are known without importing all of Pillow's plugins, which is slow."""

_NETPBM = {"pgm": "PGM", "pbm": "PBM", "pfm": "PFM"}
"""Extensions that Pillow treats as names of PPM, although each means another kind of picture."""

OPENED = frozenset(
    {
        *("AVIF", "BLP", "BMP", "CUR", "DCX", "DDS", "DIB", "FITS", "FLI", "FTEX", "GBR", "GIF"),
        *("ICNS", "ICO", "IM", "IMT", "JPEG", "JPEG2000", "MCIDAS", "MPO", "MSP", "PCD", "PCX"),
        *("PIXAR", "PNG", "PPM", "PSD", "QOI", "SGI", "SPIDER", "SUN", "TGA", "TIFF", "WEBP"),
        *("XBM", "XPM", "XVTHUMB"),
    }
)
"""Formats that are read, by Pillow's names: those that it decodes without other programs.

Of the formats that Pillow 11.3 to 13.0 identify, these are not read:

- EPS starts Ghostscript;
- IPTC contains a file of any format, EPS included, which Pillow opens too;
- FPX and MIC need the package olefile, which the user would have to install;
- BUFR, GRIB, HDF5 and WMF call a handler that the user would have to install (on Windows, the
  system draws WMF);
- MPEG is identified, but not decoded.

Formats that other packages register with Pillow are not read either.
"""

_NOT_ENCODED = frozenset({"BUFR", "GRIB", "HDF5", "WMF", "PALM"})
"""Plugins that call a handler that the user would have to install, and Palm's, which assumes that a
picture has the colours of Palm's own palette."""


def held_modes(format_name: str) -> frozenset[str]:
    """Return the modes that a format holds; those of PNG for an unknown format."""
    return frozenset(_HELD.get(format_name, _HELD["PNG"]).split())


def encoder_name(format_name: str) -> str:
    """Return Pillow's name of a format."""
    return "PPM" if format_name in _NETPBM.values() else format_name


def output_format(name: str) -> str:
    """Return the format of an extension (".jpg", "jpg") or name ("JPEG"): Pillow's name, or NPY.

    PGM, PBM and PFM are formats of their own here, unlike in Pillow. Raises :class:`ImageError` for
    a format that cannot be written.
    """
    wanted = name.lower().removeprefix(".")
    if wanted == "exr":
        require("OpenEXR", "OpenEXR files")
        return "EXR"
    if wanted in COMMON:
        return COMMON[wanted]
    known = _writable()
    if wanted in known:
        return known[wanted]
    from difflib import get_close_matches

    near = get_close_matches(wanted, known, 3, 0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else "png, jpg, tif, webp and npy can"
    raise ImageError(f"{name!r} is not an image format that can be written: {hint}")


def readable_extensions() -> frozenset[str]:
    """Return the extensions of pictures that can be read, with their dot; not that of arrays."""
    Image.init()
    known = Image.registered_extensions().items()
    # MPO has no decoder of its own: that of JPEG identifies it.
    available = OPENED & {*Image.OPEN, "MPO"}
    by_extra = {".exr"} if is_installed("OpenEXR") else set()
    return frozenset(by_extra | {extension for extension, name in known if name in available})


@cache
def _writable() -> dict[str, str]:
    """Return every extension (without dot) and name that can be written, in lower case."""
    Image.init()
    writable = COMMON | _NETPBM
    for extension, name in Image.registered_extensions().items():
        if name in Image.SAVE and name not in _NOT_ENCODED:
            writable.setdefault(extension.removeprefix("."), name)
    for name in Image.SAVE:
        if name not in _NOT_ENCODED:
            writable.setdefault(name.lower(), name)
    return writable

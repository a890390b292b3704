"""The file formats that are read and written, by name and extension, and what each can hold."""

from __future__ import annotations

from functools import cache

from PIL import Image

from convcli.errors import ImageError

ARRAY_FORMAT = "NPY"

_HELD = {
    "AVIF": "L RGB RGBA",
    "BLP": "P",
    "BMP": "L RGB",
    "DDS": "L LA RGB RGBA",
    "DIB": "L RGB",
    "EPS": "L RGB CMYK",
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
"""Modes of Pillow's that come back from a format as they went in, where it loses nothing at all.

PA stands for a palette with one colour that is transparent. All of this was tried with every
format (see the tests), for an encoder may take a mode and keep only a part of it.
"""

PROFILE_FORMATS = frozenset({"AVIF", "JPEG", "MPO", "PNG", "TIFF", "WEBP"})
"""Those whose encoders write an ICC profile."""

FRAME_FORMATS = frozenset({"AVIF", "GIF", "PDF", "PNG", "TIFF", "WEBP"})
PAGE_FORMATS = frozenset({"PDF", "TIFF"})
"""Those of them whose frames are pages, each of its own size and mode."""

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
"""How wide and high a picture can be, where it is not in the thousand millions."""

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
"""What needs no look at all of Pillow's plugins, which takes a while."""

_NETPBM = {"pgm": "PGM", "pbm": "PBM", "pfm": "PFM"}
"""What Pillow takes for one format with many names, though each promises a kind of picture."""

OPENED = frozenset(
    {
        *("AVIF", "BLP", "BMP", "CUR", "DCX", "DDS", "DIB", "FITS", "FLI", "FTEX", "GBR", "GIF"),
        *("ICNS", "ICO", "IM", "IMT", "JPEG", "JPEG2000", "MCIDAS", "MPO", "MSP", "PCD", "PCX"),
        *("PIXAR", "PNG", "PPM", "PSD", "QOI", "SGI", "SPIDER", "SUN", "TGA", "TIFF", "WEBP"),
        *("XBM", "XPM", "XVTHUMB"),
    }
)
"""What is read: formats that Pillow decodes by itself, by Pillow's names.

Left out of those that Pillow knows (versions 11.3 to 13):

- EPS starts Ghostscript;
- IPTC holds a file of any format, which Pillow opens in turn, EPS included;
- FPX and MIC need the package olefile, which the user would have to install;
- BUFR, GRIB, HDF5 and WMF hand on to a handler that the user would have to install (on Windows,
  WMF is drawn by the system);
- MPEG is recognised and not decoded.

Formats that other packages register with Pillow are not read either.
"""

_HOLLOW = frozenset({"BUFR", "GRIB", "HDF5", "WMF", "PALM"})
"""Plugins that only hand on to one that the user would have to install; and Palm's, which takes
for granted that a picture has the colours of Palm's own palette."""


def held_modes(format_name: str) -> frozenset[str]:
    """Return the modes that a format holds; what is said of PNG, for one that is not known."""
    return frozenset(_HELD.get(format_name, _HELD["PNG"]).split())


def encoder_name(format_name: str) -> str:
    """Return what Pillow calls a format."""
    return "PPM" if format_name in _NETPBM.values() else format_name


def output_format(name: str) -> str:
    """Return the format of an extension (".jpg", "jpg") or name ("JPEG"): Pillow's name, or NPY.

    PGM, PBM and PFM are told from PPM. Raises :class:`ImageError` where it is none that can be
    written.
    """
    wanted = name.lower().removeprefix(".")
    if wanted in COMMON:
        return COMMON[wanted]
    known = _writable()
    if wanted in known:
        return known[wanted]
    from difflib import get_close_matches

    near = get_close_matches(wanted, known, 3, 0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else "png, jpg, tif, webp and npy can"
    raise ImageError(f"{name!r} is no image format that can be written: {hint}")


def readable_extensions() -> frozenset[str]:
    """Return every extension, as in ".jpg", that pictures usually have; arrays are none."""
    Image.init()
    known = Image.registered_extensions().items()
    # MPO has no decoder of its own: that of JPEG returns it.
    available = OPENED & {*Image.OPEN, "MPO"}
    return frozenset(extension for extension, name in known if name in available)


@cache
def _writable() -> dict[str, str]:
    """Return every extension (without dot) and name that can be written, in lower case."""
    Image.init()
    writable = COMMON | _NETPBM
    for extension, name in Image.registered_extensions().items():
        if name in Image.SAVE and name not in _HOLLOW:
            writable.setdefault(extension.removeprefix("."), name)
    for name in Image.SAVE:
        if name not in _HOLLOW:
            writable.setdefault(name.lower(), name)
    return writable

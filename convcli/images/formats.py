"""The file formats that can be written, by name and by extension, and what each can hold."""

from __future__ import annotations

from functools import cache

from PIL import Image

from convcli.errors import ImageError

ARRAY_FORMAT = "NPY"

SIXTEEN_BIT_FORMATS = frozenset({"PNG", "TIFF", "JPEG2000", "PPM"})
FLOAT_FORMATS = frozenset({"TIFF"})
CMYK_FORMATS = frozenset({"JPEG", "TIFF"})
ALPHA_FORMATS = frozenset(
    {"PNG", "TIFF", "WEBP", "AVIF", "GIF", "TGA", "ICO", "ICNS", "JPEG2000", "SGI", "QOI", "DDS"}
)
FRAME_FORMATS = frozenset({"GIF", "PNG", "WEBP", "TIFF", "AVIF"})
BILEVEL_FORMATS = frozenset({"XBM", "MSP"})


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

_HOLLOW = frozenset({"BUFR", "GRIB", "HDF5", "WMF"})
"""Plugins that only hand on to one that the user would have to install."""

_CLOSED = _HOLLOW | {"MPEG"}
"""Those, and one that knows a film when it sees it, and no more."""


def output_format(name: str) -> str:
    """Return the format of an extension (".jpg", "jpg") or name ("JPEG"): Pillow's name, or NPY.

    Raises :class:`ImageError` where it is none that can be written.
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
    """Return every extension, as in ".jpg", that files which can be read usually have."""
    Image.init()
    known = Image.registered_extensions().items()
    readable = {
        extension for extension, name in known if name in Image.OPEN and name not in _CLOSED
    }
    return frozenset({*readable, f".{ARRAY_FORMAT.lower()}"})


@cache
def _writable() -> dict[str, str]:
    """Return every extension (without dot) and name that can be written, in lower case."""
    Image.init()
    writable = dict(COMMON)
    for extension, name in Image.registered_extensions().items():
        if name in Image.SAVE and name not in _HOLLOW:
            writable[extension.removeprefix(".")] = name
    for name in Image.SAVE:
        if name not in _HOLLOW:
            writable.setdefault(name.lower(), name)
    return writable

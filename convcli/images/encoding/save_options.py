"""The options of each format's encoder: the keys of ``--save`` and ``write_image(save=…)``.

Pillow ignores an option that it does not know. The tables follow Pillow's handbook ("Image file
formats") and the encoders' sources, Pillow 11.3 to 13.0; a test compares them with the installed
Pillow. Options that the picture decides are left out: those for its frames (``save_all``,
``append_images``, ``default_image``), and ``append``, since every file is written anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from convcli.errors import ImageError

_JPEG = frozenset(
    {
        *("quality", "subsampling", "qtables", "progressive", "progression", "optimize", "smooth"),
        *("keep_rgb", "streamtype", "restart_marker_blocks", "restart_marker_rows"),
        *("dpi", "comment", "exif", "icc_profile", "xmp", "extra"),
    }
)
_JPEG2000 = frozenset(
    {
        *("no_jp2", "offset", "tile_offset", "tile_size", "quality_mode", "quality_layers"),
        *("num_resolutions", "codeblock_size", "precinct_size", "irreversible", "progression"),
        *("cinema_mode", "mct", "signed", "comment", "plt"),
    }
)
_PNG = frozenset(
    {
        *("optimize", "compress_level", "compress_type", "dictionary", "bits", "transparency"),
        *("dpi", "exif", "icc_profile", "pnginfo"),
        *("duration", "loop", "disposal", "blend"),
    }
)

KNOWN: Mapping[str, frozenset[str]] = {
    "AVIF": frozenset(
        {
            *("quality", "subsampling", "speed", "max_threads", "codec", "range", "tile_rows"),
            *("tile_cols", "alpha_premultiplied", "autotiling", "advanced", "duration"),
            *("exif", "icc_profile", "xmp"),
        }
    ),
    "BLP": frozenset({"blp_version"}),
    "BMP": frozenset({"dpi"}),
    "DDS": frozenset({"pixel_format"}),
    "DIB": frozenset({"dpi"}),
    "EXR": frozenset({"compression", "pixel_type"}),  # not Pillow's
    "GIF": frozenset(
        {
            *("optimize", "interlace", "palette", "transparency", "background"),
            *("disposal", "duration", "loop", "comment"),
        }
    ),
    "ICNS": _PNG,  # contains a PNG
    "ICO": frozenset({"sizes", "bitmap_format"}),
    "JPEG": _JPEG,
    "JPEG2000": _JPEG2000,
    "MPO": _JPEG,
    # A page is a JPEG or, with transparency, a JPEG 2000.
    "PDF": _JPEG
    | _JPEG2000
    | {
        *("resolution", "title", "author", "subject", "keywords", "creator", "producer"),
        *("creationDate", "modDate"),
    },
    "PNG": _PNG,
    "QOI": frozenset({"colorspace"}),
    "SGI": frozenset({"bpc"}),
    "TGA": frozenset({"rle", "compression", "id_section", "orientation"}),
    "TIFF": frozenset(
        {
            *("compression", "quality", "big_tiff", "strip_size", "tiffinfo", "exif"),
            *("icc_profile", "dpi", "resolution", "x_resolution", "y_resolution"),
            *("resolution_unit", "description", "software", "date_time", "artist", "copyright"),
        }
    ),
    "WEBP": frozenset(
        {
            *("lossless", "quality", "alpha_quality", "method", "exact", "exif", "icc_profile"),
            *("xmp", "background", "duration", "loop", "minimize_size", "kmin", "kmax"),
            "allow_mixed",
        }
    ),
    "XBM": frozenset({"hotspot"}),
}
"""The options of each format, by Pillow's name; a format that is missing has none."""


def check_save_options(format_name: str, save: Mapping[str, Any]) -> None:
    """Raise an :class:`ImageError` for a key of ``save`` that a format's encoder does not have.

    ``format_name`` is a name that :func:`output_format` returns. Of the values ``dpi`` is checked;
    the encoder checks the others.
    """
    known = KNOWN.get(format_name, frozenset())
    unknown = [key for key in save if key not in known]
    if not unknown:
        with_pairs(save)
        return
    from difflib import get_close_matches

    key = unknown[0]
    if not known:
        raise ImageError(f"{format_name} has no save option {key!r}: it has none at all")
    near = get_close_matches(key, known, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ImageError(
        f"{format_name} has no save option {key!r}: {hint}it has {', '.join(sorted(known))}"
    )


def with_pairs(save: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with a number for ``dpi`` as (x, y), which is what Pillow's encoders take.

    Raises :class:`ImageError` for a ``dpi`` that is neither a positive number nor two of them.
    """
    if "dpi" not in save:
        return dict(save)
    given = save["dpi"]
    pair = given if isinstance(given, (tuple, list)) else (given, given)
    if len(pair) != 2 or not all(_is_positive(number) for number in pair):
        raise ImageError(f"dpi is a number of pixels per inch above 0, or (x, y): got {given!r}")
    return {**save, "dpi": tuple(pair)}


def _is_positive(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and 0 < value < math.inf

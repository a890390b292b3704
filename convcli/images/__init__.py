"""Between image files and tensors: the only part that knows Pillow."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convcli.images.formats import output_format
    from convcli.images.picture import Frame, Picture
    from convcli.images.reading import read_image
    from convcli.images.writing import write_image

__all__ = ["Frame", "Picture", "output_format", "read_image", "write_image"]

_HOME = {
    "Frame": "picture",
    "Picture": "picture",
    "output_format": "formats",
    "read_image": "reading",
    "write_image": "writing",
}


def __getattr__(name: str) -> object:
    # Loaded when first used: decoding can begin before NumPy is there.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value

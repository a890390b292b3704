"""Between image files and tensors: the only part that knows Pillow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.lazy import exports

if TYPE_CHECKING:
    from convcli.images.formats import output_format
    from convcli.images.picture import Frame, Picture
    from convcli.images.reading import read_image
    from convcli.images.writing import write_image

__all__ = ["Frame", "Picture", "output_format", "read_image", "write_image"]

# Decoding can begin before NumPy is there.
__getattr__ = exports(
    __name__,
    {
        "formats": ("output_format",),
        "picture": ("Frame", "Picture"),
        "reading": ("read_image",),
        "writing": ("write_image",),
    },
)

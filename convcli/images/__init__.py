"""Image files to pictures and back, by Pillow and by codecs of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.system.lazy_exports import exports

if TYPE_CHECKING:
    from convcli.images.encoding.save_options import check_save_options
    from convcli.images.formats import output_format, readable_extensions
    from convcli.images.header import Header, read_header
    from convcli.images.picture import Frame, Picture
    from convcli.images.read import read_image
    from convcli.images.write import write_image

__all__ = [
    "Frame",
    "Header",
    "Picture",
    "check_save_options",
    "output_format",
    "read_header",
    "read_image",
    "readable_extensions",
    "write_image",
]

# Imported on first use, so that decoding can start while NumPy is imported.
__getattr__ = exports(
    __name__,
    {
        "convcli.images.formats": ("output_format", "readable_extensions"),
        "convcli.images.header": ("Header", "read_header"),
        "convcli.images.picture": ("Frame", "Picture"),
        "convcli.images.read": ("read_image",),
        "convcli.images.encoding.save_options": ("check_save_options",),
        "convcli.images.write": ("write_image",),
    },
)

"""Between image files and tensors: the only part that knows Pillow."""

from convcli.images.formats import output_format
from convcli.images.picture import Frame, Picture
from convcli.images.reading import read_image
from convcli.images.writing import write_image

__all__ = ["Frame", "Picture", "output_format", "read_image", "write_image"]

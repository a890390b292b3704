"""The EXIF orientation of an image, which says how it is to be turned to be upright."""

from __future__ import annotations

from PIL import Image

from convcli.images.metadata.exif_tags import ORIENTATION

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transposition that each value of the tag asks for (CIPA DC-008, 4.6.4); 1 asks for none."""

_SWAPS_SIDES = (
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
)


def upright_turn(image: Image.Image) -> Image.Transpose | None:
    """Return the transposition that makes an image upright, by its EXIF or XMP; None if it is."""
    try:
        # A PNG's own getexif() decodes the pixels first.
        return _TURNS.get(Image.Image.getexif(image).get(ORIENTATION, 1))
    except Exception:  # broken EXIF raises errors of any kind; read_metadata() reports it
        image._exif = None  # otherwise Pillow keeps the empty EXIF of the failed call
        return None


def upright_size(image: Image.Image, turn: Image.Transpose | None) -> tuple[int, int]:
    """Return the height and width of an image once it is turned."""
    width, height = image.size
    # Pillow gives the size of a TIFF already turned.
    swaps = turn in _SWAPS_SIDES and image.format != "TIFF"
    return (width, height) if swaps else (height, width)

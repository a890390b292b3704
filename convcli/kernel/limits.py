"""Arrays that no memory holds: refused from their sizes, or where they cannot be allocated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from convcli.errors import ShapeError
from convcli.kernel.geometry import Geometry

MOST_SAMPLES = 2**40
"""4 TiB of float32, in an image with its border or on the other side of a convolution."""


def check_samples(images: int, channels: int, filters: int, geometry: Geometry) -> None:
    """Raise a ShapeError where a convolution or its transpose takes more than MOST_SAMPLES."""
    for planes, (height, width) in (
        (images * channels, geometry.without_pads().image),
        (images * filters, geometry.output),
    ):
        if planes * height * width > MOST_SAMPLES:
            raise ShapeError(
                f"the convolution would take {planes:,} × {height:,} × {width:,} samples, border "
                f"included, more than {MOST_SAMPLES:,}: use a smaller pad, dilation or stride"
            )


@contextmanager
def memory_checked() -> Iterator[None]:
    """Raise a ShapeError in place of a MemoryError."""
    try:
        yield
    except MemoryError as error:
        raise ShapeError(
            f"the arrays of the convolution do not fit into memory ({error}): use a smaller "
            "image, pad, dilation or stride"
        ) from None

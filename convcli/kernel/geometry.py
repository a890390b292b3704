"""Sizes, pads and strides of a convolution: integers only, settled before any array is touched."""

from __future__ import annotations

import operator
from typing import Literal, NamedTuple, SupportsIndex, TypeAlias

from convcli.errors import ShapeError

Pair: TypeAlias = tuple[int, int]
"""Something for the y axis, then for the x axis."""

Pads: TypeAlias = tuple[int, int, int, int]
"""Rows and columns added around an image: top, left, bottom, right."""

IntOrPair: TypeAlias = int | tuple[int, int]
PadLike: TypeAlias = int | tuple[int, int] | tuple[int, int, int, int] | Literal["same", "valid"]
PadMode: TypeAlias = Literal["zeros", "reflect", "replicate", "circular"]

PAD_MODES: tuple[PadMode, ...] = ("zeros", "reflect", "replicate", "circular")

LARGEST = 2**31 - 1
"""The greatest size, stride, dilation and pad: the longest side that a PNG can have. The product
of two fits 64 bits."""


class Geometry(NamedTuple):
    """Where the taps of a convolution fall.

    Output row i reads the rows ``i * stride + u * dilation - top`` of the input for each kernel
    row u; ``image`` is always the side a convolution reads and ``output`` the side it writes, so
    one geometry describes a convolution and its transpose.
    """

    image: Pair
    kernel: Pair
    stride: Pair
    dilation: Pair
    pads: Pads
    output: Pair

    def without_pads(self) -> Geometry:
        """Return the same convolution, reading an image that has its border already."""
        top, left, bottom, right = self.pads
        height, width = self.image
        extended = height + top + bottom, width + left + right
        return self._replace(image=extended, pads=(0, 0, 0, 0))


def effective_size(kernel: int, dilation: int) -> int:
    """Return how many input rows one output row spans: ``D (K-1) + 1``."""
    return dilation * (kernel - 1) + 1


def pair(value: IntOrPair, name: str, least: int) -> Pair:
    """Return ``value`` as (y, x), integers from ``least`` to LARGEST; a ShapeError otherwise."""
    items = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    numbers = _whole_numbers(items)
    if numbers is None or len(numbers) != 2 or not _within(numbers, least):
        raise ShapeError(
            f"{name} must be a whole number from {least} to {LARGEST:,}, or two: got {shown(value)}"
        )
    return numbers[0], numbers[1]


def check_pad(pad: PadLike) -> Literal["same"] | Pads:
    """Return "same", or the pads that ``pad`` spells out; a ShapeError for anything else."""
    if isinstance(pad, str):
        if pad == "same":
            return "same"
        numbers: tuple[int, ...] | None = (0, 0) if pad == "valid" else None
    else:
        numbers = _whole_numbers(tuple(pad) if isinstance(pad, (tuple, list)) else (pad, pad))
    if numbers is None or len(numbers) not in (2, 4) or not _within(numbers, 0):
        raise ShapeError(
            f'pad must be "same", "valid", a whole number from 0 to {LARGEST:,}, (y, x), or '
            f"(top, left, bottom, right): got {shown(pad)}"
        )
    top, left, bottom, right = numbers if len(numbers) == 4 else numbers * 2
    return top, left, bottom, right


def conv_output_size(
    size: IntOrPair,
    kernel_size: IntOrPair,
    *,
    stride: IntOrPair = 1,
    pad: PadLike = 0,
    dilation: IntOrPair = 1,
) -> Pair:
    """Return (H_out, W_out) of a convolution: ``floor((H + pads - (D(K-1)+1)) / S) + 1``.

    ``size`` is (H, W) of the input and ``kernel_size`` (Hf, Wf); an int is a square.
    A size that comes out below 1 is a :class:`ShapeError`.

    >>> from convcli import conv_output_size
    >>> conv_output_size((480, 640), 3, stride=2, pad=1)
    (240, 320)
    >>> conv_output_size((480, 640), 3, dilation=2)
    (476, 636)
    """
    return conv_geometry(
        pair(size, "size", 1), pair(kernel_size, "kernel_size", 1), stride, pad, dilation
    ).output


def conv_transpose_output_size(
    size: IntOrPair,
    kernel_size: IntOrPair,
    *,
    stride: IntOrPair = 1,
    pad: PadLike = 0,
    output_padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
) -> Pair:
    """Return (H_out, W_out) of a transposed convolution: ``(H-1)S + D(K-1)+1 - pads + extra``.

    ``extra`` is ``output_padding``; it must be smaller than the stride or the dilation.
    A size that comes out below 1 is a :class:`ShapeError`.

    >>> from convcli import conv_transpose_output_size
    >>> conv_transpose_output_size((240, 320), 3, stride=2, pad=1)
    (479, 639)
    >>> conv_transpose_output_size((240, 320), 3, stride=2, pad=1, output_padding=1)
    (480, 640)
    """
    return conv_transpose_geometry(
        pair(size, "size", 1),
        pair(kernel_size, "kernel_size", 1),
        stride,
        pad,
        output_padding,
        dilation,
    ).image


def conv_geometry(
    image: Pair, kernel: Pair, stride: IntOrPair, pad: PadLike, dilation: IntOrPair
) -> Geometry:
    """Settle a convolution that reads ``image`` = (H, W)."""
    steps, spread = pair(stride, "stride", 1), pair(dilation, "dilation", 1)
    checked = check_pad(pad)
    if checked == "same":
        top, bottom = _same_pads(image[0], kernel[0], steps[0], spread[0])
        left, right = _same_pads(image[1], kernel[1], steps[1], spread[1])
        pads = (top, left, bottom, right)
    else:
        pads = checked
    height, width = (
        _conv_length(
            axis, image[k], pads[k] + pads[k + 2], effective_size(kernel[k], spread[k]), steps[k]
        )
        for k, axis in enumerate("HW")
    )
    steps = _steps_taken(steps, (height, width), image)
    return Geometry(image, kernel, steps, spread, pads, (height, width))


def conv_transpose_geometry(
    size: Pair,
    kernel: Pair,
    stride: IntOrPair,
    pad: PadLike,
    output_padding: IntOrPair,
    dilation: IntOrPair,
) -> Geometry:
    """Settle a transposed convolution that reads ``size``: the geometry of its convolution.

    The result's ``output`` is what the transposed convolution reads and its ``image`` what it
    writes, as the transpose swaps the two sides of a linear map.
    """
    steps, spread = pair(stride, "stride", 1), pair(dilation, "dilation", 1)
    extra = pair(output_padding, "output_padding", 0)
    for k, axis in enumerate("yx"):
        if extra[k] and extra[k] >= max(steps[k], spread[k]):
            raise ShapeError(
                f"output_padding={extra[k]} along {axis} must be smaller than the stride "
                f"{steps[k]} or the dilation {spread[k]}"
            )
    effective = effective_size(kernel[0], spread[0]), effective_size(kernel[1], spread[1])
    checked = check_pad(pad)
    if checked == "same":
        if any(extra):
            raise ShapeError(
                'pad="same" already settles the output size (input times stride): '
                "give output_padding=0, or give the pad as numbers"
            )
        # The adjoint of a "same" convolution that reads an image of size · stride.
        top, left = (max(0, effective[k] - steps[k]) // 2 for k in (0, 1))
        bottom, right = (effective[k] - steps[k] - (top, left)[k] for k in (0, 1))
        pads = (top, left, max(0, bottom), max(0, right))
        image = size[0] * steps[0], size[1] * steps[1]
    else:
        pads = checked
        height, width = (
            _transposed_length(
                axis, size[k], steps[k], effective[k], pads[k] + pads[k + 2], extra[k]
            )
            for k, axis in enumerate("HW")
        )
        image = height, width
    # So far apart the neighbours that a pad_mode puts beside a single element miss the result.
    apart = max(image[0] + pads[0], effective[0]), max(image[1] + pads[1], effective[1])
    steps = _steps_taken(steps, size, apart)
    return Geometry(image, kernel, steps, spread, pads, size)


def _conv_length(axis: str, size: int, pads: int, effective: int, stride: int) -> int:
    length = (size + pads - effective) // stride + 1
    if length < 1:
        raise ShapeError(
            f"the result would be smaller than one pixel: {axis}_out = floor(({axis} + pad - "
            f"(D·(K-1)+1)) / S) + 1 = floor(({size} + {pads} - {effective}) / {stride}) + 1 "
            f"= {length}; use a smaller kernel or dilation, or more pad"
        )
    return length


def _transposed_length(
    axis: str, size: int, stride: int, effective: int, pads: int, extra: int
) -> int:
    length = (size - 1) * stride + effective - pads + extra
    if length < 1:
        raise ShapeError(
            f"the result would be smaller than one pixel: {axis}_out = ({axis} - 1)·S + "
            f"D·(K-1)+1 - pad + output_padding = ({size} - 1)·{stride} + {effective} - {pads} + "
            f"{extra} = {length}; use less pad"
        )
    return length


def _steps_taken(steps: Pair, counts: Pair, most: Pair) -> Pair:
    """Return strides of at most ``most`` along an axis of one element, where none is taken.

    The work of a transpose grows with its stride.
    """
    steps_y = steps[0] if counts[0] > 1 else min(steps[0], most[0])
    steps_x = steps[1] if counts[1] > 1 else min(steps[1], most[1])
    return steps_y, steps_x


def _same_pads(size: int, kernel: int, stride: int, dilation: int) -> Pair:
    """Return the pads that make the output ``ceil(size / stride)``; the odd one goes last."""
    output = -(-size // stride)
    total = max(0, (output - 1) * stride + effective_size(kernel, dilation) - size)
    return total // 2, total - total // 2


def _within(numbers: tuple[int, ...], least: int) -> bool:
    return min(numbers) >= least and max(numbers) <= LARGEST


def shown(value: object) -> str:
    """Return ``value`` for a message; Python refuses to print integers of thousands of digits."""
    try:
        text = repr(value)
    except ValueError:
        return "an integer of thousands of digits"
    return text if len(text) <= 60 else f"{text[:57]}…"


def _whole_numbers(items: tuple[object, ...]) -> tuple[int, ...] | None:
    """Return the items as Python ints (NumPy's are welcome, booleans are not), or None."""
    numbers = [
        item for item in items if isinstance(item, SupportsIndex) and not isinstance(item, bool)
    ]
    if not items or len(numbers) < len(items):
        return None
    try:
        return tuple(map(operator.index, numbers))
    except TypeError:  # an array of several numbers, or of floats
        return None

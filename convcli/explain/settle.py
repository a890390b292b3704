"""Arguments as typed, combined into one setting; sizes that do not fit are errors."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from convcli import Filter
from convcli.errors import PlanError, ShapeError
from convcli.explain.algebra import number_text
from convcli.explain.notation import MOST_CELLS, Grid, parse_input, parse_kernel
from convcli.explain.setting import Pair, Setting
from convcli.kernel.geometry import (
    Geometry,
    IntOrPair,
    PadLike,
    check_pad,
    conv_geometry,
    conv_transpose_geometry,
    effective_size,
    pair,
)

MOST_SPAN = 10_000
"""The largest kernel, stride or dilation, since counting loops over it."""


def settle(
    input: str,
    kernel: str,
    *,
    stride: IntOrPair = 1,
    pad: PadLike = 0,
    dilation: IntOrPair = 1,
    output_padding: IntOrPair = 0,
    transpose: bool = False,
    flip: bool = False,
    pad_mode: str = "zeros",
) -> Setting:
    """Return the setting of an input and a kernel as they are typed.

    Raises :class:`PlanError` for text that cannot be parsed, :class:`ShapeError` for sizes that do
    not fit.
    """
    map_in, weights = parse_input(input), parse_kernel(kernel)
    weights = _with_channels(map_in, weights, transpose)
    is_row = map_in.is_row and weights.is_row
    if is_row:  # along one axis only
        stride, dilation = _along_row(stride, "stride", 1), _along_row(dilation, "dilation", 1)
        output_padding = _along_row(output_padding, "output padding", 0)
        pad = _row_pad(pad)
    if any(pair(output_padding, "output_padding", 0)) and not transpose:
        raise PlanError("--output-padding belongs to a transposed convolution: add --transpose")
    if transpose and pad_mode != "zeros":
        raise PlanError("a transposed convolution is explained with --pad-mode zeros alone")
    if flip and weights.cells is not None:
        weights = weights.with_cells(weights.cells[..., ::-1, ::-1])
    size, taps = map_in.shape[1:], weights.shape[2:]
    steps, spread = pair(stride, "stride", 1), pair(dilation, "dilation", 1)
    if max(*taps, *steps, *spread) > MOST_SPAN:
        raise PlanError(
            f"kernels, strides and dilations up to {MOST_SPAN:,} are explained: "
            f"this is {max(*taps, *steps, *spread):,}"
        )
    extra = pair(output_padding, "output_padding", 0)
    if transpose:
        _check_transposed(size, taps, steps, spread, pad, extra)
        geometry = conv_transpose_geometry(
            (size[0], size[1]), (taps[0], taps[1]), steps, pad, extra, spread
        )
        output = (weights.shape[1], *geometry.image)
        # "same" may need rows that no kernel reaches, which are output padding.
        extra = _unreached(geometry, 0), _unreached(geometry, 1)
    else:
        _check_forward(size, taps, steps, spread, pad)
        geometry = conv_geometry((size[0], size[1]), (taps[0], taps[1]), steps, pad, spread)
        output = (weights.shape[0], *geometry.output)
    return Setting(
        map_in,
        weights,
        steps,
        spread,
        geometry.pads,
        extra,
        output,
        transpose,
        flip,
        pad_mode,
    )


def kernel_of(filter: Filter) -> str:
    """Return a filter's weights, divided but not flipped, in the notation of --kernel.

    Raises :class:`PlanError` for more weights than are written out.
    """
    if filter.groups > 1:
        raise PlanError(
            f"filter {filter.name or 'given'} has {filter.groups} groups: a kernel without groups "
            "can be explained"
        )
    size = math.prod(filter.kernel_shape)
    if size > MOST_CELLS:
        raise PlanError(
            f"filter {filter.name or 'given'} has {size:,} weights: at most {MOST_CELLS} "
            "are written out"
        )
    weight = filter.weight.reshape(filter.kernel_shape)
    # The shortest decimals for these floats are those of the file.
    exact = np.vectorize(lambda number: Fraction(repr(float(number))), otypes=[object])(weight)
    if filter.divisor == "sum":
        divisors = [one.sum() or Fraction(1) for one in exact]
    else:
        divisors = [Fraction(repr(filter.divisor))] * len(exact)
    return "||".join(
        "|".join(
            "; ".join(
                " ".join(number_text(Fraction(number) / divisor) for number in row) for row in rows
            )
            for rows in one
        )
        for one, divisor in zip(exact, divisors, strict=True)
    )


def _along_row(value: IntOrPair, name: str, least: int) -> Pair:
    if isinstance(value, tuple):
        if value[0] not in (0, 1):
            raise PlanError(f"{name} {value[0]},{value[1]}: with one dimension it is one number")
        value = value[1]
    return 1 if least else 0, value


def _row_pad(pad: PadLike) -> PadLike:
    if pad == "same" or pad == "valid":
        return pad
    if isinstance(pad, tuple):
        if len(pad) == 4 and not pad[0] and not pad[2]:
            return pad
        if len(pad) == 2:  # left, right
            return 0, pad[0], 0, pad[1]
        raise PlanError("with one dimension --pad is one number, or LEFT,RIGHT")
    return 0, pad


def _unreached(geometry: Geometry, axis: int) -> int:
    """Return how many rows, or columns, of a transposed result lie beyond the last kernel."""
    reach = effective_size(geometry.kernel[axis], geometry.dilation[axis])
    last = (geometry.output[axis] - 1) * geometry.stride[axis] + reach
    return geometry.image[axis] + geometry.pads[axis] + geometry.pads[axis + 2] - last


def _with_channels(map_in: Grid, kernel: Grid, transpose: bool) -> Grid:
    """Return the kernel with the input's number of channels, if it was given without channels."""
    channels = map_in.shape[0]
    filters, depth, *taps = kernel.shape
    axis = 0 if transpose else 1
    if kernel.cells is None and kernel.channels_given == 0 and channels > 1:
        sizes = (channels, 1) if transpose else (1, channels)
        kernel = Grid((*sizes, *taps), None, kernel.is_row, 2)
    elif (filters, depth)[axis] != channels:
        what = "filters (the first number of FxCxHfxWf)" if transpose else "channels"
        raise ShapeError(
            f"the input has {channels} channels and the kernel {kernel.shape[axis]} {what}: "
            f"they have to be equal; in cells, | separates channels and || filters"
        )
    return kernel


def _check_forward(
    size: tuple[int, ...], taps: tuple[int, ...], steps: Pair, spread: Pair, pad: PadLike
) -> None:
    """Raise a ShapeError for an empty result, with the formula and the nearest sizes that fit."""
    pads = check_pad(pad)
    if pads == "same":
        return
    for k, axis in enumerate("HW"):
        span = spread[k] * (taps[k] - 1) + 1
        both = pads[k] + pads[k + 2]
        if size[k] + both < span:
            kernel = (size[k] + both - 1) // spread[k] + 1
            raise ShapeError(
                f"the kernel does not fit: {axis}_out = floor(({axis} + pads - (D(K - 1) + 1)) / S)"
                f" + 1 = floor(({size[k]} + {both} - {span}) / {steps[k]}) + 1 is below 1; the "
                f"nearest that fit: {'kernel ' + str(kernel) if kernel else 'no kernel'}, "
                f"or pad {pads[k] - (size[k] + both - span) // 2}, "
                f"or input {span - both}"
            )


def _check_transposed(
    size: tuple[int, ...],
    taps: tuple[int, ...],
    steps: Pair,
    spread: Pair,
    pad: PadLike,
    extra: Pair,
) -> None:
    pads = check_pad(pad)
    if pads == "same":
        return
    for k, axis in enumerate("HW"):
        span = spread[k] * (taps[k] - 1) + 1
        both = pads[k] + pads[k + 2]
        length = (size[k] - 1) * steps[k] + span - both + extra[k]
        if length < 1:
            raise ShapeError(
                f"the result is empty: {axis}_out = ({axis} - 1)S + D(K - 1) + 1 - pads + output "
                f"padding = ({size[k]} - 1)·{steps[k]} + {span} - {both} + {extra[k]} = {length}; "
                f"padding crops a transposed result; the nearest that fits: pad "
                f"{(both + length - 1) // 2}"
            )

"""The transposed convolution, as ordinary convolutions of its polyphase components.

Along one axis, the input element i adds to the output elements ``i S + u D - P`` for each tap u.
Seen from the output: the element ``q S + r`` reads, for each tap u with ``P + r - u D`` a multiple
of S, the input element ``q + (P + r - u D) / S``. So each phase r of the S is an ordinary
convolution of stride 1 with some of the taps, its polyphase component. For S = 2, D = 1, P = 1 and
the taps w0 w1 w2 w3::

      output element     taps that meet an input element
      2q     (r = 0)     w1 · x[q]       w3 · x[q-1]
      2q + 1 (r = 1)     w0 · x[q+1]     w2 · x[q]

As filters of one convolution, S×S of them for every channel, the components read the same rows;
their results are interleaved: every S-th row and column of the output belongs to one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.dispatch import prepare, run
from convcli.kernel.engine.method import Method
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.engine.transposed import EnlargedTranspose, can_be_enlarged
from convcli.kernel.factors import Factors, Weight
from convcli.kernel.geometry import Geometry
from convcli.kernel.window import Window

SEPARATE_CHANNELS = 8
"""Input channels from which components are convolved one by one, each with its own taps:
together they would share the reading of rows, but multiply zeros where others have taps."""


class Transpose(Protocol):
    """A transposed convolution prepared for images of one size."""

    def rows_read(self, start: int, stop: int) -> tuple[int, int]:
        """Return the first input row that some rows of the result read, and the end."""

    def rows(self, padded: FloatArray, start: int, stop: int) -> FloatArray:
        """Return some rows of the result, (N, C, rows, W), from the padded rows they read."""

    def whole(self, x: FloatArray) -> FloatArray:
        """Return the transposed convolution (N, C, *geometry.image) of ``x`` (N, F, H, W)."""


def prepare_transpose(
    weight: Weight,
    geometry: Geometry,
    groups: int = 1,
    pad_mode: str = "zeros",
    bias: FloatArray | None = None,
    *,
    on_padded_rows: bool = False,
) -> Transpose:
    """Return a transposed convolution by the cheaper method; see :class:`PreparedTranspose`."""
    if can_be_enlarged(weight, geometry, groups):
        return EnlargedTranspose(weight, geometry, pad_mode, bias)
    return PreparedTranspose(
        weight, geometry, groups, pad_mode, bias, on_padded_rows=on_padded_rows
    )


class Components(NamedTuple):
    """Some polyphase components along one axis.

    ``phases`` are theirs. The tap ``kept[k]`` is the tap ``tap[k]`` of the component
    ``component[k]``. Their kernels have ``length`` taps, ``dilation`` apart, from ``origin`` on.
    """

    phases: slice
    kept: NDArray[np.intp]
    component: NDArray[np.intp]
    tap: NDArray[np.intp]
    origin: int
    length: int
    dilation: int

    @property
    def number(self) -> int:
        """How many components there are."""
        return int(self.phases.stop - self.phases.start)

    @property
    def last(self) -> int:
        """The furthest input element that is read, counted from the output's."""
        return self.origin + (self.length - 1) * self.dilation


class PreparedTranspose:
    """A transposed convolution made ready for images of one width.

    ``geometry`` is that of the convolution, whose ``output`` the transpose reads and whose
    ``image`` it writes; ``weight`` is (F, C/groups, Hf, Wf), of the dtype to compute in, or the
    factors of a kernel for single channels, whose components are computed one by one. With
    ``on_padded_rows``, input comes with the rows above and below the image that ``rows_read``
    names, and :meth:`rows` computes some rows of the result; without, :meth:`whole` all of them.
    """

    def __init__(
        self,
        weight: Weight,
        geometry: Geometry,
        groups: int = 1,
        pad_mode: str = "zeros",
        bias: FloatArray | None = None,
        *,
        on_padded_rows: bool = False,
    ) -> None:
        filters, channels, taps_y, taps_x = weight.shape
        self._stride, self._image = geometry.stride, geometry.image
        self._groups = groups
        self._output_channels = groups * channels
        self._tiles = -(-self._image[0] // self._stride[0]), -(-self._image[1] // self._stride[1])
        one_by_one = isinstance(weight, Factors) or filters // groups >= SEPARATE_CHANNELS
        vertical = list(components_of(geometry, 0, one_by_one))
        self._first = min(components.origin for components in vertical)
        self._last = max(components.last for components in vertical)
        self._methods: list[tuple[Components, Components, Method]] = []
        for rows in vertical:
            for columns in components_of(geometry, 1, one_by_one):
                window = Window(
                    (rows.origin - self._first * on_padded_rows, columns.origin),
                    self._tiles,
                    (rows.length, columns.length),
                    (1, 1),
                    (rows.dilation, columns.dilation),
                    pad_mode,
                )
                kernels: Weight
                if isinstance(weight, Factors):
                    kernels = Factors(_taps(weight.column, rows), _taps(weight.row, columns))
                else:
                    by_group = weight.reshape(groups, filters // groups, channels, taps_y, taps_x)
                    by_tap = by_group.transpose(3, 4, 0, 2, 1)
                    kernels = component_kernels(by_tap, rows, columns)
                    kernels = kernels.reshape(groups, -1, *kernels.shape[1:])
                biases = None
                if bias is not None:
                    biases = np.repeat(bias, rows.number * columns.number).reshape(groups, -1)
                problem = ConvolutionProblem(
                    kernels,
                    biases,
                    window,
                    geometry.output[1],
                )
                self._methods.append((rows, columns, prepare(problem, keep=on_padded_rows)))

    def rows_read(self, start: int, stop: int) -> tuple[int, int]:
        """Return the first input row that the rows start to stop of the result read, and the end.

        Rows before the first of the image and after its last are its padding.
        """
        tile, past = self._tile_rows(start, stop)
        return tile + self._first, past + self._last

    def rows(self, padded: FloatArray, start: int, stop: int) -> FloatArray:
        """Return the rows start to stop of the result, (N, C, rows, W), for one thread.

        ``padded`` (N, F, rows, W) are those that :meth:`rows_read` names.
        """
        tile, past = self._tile_rows(start, stop)
        result, interleaved = self._empty(len(padded), past - tile, padded.dtype)
        for rows, columns, method in self._methods:
            for image, target in zip(padded, interleaved, strict=True):
                by_phase = target[:, rows.phases, columns.phases]
                read, written = (len(side) // self._groups for side in (image, target))
                for group in range(self._groups):
                    inputs = image[group * read : (group + 1) * read]
                    outputs = by_phase[group * written : (group + 1) * written]
                    method.rows(inputs, outputs, group, 0, past - tile)
        first = start - tile * self._stride[0]
        return result[:, :, first : first + stop - start, : self._image[1]]

    def whole(self, x: FloatArray) -> FloatArray:
        """Return the transposed convolution (N, C, *geometry.image) of ``x`` (N, F, H, W)."""
        result, interleaved = self._empty(len(x), self._tiles[0], x.dtype)
        for rows, columns, method in self._methods:
            target = interleaved[:, :, rows.phases, columns.phases]
            if rows.number == columns.number == 1:
                target = target[:, :, 0, 0]  # planes, which methods may write in place
            run(method, x, target)
        height, width = self._image
        return result[..., :height, :width]

    def _tile_rows(self, start: int, stop: int) -> tuple[int, int]:
        return start // self._stride[0], -(-stop // self._stride[0])

    def _empty(
        self, count: int, tile_rows: int, dtype: np.dtype[Any]
    ) -> tuple[FloatArray, FloatArray]:
        """Return room for a result, and a view of it by phase: (N, C, phase y, phase x, …)."""
        stride_y, stride_x = self._stride
        columns = self._tiles[1]
        shape = (count, self._output_channels, tile_rows * stride_y, columns * stride_x)
        result = np.empty(shape, dtype)
        by_phase = result.reshape(*shape[:2], tile_rows, stride_y, columns, stride_x)
        return result, by_phase.transpose(0, 1, 3, 5, 2, 4)


def component_kernels(by_tap: FloatArray, rows: Components, columns: Components) -> FloatArray:
    """Return (C·components, F/groups, …) of the taps (Hf, Wf, groups, C/groups, F/groups)."""
    spread = np.zeros(
        (*(rows.number, rows.length, columns.number, columns.length), *by_tap.shape[2:]),
        by_tap.dtype,
    )
    component_y, tap_y = rows.component[:, np.newaxis], rows.tap[:, np.newaxis]
    kept = by_tap[rows.kept[:, np.newaxis], columns.kept]
    spread[component_y, tap_y, columns.component, columns.tap] = kept
    kernels = spread.transpose(4, 5, 0, 2, 6, 1, 3)
    return kernels.reshape(-1, by_tap.shape[4], rows.length, columns.length)


def _taps(factor: FloatArray, components: Components) -> FloatArray:
    """Return the taps of a single component along one axis."""
    taps = np.zeros(components.length, factor.dtype)
    taps[components.tap] = factor[components.kept]
    return taps


def components_of(geometry: Geometry, axis: int, one_by_one: bool) -> Iterator[Components]:
    """Yield the polyphase components along ``axis``: one by one, or all at once."""
    stride, dilation = geometry.stride[axis], geometry.dilation[axis]
    position = geometry.pads[axis] - np.arange(geometry.kernel[axis]) * dilation
    phase = -position % stride
    offset = (position + phase) // stride
    for start in range(stride) if one_by_one else (0,):
        stop = start + 1 if one_by_one else stride
        kept = np.flatnonzero((phase >= start) & (phase < stop))
        read = offset[kept]
        origin = int(read.min(initial=offset.max()))
        common = gcd(*(int(distance) for distance in read - origin)) or 1
        tap = (read - origin) // common
        length = int(tap.max(initial=0)) + 1
        yield Components(slice(start, stop), kept, phase[kept] - start, tap, origin, length, common)

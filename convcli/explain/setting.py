"""One convolution or transposed convolution to explain, with all sizes; nothing is computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from convcli.explain.notation import MOST_LETTERS, Cells, Grid, named, numbered
from convcli.explain.positions import shown
from convcli.explain.text import pads_text, pair_text, size_text

Pair = tuple[int, int]


class Axis(NamedTuple):
    """Sizes along one axis. ``extra`` is output padding; ``output`` the length of the result."""

    name: str
    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    extra: int
    output: int

    @property
    def span(self) -> int:
        """The effective kernel size: ``D(K - 1) + 1``."""
        return self.dilation * (self.kernel - 1) + 1


class Tap(NamedTuple):
    """One product of a sum: the indices of its input cell (None: a zero of padding) and weight.

    ``position`` is (y, x) of the cell, outside of the input if it is padding.
    """

    source: tuple[int, int, int] | None
    weight: tuple[int, int, int, int]
    position: Pair


@dataclass(frozen=True)
class Setting:
    """A convolution with all its sizes. If ``flip``, the kernel's cells are flipped already.

    ``input`` and ``kernel`` are grids of (C, H, W) and (F, C, Hf, Wf), ``output`` is the shape of
    the result. A transposed convolution reads F channels and writes C.
    """

    input: Grid
    kernel: Grid
    stride: Pair
    dilation: Pair
    pads: tuple[int, int, int, int]
    output_padding: Pair
    output: tuple[int, int, int]
    transpose: bool
    flip: bool
    pad_mode: str

    @property
    def is_row(self) -> bool:
        """Whether it has one dimension."""
        return self.input.is_row and self.kernel.is_row

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes: H and W, or W alone in one dimension."""
        axes = tuple(
            Axis(
                name,
                self.input.shape[1 + k],
                self.kernel.shape[2 + k],
                self.stride[k],
                self.dilation[k],
                self.pads[k],
                self.pads[k + 2],
                self.output_padding[k],
                self.output[1 + k],
            )
            for k, name in enumerate("HW")
        )
        return axes[1:] if self.is_row else axes

    @property
    def has_cells(self) -> bool:
        """Whether cells of input and kernel are known."""
        return self.input.cells is not None and self.kernel.cells is not None

    @property
    def cells(self) -> tuple[Cells, Cells]:
        """The cells of input and kernel."""
        assert self.input.cells is not None
        assert self.kernel.cells is not None
        return self.input.cells, self.kernel.cells

    def with_letters(self) -> Setting:
        """Return the setting with a symbol in each cell that was not given."""
        input, kernel = self.input, self.kernel
        taken = {
            name
            for grid in (input, kernel)
            if grid.cells is not None
            for cell in grid.cells.flat
            for name in cell.symbols
        }
        if input.cells is None and input.count > MOST_LETTERS:
            taken.add("x")  # the input's cells are called x₀₀, x₀₁, …
        kernel = self._flipped(named(kernel, "w", taken, from_end=True))
        assert kernel.cells is not None
        taken |= {name for cell in kernel.cells.flat for name in cell.symbols}
        return replace(self, input=named(input, "x", taken), kernel=kernel)

    def with_numbers(self) -> Setting:
        """Return the setting with a number in each cell that was not given."""
        return replace(self, input=numbered(self.input), kernel=self.kernel_with_numbers())

    def kernel_with_numbers(self) -> Grid:
        """Return the kernel with a number in each cell that was not given."""
        return self._flipped(numbered(self.kernel, kernel=True))

    def _flipped(self, kernel: Grid) -> Grid:
        """Return the kernel rotated by 180° if ``flip`` is set and its cells were not given."""
        if not self.flip or self.kernel.cells is not None or kernel.cells is None:
            return kernel
        return kernel.with_cells(kernel.cells[..., ::-1, ::-1])

    def taps(self, index: tuple[int, int, int]) -> Iterator[Tap]:
        """Yield the products that are summed for the output cell ``index`` (channel, y, x)."""
        channel, *place = index
        filters, channels, height, width = self.kernel.shape
        if self.transpose:
            for f in range(filters):
                for u in reversed(range(height)):
                    for v in reversed(range(width)):
                        inside = self._transposed_source(place, (u, v))
                        if inside is not None:
                            yield Tap((f, *inside), (f, channel, u, v), inside)
            return
        for c in range(channels):
            for u in range(height):
                for v in range(width):
                    y, x = (
                        place[k] * self.stride[k] + (u, v)[k] * self.dilation[k] - self.pads[k]
                        for k in (0, 1)
                    )
                    inside = self.shown(y, x)
                    yield Tap(inside and (c, *inside), (channel, c, u, v), (y, x))

    def _transposed_source(self, place: list[int], tap: Pair) -> Pair | None:
        found = []
        for k in (0, 1):
            reach = place[k] + self.pads[k] - tap[k] * self.dilation[k]
            if reach % self.stride[k] or not 0 <= reach // self.stride[k] < self.input.shape[1 + k]:
                return None
            found.append(reach // self.stride[k])
        return found[0], found[1]

    def shown(self, y: int, x: int) -> Pair | None:
        """Return the input cell at a position, by the pad mode; None for a zero."""
        _, height, width = self.input.shape
        row, column = shown(y, height, self.pad_mode), shown(x, width, self.pad_mode)
        return None if row is None or column is None else (row, column)

    @property
    def title(self) -> str:
        """A line with the kind of convolution and all its sizes."""
        kind = "Transposed convolution" if self.transpose else "Convolution"
        parts = [
            f"input {size_text(self._short(self.input.shape, 1))}",
            f"kernel {size_text(self._short(self.kernel.shape, 2))}",
            f"stride {self._pair(self.stride)}",
            f"pad {self._pads()}",
        ]
        if self.dilation != (1, 1):
            parts.append(f"dilation {self._pair(self.dilation)}")
        if self.output_padding != (0, 0):
            parts.append(f"output padding {self._pair(self.output_padding)}")
        if self.pad_mode != "zeros":
            parts.append(f"pad mode {self.pad_mode}")
        if self.flip:
            parts.append("kernel flipped")
        output = size_text(self._short(self.output, 1))
        return f"{kind}: {', '.join(parts)} -> output {output}"

    def _short(self, shape: tuple[int, ...], channels: int) -> tuple[int, ...]:
        space = shape[channels + 1 :] if self.is_row else shape[channels:]
        return space if all(length == 1 for length in shape[:channels]) else shape

    def _pair(self, numbers: Pair) -> str:
        return str(numbers[1]) if self.is_row else pair_text(numbers)

    def _pads(self) -> str:
        if not self.is_row:
            return pads_text(self.pads)
        _, left, _, right = self.pads
        return str(left) if left == right else f"{left},{right}"


def output_cells(setting: Setting) -> Cells:
    """Return the result of a setting with known cells, as expressions (channel, y, x)."""
    from convcli.explain.algebra import Expression

    input, kernel = setting.cells
    cells = np.empty(setting.output, dtype=object)
    for index in np.ndindex(*setting.output):
        f, i, j = index
        cells[index] = Expression.sum(
            input[tap.source] * kernel[tap.weight]
            for tap in setting.taps((f, i, j))
            if tap.source is not None
        )
    return cells

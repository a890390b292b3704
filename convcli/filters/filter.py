"""The :class:`Filter`: a kernel with its settings, checked when it is constructed."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from convcli.errors import FilterError
from convcli.filters.fields import checked_fields
from convcli.filters.validate import MOST_WEIGHTS, stop
from convcli.filters.writing import filter_json
from convcli.kernel.factors import Factors, Weight
from convcli.kernel.geometry import IntOrPair, PadLike
from convcli.system.atomic_files import replacing


class _WeightField:
    """The field ``weight``: an array, or computed from column and row on demand."""

    @overload
    def __get__(self, filter: None, owner: type) -> None: ...
    @overload
    def __get__(self, filter: Filter, owner: type) -> NDArray[np.float64]: ...
    def __get__(self, filter: Filter | None, owner: type) -> NDArray[np.float64] | None:
        if filter is None:  # the default of the field
            return None
        if filter.column is None or filter.row is None:
            weight: NDArray[np.float64] = filter.__dict__["weight"]
            return weight
        taps_y, taps_x = len(filter.column), len(filter.row)
        if taps_y * taps_x > MOST_WEIGHTS:
            raise FilterError(
                f"filter {filter.name or 'given'}: its column and row make {taps_y:,}×{taps_x:,} "
                f"weights, and {MOST_WEIGHTS:,} are the most that are written out: use a smaller "
                "kernel here"
            )
        product = np.multiply.outer(filter.column, filter.row)
        product.setflags(write=False)
        return product

    def __set__(self, filter: Filter, value: ArrayLike | None) -> None:
        filter.__dict__["weight"] = value


@dataclass(frozen=True, eq=False)
class Filter:
    """A kernel or a bank of kernels, with the settings to apply it.

    ``weight`` is given as nested lists or an array and kept as float64, read-only:
    2-D (Hf, Wf) is one kernel for each channel independently; 3-D (C, Hf, Wf) one filter across C
    channels; 4-D (F, C/groups, Hf, Wf) F filters across C channels, in ``groups`` as in PyTorch.
    ``column`` (Hf,) and ``row`` (Wf,) instead make a separable kernel, whose weight is their outer
    product. ``divisor`` divides the weight, where "sum" is the sum of each filter's weights
    (1 where that is 0). ``bias`` is on the 0-1 pixel scale. ``stride`` None means the default of
    the operation. ``range``, ``preserve_alpha`` and ``reduce`` say how results become pixels.

    Limits: 1,000,000 weights; 100,000 numbers in column and in row; weights and divisor ±1e38,
    their quotient ±1e30, bias ±1e9; stride, dilation and pad 2^31-1. Raises :class:`FilterError`
    for values beyond them, or of a wrong type or shape, and where ``weight`` is asked of a
    separable filter that has more than 1,000,000.

    >>> from convcli import Filter
    >>> mean = Filter([[1, 1, 1], [1, 1, 1]], name="mean", divisor="sum", pad_mode="replicate")
    >>> mean.weight.shape, mean.stride
    ((2, 3), None)
    >>> Filter(column=[1, 2, 1], row=[-1, 1]).weight
    array([[-1.,  1.],
           [-2.,  2.],
           [-1.,  1.]])
    """

    weight: _WeightField = _WeightField()
    column: NDArray[np.float64] | None = None
    row: NDArray[np.float64] | None = None
    groups: int = 1
    bias: float | tuple[float, ...] = 0.0
    divisor: float | Literal["sum"] = 1.0
    stride: IntOrPair | None = None
    dilation: IntOrPair = 1
    pad: PadLike = "same"
    pad_mode: str = "zeros"
    flip: bool = False
    range: str = "clip"
    preserve_alpha: bool = False
    reduce: str | None = None
    name: str = ""
    description: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        """Check every field, and normalise those that can be given in several forms."""
        for key, value in checked_fields(self.__dict__, stop).items():
            object.__setattr__(self, key, value)

    def __eq__(self, other: object) -> bool:
        """Filters are equal when every field is."""
        if not isinstance(other, Filter):
            return NotImplemented
        mine, theirs = self.__dict__, other.__dict__
        return all(np.array_equal(mine[f.name], theirs[f.name]) for f in fields(self))

    def __hash__(self) -> int:
        kernel = self.__dict__["weight"] if self.column is None else self.column
        return hash((self.name, self.weight_shape, kernel.tobytes()))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """The shape of the weight; that of a separable filter is not computed for it."""
        if self.column is None or self.row is None:
            return self.weight.shape
        return len(self.column), len(self.row)

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        """The shape (F, C/groups, Hf, Wf) of the kernel; without channels of its own F = C = 1."""
        filters, channels, taps_y, taps_x = (1, 1, 1, *self.weight_shape)[-4:]
        return filters, channels, taps_y, taps_x

    @property
    def kernel(self) -> NDArray[np.float64]:
        """The weight as (F, C/groups, Hf, Wf), divided and flipped; a 2-D weight has F = C = 1."""
        kernel = self.weight.reshape(self.kernel_shape)
        if self.divisor == "sum":
            sums = kernel.sum((1, 2, 3), keepdims=True)
            kernel = kernel / np.where(sums == 0, 1, sums)
        else:
            kernel = kernel / self.divisor
        return kernel[..., ::-1, ::-1] if self.flip else kernel

    @property
    def factors(self) -> Factors | None:
        """Column and row of a separable filter, divided and flipped; None for other filters."""
        if self.column is None or self.row is None:
            return None
        divisor = self.divisor
        if divisor == "sum":
            divisor = float(self.column.sum()) * float(self.row.sum()) or 1.0
        step = -1 if self.flip else 1
        return Factors(self.column[::step] / divisor, self.row[::step])

    def kernel_as(self, dtype: DTypeLike) -> Weight:
        """Return the kernel to compute with, at one precision: :attr:`factors` where it has any."""
        factors = self.factors
        return self.kernel.astype(dtype) if factors is None else factors.astype(dtype)

    @property
    def offsets(self) -> NDArray[np.float64]:
        """The bias of each of the F filters."""
        return np.broadcast_to(np.asarray(self.bias, np.float64), self.kernel_shape[0])

    @property
    def is_cross_channel(self) -> bool:
        """Whether it reads all channels at once, rather than each one independently."""
        return len(self.weight_shape) > 2 and self.reduce is None

    def to_json(self) -> str:
        """Return the text of a filter file that loads as this filter.

        >>> from convcli import Filter
        >>> print(Filter([[1, 2, 1]], divisor=4, name="smooth").to_json(), end="")
        {
          "name": "smooth",
          "weight": [[1, 2, 1]],
          "divisor": 4
        }
        """
        return filter_json(self.__dict__, {f.name: f.default for f in fields(self)})

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write :meth:`to_json` to a file, atomically.

        Raises :class:`ImageError` where the file exists and ``overwrite`` is false, and where it
        cannot be written.

        >>> import tempfile
        >>> from convcli import load_filter, make_filter
        >>> blur = make_filter("gaussian", sigma=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     blur.save(f"{folder}/blur.json")
        ...     load_filter(f"{folder}/blur.json") == blur
        True
        """
        with replacing(Path(path), overwrite) as file:
            file.write(self.to_json().encode())

    def override(self, **options: Any) -> Filter:
        """Return this filter with its settings replaced by the ``options`` that are not None."""
        given = {key: value for key, value in options.items() if value is not None}
        return Filter(**(self.__dict__ | given)) if given else self

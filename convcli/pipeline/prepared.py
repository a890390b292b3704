"""Operators prepared for frames of one size, and convolutions so prepared."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convcli.filters import Filter
from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.dispatch import estimate, prepare
from convcli.kernel.engine.method import Method
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.factors import Factors, Weight
from convcli.kernel.geometry import Geometry, effective_size
from convcli.kernel.window import Window


class ReadsRows(Protocol):
    """Something that knows which input rows its output rows read."""

    def rows_read(self, start: int, stop: int) -> tuple[int, int]:
        """Return the first input row that some output rows read, and the one after the last.

        Rows before 0 and beyond the height are padding.
        """


class Prepared(ReadsRows, Protocol):
    """An operator prepared for frames of one size: computed once, shared by all threads."""

    def rows(self, padded: FloatArray, start: int, stop: int, *, biased: bool) -> FloatArray:
        """Return the output rows start to stop (N, F, rows, W).

        ``padded`` (N, C, rows, W) are the input rows that they read, the padding above and below
        the image included. ``biased`` adds the filter's bias.
        """


class PreparedConvolution:
    """A convolution prepared for frames of one size."""

    def __init__(
        self, filter: Filter, geometry: Geometry, interleaved: int = 1, scale: int = 1
    ) -> None:
        self._geometry = geometry
        window = Window.of(geometry, filter.pad_mode).on_padded_rows()
        self._problem = ConvolutionProblem(
            by_group(filter.kernel_as(np.float32), filter.groups),
            None,
            window._replace(interleaved=interleaved),
            geometry.image[1],
        )
        offsets = filter.offsets.astype(np.float32) * np.float32(scale)
        self._bias = offsets.reshape(filter.groups, -1) if offsets.any() else None
        self._from_bytes, self._from_words = scale == 255, scale == 65535

    def estimate(self) -> tuple[str, float]:
        """Return the method that will be chosen, and its nanoseconds for a sample on one core."""
        problem = self._problem._replace(bias=self._bias)
        return estimate(problem, from_bytes=self._from_bytes, from_words=self._from_words)

    @cached_property
    def _biased(self) -> Method:
        problem = self._problem._replace(bias=self._bias)
        return self._prepared(problem)

    @cached_property
    def _unbiased(self) -> Method:
        if self._bias is None:
            return self._biased
        return self._prepared(self._problem)

    def _prepared(self, problem: ConvolutionProblem) -> Method:
        return prepare(problem, from_bytes=self._from_bytes, from_words=self._from_words, keep=True)

    @property
    def method(self) -> Method:
        """The method that :meth:`samples` uses."""
        return self._biased

    def rows_read(self, start: int, stop: int) -> tuple[int, int]:
        geometry = self._geometry
        first = start * geometry.stride[0] - geometry.pads[0]
        last = (stop - 1) * geometry.stride[0] - geometry.pads[0]
        return first, last + effective_size(geometry.kernel[0], geometry.dilation[0])

    def rows(self, padded: FloatArray, start: int, stop: int, *, biased: bool) -> FloatArray:
        groups, written, read = self._problem.shape[:3]
        shape = (len(padded), groups * written, stop - start, self._geometry.output[1])
        outputs = np.empty(shape, np.float32)
        method = self._biased if biased else self._unbiased
        for image, target in zip(padded, outputs, strict=True):
            for group in range(groups):
                inputs = image[group * read : (group + 1) * read]
                results = target[group * written : (group + 1) * written]
                method.rows(inputs, results, group, 0, stop - start)
        return outputs

    def samples(self, padded: NDArray[Any], rows: int) -> NDArray[Any]:
        """Return rows of integer samples (rows, W, C) from the padded rows that they read."""
        samples = self._problem.samples
        outputs = np.empty((1, rows, samples), padded.dtype)
        self._biased.rows(padded.reshape(1, len(padded), -1), outputs, 0, 0, rows)
        return outputs.reshape(rows, self._geometry.output[1], -1)


def by_group(kernel: Weight, groups: int) -> Weight:
    """Return a kernel (F, C/groups, Hf, Wf) as (groups, F/groups, C/groups, Hf, Wf)."""
    if isinstance(kernel, Factors):
        return kernel
    return kernel.reshape(groups, -1, *kernel.shape[1:])

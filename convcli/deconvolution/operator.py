"""Deconvolution as an operator of pictures: a filter undone, by one of two methods."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from convcli.deconvolution.model import BlurModel
from convcli.deconvolution.regularization import DEFAULT
from convcli.deconvolution.richardson_lucy import richardson_lucy
from convcli.deconvolution.tikhonov import tikhonov
from convcli.errors import FilterError, ImageError
from convcli.kernel.arrays import FloatArray
from convcli.kernel.geometry import (
    PAD_MODES,
    Geometry,
    Pair,
    conv_transpose_geometry,
    effective_size,
    shown,
)
from convcli.pipeline.operators import BackwardOperator, FrameOperator

METHODS = ("richardson-lucy", "tikhonov")

ITERATIONS = {"richardson-lucy": 20, "tikhonov": 200}
"""By default. Tikhonov's end as soon as they change nothing any more."""

MOST_ITERATIONS = 1_000_000

ARRAYS = 8
"""Arrays of floats, of the size of the scene, that a method needs at a time."""


@dataclass(frozen=True, eq=False)
class Deconvolution(FrameOperator, BackwardOperator):
    """Finds the picture that a filter, the point spread function, blurred.

    ``pad_mode`` is how the picture continued past its borders when it was blurred; None where the
    scene went on outside the frame, as for a photo. The filter's own ``pad_mode`` and ``range`` say
    how to apply it, and are not used. Raises :class:`FilterError`.
    """

    method: str = "richardson-lucy"
    iterations: int | None = None
    regularize: float | Literal["auto"] = "auto"
    pad_mode: str | None = None

    def __post_init__(self) -> None:
        """Check the filter, and the options."""
        _check_options(self.method, self.iterations, self.regularize, self.pad_mode)
        filter = self.filter
        if filter.reduce is not None:
            raise FilterError(
                f"filter {self.name}: a bank with reduce makes several results of one picture, and "
                "cannot be undone: use one of its kernels"
            )
        if filter.stride not in (None, (1, 1)):
            raise FilterError(
                f"filter {self.name}: its stride leaves out samples, and only a filter of stride 1 "
                "is undone"
            )
        factors = filter.factors
        lowest, highest = (
            (float(filter.kernel.min()), float(filter.kernel.max()))
            if factors is None
            else factors.extremes()
        )
        if lowest == highest == 0:
            raise FilterError(
                f"filter {self.name}: its weights are all 0, so nothing of a picture is left"
            )
        if self.method == "richardson-lucy" and lowest < 0:
            raise FilterError(
                f"filter {self.name} has negative weights, and Richardson-Lucy takes none: "
                'method="tikhonov" takes any'
            )

    def geometry(self, size: Pair) -> Geometry:
        filter = self.filter
        kernel = filter.kernel_shape[2:]
        return conv_transpose_geometry(size, kernel, 1, filter.pad, 0, filter.dilation)

    def centres(
        self, geometry: Geometry, axis: int, start: int = 0, stop: int | None = None
    ) -> NDArray[np.intp]:
        stop = geometry.image[axis] if stop is None else stop
        centre = (effective_size(geometry.kernel[axis], geometry.dilation[axis]) - 1) // 2
        index = np.arange(start, stop) + geometry.pads[axis] - centre
        return np.clip(index, 0, geometry.output[axis] - 1)

    def memory(self, geometry: Geometry) -> int:
        channels = max(self.input_channels, self.output_channels)
        height, width = geometry.without_pads().image
        return int(4 * height * width * (ARRAYS * channels + 3))

    def prepare_frame(self, geometry: Geometry) -> Callable[[FloatArray], FloatArray]:
        kernel = self.filter.kernel_as(np.float32)
        model = BlurModel(kernel, geometry, self.pad_mode, self.filter.groups)
        return partial(self._deconvolved, model)

    def _deconvolved(self, model: BlurModel, observed: FloatArray) -> FloatArray:
        self._check_samples(observed)
        flat = model.flat_scene(observed)
        if flat is not None:
            return flat
        iterations = self.iterations or ITERATIONS[self.method]
        if self.method == "tikhonov":
            regularize = self.regularize
            if regularize == "auto":
                has_one_kernel = self.filter.kernel_shape[:2] == (1, 1)
                regularize = model.best_regularization(observed) if has_one_kernel else DEFAULT
            scene = tikhonov(model, observed, iterations, regularize)
        else:
            scene = richardson_lucy(model, observed, iterations)
        return model.within_frame(scene)

    def _check_samples(self, observed: FloatArray) -> None:
        least = float(observed.min())  # NaN if there is one
        if not (math.isfinite(least) and math.isfinite(float(observed.max()))):
            raise ImageError(
                "it has samples that are infinite or not a number, which deconvolution would "
                "spread over the whole picture: replace them first"
            )
        if least < 0 and self.method == "richardson-lucy":
            if self.filter.offsets.any():  # what is darker than the filter's bias
                np.maximum(observed, 0, out=observed)
                return
            raise ImageError(
                f"it has negative samples, such as {least:.3g}, and Richardson-Lucy takes none: "
                'method="tikhonov" takes any'
            )


def _check_options(
    method: str, iterations: int | None, regularize: float | str, pad_mode: str | None
) -> None:
    if method not in METHODS:
        raise FilterError(f"method must be one of {', '.join(METHODS)}: got {shown(method)}")
    if iterations is not None:
        try:
            number = operator.index(iterations)
        except TypeError:
            number = 0
        if isinstance(iterations, bool) or not 1 <= number <= MOST_ITERATIONS:
            raise FilterError(
                f"iterations must be a whole number from 1 to {MOST_ITERATIONS:,}: "
                f"got {shown(iterations)}"
            )
    is_allowed = regularize == "auto" or (
        isinstance(regularize, (int, float))
        and not isinstance(regularize, bool)
        and 0 < regularize < math.inf
    )
    if not is_allowed:
        raise FilterError(
            f"regularize must be auto, or a finite number above 0: got {shown(regularize)}"
        )
    if pad_mode is not None and pad_mode not in PAD_MODES:
        raise FilterError(
            f"pad_mode must be one of {', '.join(PAD_MODES)}, or None for a scene that goes on: "
            f"got {shown(pad_mode)}"
        )

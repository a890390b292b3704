"""The divisor that normalises a transposed convolution: its result for an image of ones."""

from __future__ import annotations

import numpy as np

from convcli.errors import FilterError
from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.output_scale import OutputScale, Periodic
from convcli.kernel.factors import Weight
from convcli.kernel.geometry import Geometry, effective_size
from convcli.kernel.transpose import PreparedTranspose


class Divisor:
    """The transposed convolution of ones, computed from a small image of ones.

    Away from the borders it is periodic, with the stride as its period. An image of the borders
    and one period between them therefore yields every value of it.
    """

    def __init__(
        self, kernel: Weight, geometry: Geometry, pad_mode: str, name: str, groups: int = 1
    ) -> None:
        """Compute it for ``kernel`` (F, C/groups, Hf, Wf) of the filter called ``name``.

        Raises :class:`FilterError` where a value is 0 but for rounding.
        """
        axes = [_periodic(geometry, axis) for axis in (0, 1)]
        repeated = [axis.repeated // axis.period for axis in axes]
        small = geometry._replace(
            image=(axes[0].length - axes[0].repeated, axes[1].length - axes[1].repeated),
            output=(geometry.output[0] - repeated[0], geometry.output[1] - repeated[1]),
        )
        ones = np.ones((1, kernel.shape[0], *small.output))
        values = PreparedTranspose(kernel.astype(np.float64), small, groups, pad_mode).whole(ones)[
            0
        ]
        if np.abs(values).min() <= 1e-6 * np.abs(values).max():
            raise FilterError(
                f"filter {name}: the transposed convolution of ones vanishes somewhere, "
                "so nothing can be divided by it: give normalize=False"
            )
        self._rows, columns = axes
        self._inside = columns.inside
        self._exact = np.ascontiguousarray(values[:, :, columns.distinct(0, columns.length)])
        self._values = self._exact.astype(np.float32)

    def rows(self, start: int, stop: int) -> FloatArray:
        """Return the rows start to stop, (C, rows, W)."""
        return self._values[:, self._rows.distinct(start, stop)]

    def scales(self) -> list[OutputScale]:
        """Return what each channel of a result is multiplied by."""
        return [OutputScale(1 / values, self._rows, self._inside) for values in self._exact]


def _periodic(geometry: Geometry, axis: int) -> Periodic:
    """Return how the transposed convolution of ones repeats along an axis."""
    size, stride = geometry.output[axis], geometry.stride[axis]
    output, pads = geometry.image[axis], geometry.pads
    effective = effective_size(geometry.kernel[axis], geometry.dilation[axis])
    # Input elements at either end whose kernel, or whose padding's, reaches beyond the border.
    border = -(-(effective + pads[axis] + pads[axis + 2]) // stride) + 1
    repeated = size - min(size, 2 * border + 1)
    return Periodic(output, border * stride, stride, repeated * stride)

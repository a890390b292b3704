"""A transposed convolution of channels by themselves, whole, by products that write in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.enlarging import Enlargement
from convcli.kernel.engine.enlarging_cost import is_cheap
from convcli.kernel.engine.output_scale import OutputScale
from convcli.kernel.factors import Factors, Weight
from convcli.kernel.geometry import Geometry
from convcli.system.threads import processors, share

TASK_SAMPLES = 1 << 20
"""About how many output samples a thread computes at once."""

WORTH_A_THREAD = 250_000
"""Output samples below which a second thread costs more than it saves."""

Task = tuple[int, int, int, int]


def can_be_enlarged(weight: Weight, geometry: Geometry, groups: int) -> bool:
    """Return whether products in order do it, and are the cheaper method."""
    filters, channels = weight.shape[:2]
    return filters == groups and channels == 1 and is_cheap(weight, geometry)


class EnlargedTranspose:
    """A transposed convolution of each channel by itself: see :class:`Enlargement`.

    ``weight`` is (C, 1, Hf, Wf), or the factors of one kernel; ``bias`` (C,). Results are
    multiplied by ``scales``, one for each channel.
    """

    def __init__(
        self,
        weight: Weight,
        geometry: Geometry,
        pad_mode: str = "zeros",
        bias: FloatArray | None = None,
        scales: Sequence[OutputScale] | None = None,
    ) -> None:
        self._enlargement = Enlargement(weight, geometry, pad_mode, scales=scales)
        self._image, self._stride = geometry.image, geometry.stride[0]
        self._channels = 1 if isinstance(weight, Factors) else len(weight)
        self._bias = [0.0] * self._channels if bias is None else bias.tolist()

    def rows_read(self, start: int, stop: int) -> tuple[int, int]:
        return self._enlargement.rows_read(start, stop)

    def rows(self, padded: FloatArray, start: int, stop: int) -> FloatArray:
        shape = len(padded), self._channels, stop - start, self._image[1]
        result = np.empty(shape, padded.dtype)
        for image, targets in zip(padded, result, strict=True):
            for channel, (plane, target) in enumerate(zip(image, targets, strict=True)):
                self._write(plane, target, start, stop, channel)
        return result

    def whole(self, x: FloatArray) -> FloatArray:
        result = np.empty((len(x), self._channels, *self._image), x.dtype)

        def compute(task: Task) -> None:
            image, channel, start, stop = task
            padded = self._enlargement.padded(x[image, channel], start, stop)
            self._write(padded, result[image, channel, start:stop], start, stop, channel)

        threads = processors() if result.size > WORTH_A_THREAD else 1
        share(lambda: compute, self._tasks(len(x)), threads)
        return result

    def _write(
        self, padded: FloatArray, target: FloatArray, start: int, stop: int, channel: int
    ) -> None:
        self._enlargement.rows(
            padded, target, start, stop, group=channel, offset=self._bias[channel]
        )

    def _tasks(self, images: int) -> Iterator[Task]:
        """Cut the work into tasks; they do not depend on the number of threads."""
        height, width = self._image
        rows = max(1, TASK_SAMPLES // width // self._stride) * self._stride
        for image in range(images):
            for channel in range(self._channels):
                for start in range(0, height, rows):
                    yield image, channel, start, min(start + rows, height)

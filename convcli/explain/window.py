"""The samples of a picture that one sample of the result reads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convcli.explain.positions import shown
from convcli.explain.sums import Floats
from convcli.images import Frame
from convcli.kernel.geometry import Geometry
from convcli.pipeline.srgb import linear_planes

_NAMES = {
    "L": ("grey",),
    "RGB": ("red", "green", "blue"),
    "CMYK": ("cyan", "magenta", "yellow", "black"),
}


class Window:
    """The samples under the kernel, ``values`` (C, Hf, Wf), and their positions.

    ``rows`` and ``columns`` are the positions that the taps read; ``scale`` is the value that means
    1.0, ``full`` that of the stored samples. If ``decodes``, colours are linear light.
    """

    def __init__(
        self,
        frame: Frame,
        geometry: Geometry,
        pad_mode: str,
        at: tuple[int, int],
        *,
        decodes: bool = False,
    ) -> None:
        self._frame, self._geometry, self._pad_mode, self._at = frame, geometry, pad_mode, at
        self.rows, self.columns = (
            [
                at[k] * geometry.stride[k] + tap * geometry.dilation[k] - geometry.pads[k]
                for tap in range(geometry.kernel[k])
            ]
            for k in (0, 1)
        )
        dtype = frame.raster.dtype
        self.full = 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)
        self.decodes = decodes
        self.scale = 1.0 if decodes else self.full
        self.values = self._read()
        colours = len(self.values) - frame.has_alpha
        self.colours = self.values[:colours]
        self.alpha: Floats | None = self.values[-1] if frame.has_alpha else None
        self.names = channel_names(frame.mode, len(self.values))

    def _read(self) -> Floats:
        rows, columns = (
            np.array([-1 if (s := shown(p, size, self._pad_mode)) is None else s for p in line])
            for line, size in zip((self.rows, self.columns), self._frame.size, strict=True)
        )
        is_zero = (rows < 0)[:, np.newaxis] | (columns < 0)
        inside = rows[rows >= 0]
        first, past = (int(inside.min()), int(inside.max()) + 1) if inside.size else (0, 1)
        samples = self._frame.raster.read(first, past)
        if self.decodes:
            planes = linear_planes(samples, samples.shape[2] - self._frame.has_alpha)
        else:
            planes = samples.transpose(2, 0, 1)
        inside = planes[:, np.maximum(rows - first, 0)[:, np.newaxis], np.maximum(columns, 0)]
        return np.where(is_zero, 0.0, inside.astype(np.float64))

    @property
    def is_outside(self) -> NDArray[np.bool_]:
        """Whether each sample of the window is outside of the picture, (Hf, Wf)."""
        height, width = self._frame.size
        rows = np.array([not 0 <= row < height for row in self.rows])
        columns = np.array([not 0 <= column < width for column in self.columns])
        outside: NDArray[np.bool_] = rows[:, np.newaxis] | columns
        return outside

    def centre(self) -> tuple[tuple[int, int] | None, float]:
        """Return the position under the kernel's centre, None on a padding zero, and its alpha."""
        geometry = self._geometry
        y, x = (
            shown(
                self._at[k] * geometry.stride[k]
                + geometry.dilation[k] * (geometry.kernel[k] - 1) // 2
                - geometry.pads[k],
                self._frame.size[k],
                self._pad_mode,
            )
            for k in (0, 1)
        )
        if y is None or x is None:
            return None, 0.0
        return (y, x), float(self._frame.raster.read(y, y + 1)[0, x, -1])


def channel_names(mode: str, count: int) -> list[str]:
    """Return the names of a mode's channels."""
    is_known = mode != "" and count == len(mode)
    names = [*_NAMES.get(mode.removesuffix("A") or "", ())]
    names += ["alpha"] if mode in ("LA", "RGBA") else []
    return names if is_known and len(names) == count else [f"channel {k}" for k in range(count)]

"""Samples before and after they are enlarged: premultiplied alpha, linear light, depth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.images.picture import full_scale, quantized
from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.enlarging import Finish, write_values
from convcli.pipeline.srgb import linear_samples, srgb_samples

INVISIBLE = 1e-6
"""Alpha, on the 0-1 scale, up to which a pixel has no colour."""


@dataclass(frozen=True)
class SampleConversion:
    """From interleaved samples of ``source`` to values, and from values to those of ``target``.

    ``offset`` is the filter's, on the 0-1 scale. With ``has_alpha`` the last channel is alpha,
    which ``premultiplies`` multiplies colours by, and divides them by afterwards. ``normalizes``:
    constant samples keep their value; unless ``clips``, none leaves the range.
    """

    source: np.dtype[Any]
    target: np.dtype[Any]
    channels: int
    offset: float
    premultiplies: bool
    linear: bool
    to_srgb: bool
    normalizes: bool
    clips: bool
    has_alpha: bool

    @property
    def keeps_samples(self) -> bool:
        """Whether samples that are not enlarged would stay as they are."""
        return self.source == self.target and not self.linear and not self.offset

    @property
    def leaves_values(self) -> bool:
        """Whether values are the samples of ``target``."""
        return self.target == np.float32 and self.keeps_samples and not self.premultiplies

    @property
    def _scale(self) -> int:
        """The value that means 1."""
        return 1 if self.linear else full_scale(self.source)

    def of(self, samples: NDArray[Any]) -> tuple[NDArray[Any], Finish]:
        """Return the values of samples (rows, W, C) as (rows, samples), and what finishes them."""
        values = samples
        if self.linear:
            values = linear_samples(samples, self.channels - self.has_alpha)
        finish = self._to_srgb if self.to_srgb else self._to_target
        if self.premultiplies and not self._is_opaque(samples):
            values = values.astype(np.float32)
            alpha = values[..., -1] * np.float32(1 / self._scale)
            for colour in range(self.channels - 1):  # NumPy is slow at the few of a pixel
                values[..., colour] *= alpha
            finish = partial(self._from_premultiplied, finish)
        return values.reshape(len(values), -1), finish

    def _is_opaque(self, samples: NDArray[Any]) -> bool:
        """Return whether colours times alpha over alpha would be the colours, and alpha 1."""
        opaque = full_scale(self.source)
        return self.normalizes and not self.offset and bool((samples[..., -1] == opaque).all())

    def alpha(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Return samples of alpha that were not computed, as those of the result."""
        if self.source == self.target:
            return samples
        return quantized(samples / np.float32(full_scale(self.source)), self.target)

    def _from_premultiplied(self, finish: Finish, values: FloatArray, target: NDArray[Any]) -> None:
        pixels = values.reshape(len(values), -1, self.channels)
        alpha = pixels[..., -1].copy()
        np.copyto(alpha, np.inf, where=np.abs(alpha) <= np.float32(INVISIBLE * self._scale))
        inverse = np.divide(np.float32(self._scale), alpha, out=alpha)
        for colour in range(self.channels - 1):
            pixels[..., colour] *= inverse
        finish(values, target)

    def _to_target(self, values: FloatArray, target: NDArray[Any]) -> None:
        offset, scale = self.offset * self._scale, full_scale(target.dtype) / self._scale
        if offset:
            self._colours(values)[...] += np.float32(offset)
        if scale != 1:
            values *= np.float32(scale)
        write_values(values, target, clips=self.clips or bool(offset) or self.premultiplies)

    def _to_srgb(self, values: FloatArray, target: NDArray[Any]) -> None:
        if self.offset:
            self._colours(values)[...] += np.float32(self.offset)
        alpha = None
        if self.has_alpha:
            alpha = quantized(values[:, self.channels - 1 :: self.channels], self.target)
        target[...] = srgb_samples(values, self.target)
        if alpha is not None:
            target[:, self.channels - 1 :: self.channels] = alpha

    def _colours(self, values: FloatArray) -> FloatArray:
        pixels = values.reshape(len(values), -1, self.channels)
        return pixels[..., : self.channels - self.has_alpha]

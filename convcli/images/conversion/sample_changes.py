"""Changes of samples with 16 bits or floats, which no image of Pillow's holds in colour.

They are decided first, without samples, like those of :mod:`convcli.images.conversion.changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.images.conversion.changes import Loss
from convcli.images.conversion.icc import is_srgb, suits
from convcli.images.conversion.transparency import transparency_loss
from convcli.images.picture import ALPHA_MODES, full_scale, quantized

Samples = NDArray[Any]

_GREY = np.array([0.299, 0.587, 0.114])
"""Weights of ITU-R BT.601, which Pillow takes for 8 bits."""


class SampleChange(NamedTuple):
    """``do`` changes samples (H, W, C).

    The first of ``losses`` is due for samples of which ``is_lost`` is true, those after it for
    others.
    """

    do: Callable[[Samples], Samples]
    losses: tuple[Loss, ...] = ()
    is_lost: Callable[[Samples], bool] | None = None

    def made(self, samples: Samples) -> Samples:
        """Return changed samples; warns of what they lose."""
        is_lost = self.is_lost is None or self.is_lost(samples)
        for loss in self.losses[:1] if is_lost else self.losses[1:]:
            loss.warn()
        return self.do(samples)


def all_made(samples: Samples, changes: Iterable[SampleChange]) -> Samples:
    """Return samples with all changes applied in order."""
    for change in changes:
        samples = change.made(samples)
    return samples


def sample_mode_changes(
    before: str, after: str, profile: bytes | None, holder: str = "", verb: str = "holds"
) -> list[SampleChange] | None:
    """Return the changes from one mode to another; None where they need 8 bits.

    Those from and to CMYK do, and those that use a ``profile`` other than sRGB's. ``holder`` names
    what has no transparency in the warning: the mode ``after``, or a format.
    """
    if before == after:
        return []
    if "CMYK" in (before, after):
        return None
    changes: list[SampleChange] = []
    colours, wanted = before.removesuffix("A"), after.removesuffix("A")
    if colours != wanted and profile and suits(profile, before) and not is_srgb(profile):
        return None
    if before in ALPHA_MODES and after not in ALPHA_MODES:
        changes.append(compositing_on_white(holder or after, verb if holder else "has"))
    if (colours, wanted) == ("RGB", "L"):
        changes.append(SampleChange(_grey))
    elif (colours, wanted) == ("L", "RGB"):
        changes.append(SampleChange(_repeated))
    if after in ALPHA_MODES and before not in ALPHA_MODES:
        changes.append(SampleChange(_with_alpha))
    return changes


def compositing_on_white(holder: str, verb: str) -> SampleChange:
    """Return the change for a mode or format without transparency, ``holder``."""
    loss = transparency_loss(holder, verb)
    return SampleChange(_on_white, (loss,), lambda samples: not _is_opaque(samples))


def to_type(dtype: np.dtype[Any]) -> SampleChange:
    """Return the change from integers to wider integers, or to floats of the 0-1 scale."""

    def change(samples: Samples) -> Samples:
        if samples.dtype == dtype:
            return samples
        if dtype.kind == "u":
            wider: Samples = samples.astype(dtype) * dtype.type(full_scale(dtype) // 255)
            return wider
        floats: Samples = samples.astype(dtype) / dtype.type(full_scale(samples.dtype))
        return floats

    return SampleChange(change)


def to_16_bits(holder: str) -> SampleChange:
    """Return the change from floats of the 0-1 scale to 16 bits, for a format, the ``holder``."""
    clipped = Loss(
        f"values outside 0-1 are clipped: {holder} holds no floats; .npy holds all",
        "if there are any",
    )
    rounded = Loss(f"floats become 16 bits: {holder} holds no floats; .npy and tif do")
    dtype = np.dtype(np.uint16)
    return SampleChange(lambda samples: quantized(samples, dtype), (clipped, rounded), _is_outside)


def _is_outside(samples: Samples) -> bool:
    return bool((samples < 0).any() or (samples > 1).any())


def _is_opaque(samples: Samples) -> bool:
    return bool((samples[..., -1] == full_scale(samples.dtype)).all())


def _rounded(values: NDArray[np.float64], dtype: np.dtype[Any]) -> Samples:
    return (np.rint(values) if dtype.kind == "u" else values).astype(dtype)


def _on_white(samples: Samples) -> Samples:
    top = full_scale(samples.dtype)
    alpha = samples[..., -1:] / top
    return _rounded(samples[..., :-1] * alpha + top * (1 - alpha), samples.dtype)


def _grey(samples: Samples) -> Samples:
    grey = _rounded(samples[..., :3] @ _GREY, samples.dtype)[..., np.newaxis]
    return np.concatenate([grey, samples[..., 3:]], 2)


def _repeated(samples: Samples) -> Samples:
    return np.concatenate([samples[..., :1]] * 3 + [samples[..., 1:]], 2)


def _with_alpha(samples: Samples) -> Samples:
    alpha = np.full((*samples.shape[:2], 1), full_scale(samples.dtype), samples.dtype)
    return np.concatenate([samples, alpha], 2)

"""What the kernel accepts as arrays: their dtypes, ranks and channel counts."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from convcli.errors import ShapeError
from convcli.kernel.geometry import shown

FloatArray: TypeAlias = NDArray[np.floating[Any]]


def as_stack(x: ArrayLike, name: str = "x") -> tuple[FloatArray, bool]:
    """Return ``x`` as floats of shape (N, C, H, W), and whether it came as a stack.

    float32 and float64 stay what they are; integers, booleans and float16 become float32.
    """
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise ShapeError(f"{name} must hold real numbers: its dtype is {array.dtype}")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32)
    if array.ndim not in (3, 4):
        raise ShapeError(f"{name} must be (C, H, W) or (N, C, H, W): its shape is {array.shape}")
    if 0 in array.shape[-3:]:
        raise ShapeError(f"{name} holds no pixel: its shape is {array.shape}")
    return (array, True) if array.ndim == 4 else (array[np.newaxis], False)


def as_weight(weight: ArrayLike, dtype: DTypeLike, groups: int) -> FloatArray:
    """Return ``weight`` as (F, C/groups, Hf, Wf) of ``dtype``, F a multiple of ``groups``."""
    array = np.asarray(weight)
    if array.dtype.kind not in "biuf":
        raise ShapeError(f"weight must hold real numbers: its dtype is {array.dtype}")
    if array.ndim != 4 or 0 in array.shape:
        raise ShapeError(
            f"weight must be (F, C/groups, Hf, Wf), none of them 0: its shape is {array.shape}"
        )
    if isinstance(groups, bool) or not isinstance(groups, (int, np.integer)) or groups < 1:
        raise ShapeError(f"groups must be a whole number from 1 up: got {shown(groups)}")
    if array.shape[0] % groups:
        raise ShapeError(f"{array.shape[0]} filters do not divide into {shown(groups)} groups")
    return array.astype(dtype, copy=False)


def as_bias(bias: ArrayLike | None, dtype: DTypeLike, channels: int) -> FloatArray | None:
    """Return ``bias`` as (channels,) of ``dtype``, or None."""
    if bias is None:
        return None
    array = np.asarray(bias, dtype)
    if array.shape != (channels,):
        raise ShapeError(
            f"bias must hold one number for each of the {channels} output channels: "
            f"its shape is {array.shape}"
        )
    return array


def check_channels(name: str, found: int, wanted: int, why: str) -> None:
    """Raise a ShapeError unless ``name`` has the number of channels that ``why`` needs."""
    if found != wanted:
        raise ShapeError(f"{name} has {found} channels, but {why} needs {wanted}")

"""16-bit colours converted to sRGB by profiles of three curves and a matrix.

Little CMS, as Pillow calls it, converts 8 bits. Profiles of cameras, scanners and editors (Adobe
RGB, Display P3, ProPhoto) have a curve a channel and a matrix, or for grey one curve, which are
computed here as ICC.1:2022 defines them: 8.3 (models), 10.6 (curveType), 10.18
(parametricCurveType). Their black is 0, so black point compensation changes nothing.
"""

from __future__ import annotations

import struct
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from convcli.images.conversion.sample_changes import SampleChange

Floats: TypeAlias = NDArray[np.floating[Any]]

_LUTS = ("A2B0", "A2B1", "D2B0", "D2B1")
"""Tags that take precedence over curves and matrix."""

_SRGB_XYZ = np.array([[28576, 25239, 9375], [14581, 46983, 3972], [912, 6361, 46787]]) / 65536
"""The colorants of sRGB, in columns: XYZ under D50. From the sRGB profile of Little CMS 2.

Other sRGB profiles have numbers that sum less exactly to D50, with which grey would get a tint.
"""

_COEFFICIENTS = {0: "g", 1: "gab", 2: "gabc", 3: "gabcd", 4: "gabcdef"}
_BAND = 1 << 18
"""Pixels that are converted at a time."""


def matrix_change(mode: str, profile: bytes) -> SampleChange | None:
    """Return the conversion of 16-bit samples of L, LA, RGB or RGBA to sRGB.

    None for a profile of another kind, or one that is broken.
    """
    try:
        with np.errstate(divide="raise", over="raise", invalid="raise"):
            return _change(mode, profile)
    except (ArithmeticError, KeyError, IndexError, ValueError, struct.error):
        return None


def _change(mode: str, profile: bytes) -> SampleChange | None:
    tags = _tags(profile)
    if profile[20:24] != b"XYZ " or tags.keys() & set(_LUTS):
        return None
    is_grey = mode in ("L", "LA")
    curves = [np.clip(_curve(tags[f"{name}TRC"]), 0, 1) for name in ("k" if is_grey else "rgb")]
    if any(curve[0] != 0 for curve in curves):
        return None
    matrix: Floats = np.eye(1)
    if not is_grey:
        matrix = np.linalg.solve(
            _SRGB_XYZ, np.stack([_xyz(tags[f"{name}XYZ"]) for name in "rgb"], 1)
        )
    return SampleChange(lambda samples: _converted(samples, curves, matrix))


def _converted(samples: NDArray[Any], curves: list[Floats], matrix: Floats) -> NDArray[Any]:
    """Return samples (H, W, C) of which the first channels are converted; alpha stays."""
    result = samples.copy()
    rows = max(1, _BAND // samples.shape[1])
    tables = [curve.astype(np.float32) for curve in curves]
    weights = matrix.T.astype(np.float32)
    for top in range(0, len(samples), rows):
        band = samples[top : top + rows]
        linear = np.stack([table[band[..., i]] for i, table in enumerate(tables)], -1) @ weights
        result[top : top + rows, :, : len(tables)] = np.rint(_encoded(linear) * 65535)
    return result


def _encoded(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return linear light by the curve of sRGB (IEC 61966-2-1), clipped to 0-1."""
    light = np.clip(linear, 0, 1)
    bright = np.float32(1.055) * light ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.where(light <= 0.0031308, np.float32(12.92) * light, bright)


def _tags(profile: bytes) -> dict[str, bytes]:
    """Return the tags of a profile by their signatures."""
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * i) for i in range(min(count, 200)))
    return {name.decode("latin-1"): profile[at : at + size] for name, at, size in entries}


def _xyz(tag: bytes) -> Floats:
    if tag[:4] != b"XYZ ":
        raise ValueError("not an XYZType")
    return np.array(struct.unpack_from(">3i", tag, 8)) / 65536


def _curve(tag: bytes) -> Floats:
    """Return the linear light of all 16-bit values."""
    values: Floats = np.arange(65536) / 65535
    kind, number = tag[:4], struct.unpack_from(">I", tag, 8)[0]
    if kind == b"curv":
        if number == 0:
            return values
        if number == 1:
            gamma: Floats = values ** (struct.unpack_from(">H", tag, 12)[0] / 256)
            return gamma
        points = np.frombuffer(tag, ">u2", number, 12) / 65535
        return np.interp(values, np.linspace(0, 1, number), points)
    if kind != b"para":
        raise ValueError("not a curve")
    return _parametric(number >> 16, tag, values)


def _parametric(function: int, tag: bytes, x: Floats) -> Floats:
    names = _COEFFICIENTS[function]
    given = np.array(struct.unpack_from(f">{len(names)}i", tag, 12)) / 65536
    known = dict(zip(names, given.tolist(), strict=True))
    g, a, b = known["g"], known.get("a", 1.0), known.get("b", 0.0)
    y: Floats = np.maximum(a * x + b, 0) ** g
    if function in (1, 2):
        y = np.where(x >= -b / a, y, 0) + known.get("c", 0.0)
    elif function > 2:
        dark = known["c"] * x + known.get("f", 0.0)
        y = np.where(x >= known["d"], y + known.get("e", 0.0), dark)
    return y

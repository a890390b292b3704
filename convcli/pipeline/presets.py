"""The presets of upsample: the filter that interpolates at a scale."""

from __future__ import annotations

from convcli.errors import FilterError, ShapeError
from convcli.filters import Filter
from convcli.filters.interpolation import KERNEL_AREA, PRESETS, interpolation_taps
from convcli.filters.validate import MOST_WEIGHTS
from convcli.kernel.geometry import IntOrPair, pair
from convcli.pipeline.operators import DEFAULT_SCALE


def preset_filter(preset: str, scale: IntOrPair | None = None) -> Filter:
    """Return the filter of an upsampling preset for ``scale``. Raises :class:`FilterError`."""
    if preset not in PRESETS:
        raise FilterError(f"no upsampling preset is called {preset!r}: {', '.join(PRESETS)} are")
    try:
        factors = pair(DEFAULT_SCALE if scale is None else scale, "scale", 1)
    except ShapeError as error:
        raise FilterError(str(error)) from None
    if factors[0] * factors[1] * KERNEL_AREA[preset] > MOST_WEIGHTS:
        raise FilterError(
            f"a scale of {factors[1]}×{factors[0]} makes a {preset} kernel of more than "
            f"{MOST_WEIGHTS:,} weights: use a smaller one, twice"
        )
    (taps_y, crop_y), (taps_x, crop_x) = (interpolation_taps(preset, f) for f in factors)
    return Filter(column=taps_y, row=taps_x, stride=factors, pad=(crop_y, crop_x), name=preset)

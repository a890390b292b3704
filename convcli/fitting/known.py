"""Bundled filters whose range or reduction is not linear, tried one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from convcli.errors import ConvcliError
from convcli.filters import Filter, load_filter
from convcli.filters.bundled import bundled_filters
from convcli.fitting.geometry import Pair
from convcli.fitting.prediction import MeanSquare
from convcli.fitting.samples import FramePair
from convcli.images import Frame, Picture
from convcli.pipeline.apply import apply_filters

SIDE, MARGIN = 96, 8
"""Side of the squares that are tried, and the margin that is too close to their edges."""

ALIKE = 0.999
"""The share of samples that must agree within one level."""


def known_filter(pairs: Sequence[FramePair], shift: Pair) -> tuple[Filter, MeanSquare] | None:
    """Return the bundled filter that turns BEFORE into AFTER, and its mean squares, or None.

    Pictures are of one size, with levels.
    """
    squares = [square for pair in pairs for square in _squares(pair, shift)]
    if not squares:
        return None
    for name in bundled_filters():
        chosen = load_filter(name)
        # Least squares would have found a linear filter.
        if chosen.range == "clip" and chosen.reduce is None and not chosen.is_cross_channel:
            continue
        errors = _errors(squares, chosen)
        if errors is not None:
            return chosen, errors
    return None


def _errors(squares: Sequence[tuple[Picture, np.ndarray]], chosen: Filter) -> MeanSquare | None:
    """Return the mean squares of a filter that reproduces the samples of all squares, else None."""
    rests, actuals = [], []
    for picture, actual in squares:
        if chosen.range.startswith("rescale"):  # which depends on the whole picture
            return None
        try:
            frame = apply_filters(picture, [chosen]).frames[0]
        except ConvcliError:  # a filter for other channels
            return None
        result = frame.samples[MARGIN:-MARGIN, MARGIN:-MARGIN]
        if result.shape != actual.shape or result.dtype != actual.dtype:
            return None
        rest = result.astype(float) - actual
        if (np.abs(rest) <= 1).mean() < ALIKE:
            return None
        rests.append(rest.ravel())
        actuals.append(actual.ravel())
    scale = float(np.iinfo(squares[0][1].dtype).max)
    return MeanSquare(
        float((np.concatenate(rests) ** 2).mean()) / scale**2,
        float(np.concatenate(actuals).var()) / scale**2,
    )


def _squares(pair: FramePair, shift: Pair) -> Iterator[tuple[Picture, np.ndarray]]:
    """Yield squares of BEFORE, and the inner part of each in AFTER."""
    height, width = pair.relation.before
    if pair.relation.stride != (1, 1) or min(height, width) < SIDE + 2 * max(map(abs, shift)):
        return
    mode = {1: "L", 3: "RGB", 4: "CMYK"}.get(pair.before.colours, "")
    for share in (0.15, 0.5, 0.85):
        top = int(share * (height - SIDE))
        left = int(share * (width - SIDE))
        y, x = top + MARGIN + shift[0], left + MARGIN + shift[1]
        if min(y, x) < 0:
            continue
        side = SIDE - 2 * MARGIN
        square = pair.before.rows(top, top + SIDE)[:, left : left + SIDE, : pair.before.colours]
        expected = pair.after.rows(y, min(y + side, height))[:, x : x + side, : pair.after.colours]
        if expected.shape[:2] == (side, side):
            yield Picture((Frame.of(np.ascontiguousarray(square), mode),)), expected

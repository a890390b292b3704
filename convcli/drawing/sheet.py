"""A contact sheet: one picture through several filters, or the feature maps of a bank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from convcli.drawing.grid import GAP, LABEL, WIDTH, Grid, grid_for
from convcli.drawing.page import MUTED, Bytes, Page, fitted
from convcli.errors import ConvcliError, ImageError
from convcli.filters import Filter
from convcli.images import Frame, Picture
from convcli.images.conversion.icc import suits
from convcli.images.conversion.reduced import reduced
from convcli.images.picture import quantized, tensor_of
from convcli.pipeline.apply import apply_filters

ORIGINAL = "original"
LABEL_SIZE = 13.0
CHECKS, LIGHT, DARK = 8, 255, 224
"""Side and grey levels of the squares that show through transparent pixels."""


class Tile(NamedTuple):
    """A result on the sheet: of a filter, or one feature map of it; the picture without one."""

    label: str
    filter: Filter | None
    channel: int | None = None


def contact_sheet(
    picture: Picture,
    filters: Sequence[Filter],
    *,
    linear: bool = False,
    width: int = WIDTH,
    advance: Callable[[], object] = lambda: None,
) -> Picture:
    """Return one page with the result of every filter on the first frame of ``picture``.

    The picture is reduced to the size of its cells first, so that filters act on what is seen. A
    filter with several outputs that are no colours is shown as feature maps, each rescaled to
    its own min and max. The page is ``width`` pixels wide at most. ``advance`` is called after each
    filter.

    Raises :class:`PlanError` for more results than fit, and what :func:`apply_filters` raises,
    with the name of the filter.
    """
    frame = _checked(picture.frames[0])
    tiles = tiles_of(filters)
    grid = grid_for(len(tiles), frame.size, width)
    small = _scaled(reduced(frame, grid.thumbnail))
    page = Page(*grid.size)
    number = 0
    if tiles[0].filter is None:
        _place(page, grid, 0, tiles[0].label, shown(small))
        number = 1
    for filter in filters:
        results = _results(small, filter, linear)
        for result in results:
            _place(page, grid, number, tiles[number].label, result)
            number += 1
        advance()
    profile = picture.metadata.get("icc_profile", b"")
    metadata = {"icc_profile": profile} if profile and suits(profile, "RGB") else {}
    return replace(page.picture(), metadata=metadata)


def tiles_of(filters: Sequence[Filter]) -> list[Tile]:
    """Return what the sheet shows: the picture, unless one bank is shown alone, and the results."""
    if len(filters) == 1 and _has_maps(filters[0]):
        return [Tile(str(k), filters[0], k) for k in range(filters[0].kernel_shape[0])]
    tiles = [Tile(ORIGINAL, None)]
    for filter in filters:
        name = filter.name or "filter"
        if _has_maps(filter):
            tiles += [Tile(f"{name} {k}", filter, k) for k in range(filter.kernel_shape[0])]
        else:
            tiles.append(Tile(name, filter))
    return tiles


def shown(frame: Frame) -> Bytes:
    """Return a frame as 8-bit RGB (H, W, 3); squares show through transparent pixels."""
    samples = quantized(tensor_of(frame.samples), np.dtype(np.uint8)).transpose(1, 2, 0)
    colours = samples[..., : samples.shape[2] - frame.has_alpha]
    rgb: Bytes = np.repeat(colours, 3, 2) if colours.shape[2] == 1 else colours
    if not frame.has_alpha:
        return np.ascontiguousarray(rgb)
    rows, columns = (np.arange(side) // CHECKS for side in frame.size)
    squares = np.where((rows[:, np.newaxis] + columns) % 2, DARK, LIGHT)[..., np.newaxis]
    opacity = samples[..., -1:] / 255
    return np.rint(rgb * opacity + squares * (1 - opacity)).astype(np.uint8)


def _has_maps(filter: Filter) -> bool:
    """Return whether a filter's outputs are neither grey nor red, green and blue."""
    return filter.is_cross_channel and filter.kernel_shape[0] not in (1, 3)


def _checked(frame: Frame) -> Frame:
    """Return a frame that can be shown. Raises ImageError."""
    if frame.raster.channels - frame.has_alpha not in (1, 3):
        raise ImageError(
            f"a picture with {frame.raster.channels} channels does not go on a sheet: "
            "grey and RGB do, with and without alpha"
        )
    return frame


def _scaled(frame: Frame) -> Frame:
    """Return a frame whose floats lie in 0-1: their min and max become 0 and 1 if they do not."""
    if frame.raster.dtype.kind != "f":
        return frame
    values = np.nan_to_num(frame.samples, posinf=0, neginf=0)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        values = (values - low) / ((high - low) or 1)
    return Frame.of(values.astype(np.float32), frame.mode)


def _results(frame: Frame, filter: Filter, linear: bool) -> list[Bytes]:
    """Return what a filter makes of a frame, as RGB: one result, or every feature map."""
    has_maps = _has_maps(filter)
    colours = frame.raster.channels - frame.has_alpha
    if filter.is_cross_channel and filter.kernel_shape[1] * filter.groups == 3 and colours == 1:
        frame = _grey_as_rgb(frame)
    chosen = filter.override(range="rescale-channels") if has_maps else filter
    try:
        picture = apply_filters(Picture((frame,)), [chosen], linear=linear)
    except ConvcliError as error:
        raise type(error)(f"filter {filter.name or 'given'}: {error}") from error
    if not has_maps:
        return [shown(picture.frames[0])]
    maps = picture.frames[0].samples[..., : filter.kernel_shape[0]]
    return [shown(Frame.of(maps[..., k : k + 1], "L")) for k in range(maps.shape[2])]


def _grey_as_rgb(frame: Frame) -> Frame:
    samples = frame.samples
    channels = [0, 0, 0, 1] if frame.has_alpha else [0, 0, 0]
    return Frame.of(samples[..., channels], "RGBA" if frame.has_alpha else "RGB")


def _place(page: Page, grid: Grid, number: int, label: str, result: Bytes) -> None:
    """Place a result in the middle of its cell, with its label below."""
    top, left = grid.corner(number)
    height, width = grid.cell
    result = _within(result.repeat(grid.enlargement, 0).repeat(grid.enlargement, 1), grid.cell)
    y, x = top + (height - result.shape[0]) // 2, left + (width - result.shape[1]) // 2
    page.place(result, y, x)
    page.frame(y, x, *result.shape[:2])
    text = fitted(label, LABEL_SIZE, width + GAP - 4)
    ink = {"ink": MUTED} if label == ORIGINAL else {}
    page.text(
        text, top + height + LABEL // 2 + 1, left + width // 2, LABEL_SIZE, anchor="middle", **ink
    )


def _within(result: Bytes, cell: tuple[int, int]) -> Bytes:
    """Return a result reduced to the cell, if it is larger."""
    scale = min(side / own for side, own in zip(cell, result.shape, strict=False))
    if scale >= 1:
        return result
    size = max(1, int(result.shape[0] * scale)), max(1, int(result.shape[1] * scale))
    return reduced(Frame.of(result, "RGB"), size).samples

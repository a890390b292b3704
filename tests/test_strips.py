"""Pictures cut into strips of odd sizes, compared with whole arrays through the kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from cases import MODES
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convcli import (
    Filter,
    Picture,
    ShapeError,
    apply_filters,
    conv2d,
    conv_transpose2d,
    make_filter,
)
from convcli.images import Frame
from convcli.kernel.geometry import conv_geometry, conv_transpose_geometry, effective_size
from convcli.pipeline import strips as strips_module
from convcli.pipeline.apply import upsampling
from convcli.pipeline.operators import Convolution
from convcli.pipeline.process import Processing, process
from convcli.pipeline.strips import StripSizes

CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


@dataclass(frozen=True)
class Case:
    """A picture and the filters that it goes through."""

    mode: str
    size: tuple[int, int]
    filters: tuple[Filter, ...]
    transposed: bool

    @property
    def samples(self) -> np.ndarray:
        rng = np.random.default_rng(self.size[0])
        return rng.integers(60, 256, (*self.size, CHANNELS[self.mode]), np.uint8)

    def result(self, strips: StripSizes, **options: bool) -> np.ndarray:
        """Return the samples (H, W, C) of the result."""
        picture = Picture((Frame.of(self.samples, self.mode),), "PNG")
        make = upsampling if self.transposed else Convolution
        operators = [make(one) for one in self.filters]
        return process(picture, operators, Processing(strips=strips, **options)).frames[0].samples


def numbers(least: int, *most: int) -> st.SearchStrategy[int]:
    """Return a strategy of numbers that are often small."""
    return st.one_of([st.integers(least, one) for one in most])


@st.composite
def filters(draw: st.DrawFn, transposed: bool) -> Filter:
    kernel = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    weight = np.random.default_rng(draw(st.integers(0, 99))).random(kernel) + 0.1
    stride = draw(st.tuples(numbers(1, 1, 3, 8), numbers(1, 1, 3, 8)))
    pads = st.tuples(*4 * [numbers(0, 1, 3, 39)])
    return Filter(
        weight,
        divisor=float(weight.sum()),
        stride=stride[0] if transposed else stride,
        dilation=draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        pad=draw(st.one_of(st.just("same"), st.just("valid"), pads)),
        pad_mode=draw(st.sampled_from(MODES)),
        preserve_alpha=draw(st.booleans()),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    transposed = draw(st.sampled_from([False, False, True]))
    count = 1 if transposed else draw(numbers(1, 1, 3))
    return Case(
        draw(st.sampled_from(list(CHANNELS))),
        draw(st.tuples(st.integers(1, 59), st.integers(1, 11))),
        tuple(draw(filters(transposed)) for _ in range(count)),
        transposed,
    )


def strips_of(rows: int, columns: int | None = None, **others: int) -> StripSizes:
    """Return strips of so many rows, and, where ``columns`` are given, so many columns."""
    if columns is not None:
        others |= {"most_row": 0, "part_samples": 0, "least_columns": columns}
    return StripSizes(rows=rows, layered_rows=rows, least_samples=0, **others)


def whole(one: Case) -> np.ndarray:
    """Return what the kernel makes of the whole array, (H, W, C) on the 0-1 scale."""
    planes = one.samples.transpose(2, 0, 1) / 255
    has_alpha = one.mode.endswith("A")
    for chosen in one.filters:

        def convolved(planes: np.ndarray, chosen: Filter = chosen) -> np.ndarray:
            options = {"pad": chosen.pad, "pad_mode": chosen.pad_mode, "dilation": chosen.dilation}
            convolve = conv_transpose2d if one.transposed else conv2d
            stride = chosen.stride or (2 if one.transposed else 1)
            return convolve(planes[:, None], chosen.kernel, stride=stride, **options)[:, 0]

        colour, alpha = planes[: len(planes) - has_alpha], planes[len(planes) - has_alpha :]
        if not has_alpha:
            planes = convolved(colour)
        elif chosen.preserve_alpha:
            planes = np.concatenate([convolved(colour), sampled(alpha, chosen, one.transposed)])
        else:
            weight = convolved(alpha)
            visible = weight > 1e-6
            colour = convolved(colour * alpha) / np.where(visible, weight, 1) * visible
            planes = np.concatenate([colour, weight])
    return planes.transpose(1, 2, 0)


def sampled(alpha: np.ndarray, chosen: Filter, transposed: bool) -> np.ndarray:
    """Return alpha sampled under the kernel's centre."""
    size, kernel = alpha.shape[1:], chosen.kernel.shape[2:]
    if transposed:
        settled = conv_transpose_geometry(
            size, kernel, chosen.stride or 2, chosen.pad, 0, chosen.dilation
        )
        index = []
        for k in (0, 1):
            centre = (effective_size(kernel[k], settled.dilation[k]) - 1) / 2 - settled.pads[k]
            nearest = (np.arange(settled.image[k]) - centre) / settled.stride[k] + 0.5
            index.append(np.clip(np.floor(nearest).astype(int), 0, size[k] - 1))
        return alpha[:, index[0]][:, :, index[1]]
    settled = conv_geometry(size, kernel, chosen.stride or 1, chosen.pad, chosen.dilation)
    spans = [effective_size(kernel[k], settled.dilation[k]) for k in (0, 1)]
    centre = np.zeros((1, 1, *spans))
    centre[0, 0, (spans[0] - 1) // 2, (spans[1] - 1) // 2] = 1
    options = {"stride": settled.stride, "pad": settled.pads, "pad_mode": chosen.pad_mode}
    return conv2d(alpha[:, None], centre, **options)[:, 0]


@settings(max_examples=100)
@given(
    one=cases(),
    rows=st.integers(1, 8),
    worth_a_thread=st.sampled_from([0, 10**9]),
    halo_multiple=st.sampled_from([0, 2]),
    columns=st.sampled_from([None, 1, 2, 5]),
)
def test_strips_of_every_shape_are_the_whole_picture(
    one: Case, rows: int, worth_a_thread: int, halo_multiple: int, columns: int | None
) -> None:
    try:
        expected = whole(one)
    except ShapeError:  # nothing would be left of the picture
        assume(False)
    strips = strips_of(rows, columns, worth_a_thread=worth_a_thread, halo_multiple=halo_multiple)
    raw = one.result(strips, as_float=True)
    assert raw.shape == expected.shape
    np.testing.assert_allclose(raw, expected, atol=1e-4)
    for reuse in (False, True):
        made = one.result(strips, reuse=reuse)
        assert made.dtype == np.uint8
        np.testing.assert_allclose(made, np.clip(expected, 0, 1) * 255, atol=0.53)


WALKS = {
    "backwards": [Filter([[1.0]], pad=(20, 0, 19, 0), stride=(2, 1))],
    "away": [Filter(np.ones((5, 1)), pad="valid"), Filter([[1.0]], pad=(0, 0, 4, 0))],
    "up": [Filter(np.ones((9, 1)), pad=(0, 0, 8, 0)), Filter([[1.0]], pad=(0, 0, 0, 0))],
    "down and up": [Filter(np.ones((9, 1)), pad=pad) for pad in ((0, 0, 8, 0), (8, 0, 0, 0))],
}


def turned(one: Filter) -> Filter:
    """Return the filter that does along rows what ``one`` does along columns."""
    stride = one.stride[::-1] if isinstance(one.stride, tuple) else one.stride
    pads = one.pad if isinstance(one.pad, str) else tuple(one.pad[k] for k in (1, 0, 3, 2))
    weight = one.kernel[0, 0].T
    return Filter(weight, pad=pads, stride=stride, pad_mode=one.pad_mode)


@pytest.mark.parametrize("walk", list(WALKS))
@pytest.mark.parametrize("pad_mode", MODES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("across", [False, True])
def test_in_place_results_equal_those_in_fresh_memory(
    walk: str, pad_mode: str, dtype: type, across: bool
) -> None:
    top = np.iinfo(dtype).max
    samples = np.random.default_rng(3).integers(0, top // 20, (40, 5, 1)).astype(dtype)
    filters = [one.override(pad_mode=pad_mode) for one in WALKS[walk]]
    if across:
        samples = samples.transpose(1, 0, 2)
        filters = [turned(one) for one in filters]
    expected = apply_filters(Picture((Frame.of(samples.copy(), "L"),)), filters).frames[0].samples
    for rows in (1, 3, 7, 13):
        picture = Picture((Frame.of(samples.copy(), "L"),))
        processing = Processing(reuse=True, strips=strips_of(rows, rows if across else None))
        result = process(picture, [Convolution(one) for one in filters], processing)
        np.testing.assert_array_equal(result.frames[0].samples, expected)


@pytest.mark.parametrize("taps", [3, 9, 31])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_results_do_not_depend_on_the_number_of_threads(taps: int, mode: str) -> None:
    rng = np.random.default_rng(taps)
    samples = rng.integers(0, 256, (700, 300, len(mode)), np.uint8)
    blur = Convolution(Filter(rng.random((taps, taps)), divisor="sum", pad_mode="reflect"))
    results = []
    for threads in (1, 2, 7):
        picture = Picture((Frame.of(samples.copy(), mode),))
        processing = Processing(strips=StripSizes(threads=threads))
        results.append(process(picture, [blur], processing).frames[0].samples)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def test_strips_have_whole_blocks_of_the_method(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.random.default_rng(5).integers(0, 256, (1100, 700, 1), np.uint8)
    picture = Picture((Frame.of(samples, "L"),))
    operator = Convolution(make_filter("disk", radius=20))
    heights: list[int] = []
    cut = strips_module.strips_of

    def noted(*arguments: Any) -> Any:
        for strip in cut(*arguments):
            heights.append(strip[1] - strip[0])
            yield strip

    monkeypatch.setattr(strips_module, "strips_of", noted)
    process(picture, [operator])
    step = operator.prepare_samples(operator.geometry((1100, 700)), 1, 255).method.step
    assert step > 300
    assert {height % step for height in heights[:-1]} == {0}

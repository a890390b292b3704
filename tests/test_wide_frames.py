"""Frames cut into columns: every route has the results, and the limits, of whole frames."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from cases import MODES

from convcli import Filter, Picture
from convcli.images import Frame
from convcli.images.raster import PillowRaster
from convcli.pipeline import routes
from convcli.pipeline.apply import upsampling
from convcli.pipeline.operators import Convolution
from convcli.pipeline.process import Processing, process
from convcli.pipeline.shapes import shapes_of_frame
from convcli.pipeline.strips import StripSizes
from convcli.pipeline.wide_frames import columns_at_once, parts_of

CUT = StripSizes(most_row=0, part_samples=0, least_columns=13, halo_multiple=1, worth_a_thread=0)
RNG = np.random.default_rng(5)
SOBEL = np.array([[[[1, 0, -1], [2, 0, -2], [1, 0, -1]]], [[[1, 2, 1], [0, 0, 0], [-1, -2, -1]]]])
GAUSSIAN = np.exp(-((np.arange(41) - 20) ** 2) / 72)
FILTERS = {
    "whole": [Filter([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])],
    "box": [Filter(np.ones((7, 9)), divisor="sum")],
    "separable": [Filter(column=[1, 3, 2, 3, 1], row=[1, 2, 4, 2, 1], divisor="sum")],
    "decimated": [Filter(column=GAUSSIAN, row=GAUSSIAN, divisor="sum")],
    "dense": [Filter(RNG.random((9, 6)), divisor="sum")],
    "fft": [Filter(RNG.random((31, 31)), divisor="sum")],
    "bank": [Filter(SOBEL, reduce="magnitude", preserve_alpha=True)],
    "absolute": [Filter(SOBEL[0, 0], range="abs")],
    "rescale": [Filter(SOBEL[0, 0], range="rescale")],
    "rescale-channels": [Filter(SOBEL[0, 0], range="rescale-channels", preserve_alpha=True)],
    "stride": [Filter(RNG.random((4, 5)), divisor="sum", stride=(2, 3))],
    "chain": [
        Filter(RNG.random((5, 7)), divisor="sum"),
        Filter(RNG.random((3, 4)), divisor="sum", bias=0.1),
        Filter([[0.5, 0, 0.5]], pad=(0, 30, 0, 5)),
    ],
}
EXACT = ("whole", "bank", "absolute")


def convolved(
    filters: list[Filter], samples: np.ndarray, mode: str, sizes: StripSizes, **options: object
) -> np.ndarray:
    frame = Frame.of(samples.copy(), mode)
    operators = [Convolution(one) for one in filters]
    return (
        process(Picture((frame,)), operators, Processing(strips=sizes, **options)).frames[0].samples
    )


@pytest.mark.parametrize("pad_mode", MODES)
@pytest.mark.parametrize("name", FILTERS)
def test_every_route_has_the_results_of_whole_frames(name: str, pad_mode: str) -> None:
    filters = [one.override(pad_mode=pad_mode) for one in FILTERS[name]]
    for mode, dtype in (("RGB", np.uint8), ("RGBA", np.uint8), ("L", np.uint16)):
        top = np.iinfo(dtype).max
        samples = RNG.integers(0, top + 1, (15, 97, len(mode))).astype(dtype)
        for linear in (False, True):
            whole = convolved(filters, samples, mode, StripSizes(), linear=linear)
            found = convolved(filters, samples, mode, CUT, linear=linear, reuse=not linear)
            assert found.shape == whole.shape
            exact = name in EXACT and not linear and mode != "RGBA"
            # Sums of floats in another order; weights that are nearly 0, divided by.
            tolerance = 0 if exact else max(1, top * 1e-4)
            np.testing.assert_allclose(found.astype(int), whole, rtol=0, atol=tolerance)


ENLARGING = {
    **{preset: {} for preset in ("nearest", "bilinear", "lanczos")},
    "kernel": {"filter": Filter(RNG.random((5, 4)), divisor=3, stride=(2, 3), pad=(1, 2, 0, 1))},
    "gaps": {"filter": Filter(RNG.random((2, 2)), stride=4, pad=0), "output_padding": 3},
    "spread": {"filter": Filter(RNG.random((3, 3)), divisor=3, dilation=2, stride=3)},
}


@pytest.mark.parametrize("pad_mode", MODES)
@pytest.mark.parametrize("name", ENLARGING)
def test_enlarged_parts_are_the_whole_frame(name: str, pad_mode: str) -> None:
    options = dict(ENLARGING[name])
    for mode, preserves in (("RGB", False), ("RGBA", False), ("RGBA", True)):
        samples = RNG.integers(0, 256, (6, 47, len(mode)), np.uint8)
        filter = options.get("filter", name)
        if isinstance(filter, Filter):
            filter = filter.override(preserve_alpha=preserves)
        others = {key: value for key, value in options.items() if key != "filter"}
        operator = upsampling(filter, pad_mode=pad_mode, **others)
        for linear in (False, True):
            results = []
            for sizes in (StripSizes(), CUT):
                processing = Processing(strips=sizes, linear=linear)
                picture = Picture((Frame.of(samples, mode),))
                results.append(process(picture, [operator], processing).frames[0].samples)
            np.testing.assert_allclose(*(one.astype(int) for one in results), atol=1)


@pytest.mark.parametrize("linear", [False, True])
def test_results_do_not_depend_on_the_number_of_threads(linear: bool) -> None:
    samples = RNG.integers(0, 256, (20, 150, 3), np.uint8)
    for name in ("fft", "decimated", "rescale", "chain"):
        results = [
            convolved(
                FILTERS[name],
                samples,
                "RGB",
                CUT._replace(threads=threads),
                linear=linear,
                reuse=True,
            )
            for threads in (1, 2, 5)
        ]
        for other in results[1:]:
            np.testing.assert_array_equal(other, results[0])


def columns_of(filters: list[Filter], size: tuple[int, int], channels: int = 3) -> int | None:
    mode = {1: "L", 3: "RGB"}[channels]
    operators = [Convolution(one) for one in filters]
    stages = shapes_of_frame(operators, size, channels, mode, 10**12).stages
    return columns_at_once(stages, channels, StripSizes())


def strides(filters: list[Filter]) -> int:
    return int(np.prod([one.stride[1] if isinstance(one.stride, tuple) else 1 for one in filters]))


def test_wide_frames_alone_are_cut() -> None:
    for name, filters in FILTERS.items():
        assert columns_of(filters, (4000, 6000)) is None, name
        assert columns_of(filters, (200_000, 400)) is None, name
        columns = columns_of(filters, (400, 200_000))
        assert columns is not None
        assert 400 < columns * strides(filters) < 1200
        columns = columns_of(filters, (1, 20_000_000), 1)
        assert columns is not None
        assert columns <= StripSizes().most_row


def test_kernels_that_wrap_around_in_between_are_not_cut() -> None:
    wraps = Filter(np.ones((3, 3)), divisor=9, pad_mode="circular")
    other = wraps.override(pad_mode="reflect")
    assert columns_of([wraps, wraps, other], (400, 200_000)) is None
    assert columns_of([other, wraps], (400, 200_000)) is None
    assert columns_of([wraps, other], (400, 200_000)) is not None
    assert columns_of([wraps, wraps], (400, 200_000)) is not None


def test_parts_are_read_before_they_are_overwritten() -> None:
    samples = RNG.integers(0, 256, (3, 50, 1), np.uint8)
    raster = Frame.of(samples.copy(), "L").raster
    stages = shapes_of_frame([Convolution(Filter(np.ones((1, 9))))], (3, 50), 1, "L", 10**6).stages
    for part in parts_of(raster, stages, 8, in_place=True):
        read = part.columns[part.columns >= 0]
        raster.columns(part.start, part.stop).write(0, np.zeros((3, 8, 1), np.uint8))
        found = part.frame("L").samples[:, part.columns >= 0]
        np.testing.assert_array_equal(found, samples[:, read])


def test_columns_of_a_raster_are_read_and_written_in_it() -> None:
    from PIL import Image

    samples = RNG.integers(0, 256, (4, 9, 3), np.uint8)
    for raster in (PillowRaster(Image.fromarray(samples)), Frame.of(samples.copy(), "RGB").raster):
        columns = raster.columns(2, 8).columns(1, 5)
        assert columns.size == (4, 4)
        np.testing.assert_array_equal(columns.read(1, 3), samples[1:3, 3:7])
        columns.write(2, np.zeros((2, 4, 3), np.uint8))
        expected = samples.copy()
        expected[2:4, 3:7] = 0
        np.testing.assert_array_equal(raster.read(0, 4), expected)


@pytest.mark.parametrize("name", ["box", "fft", "chain", "bank"])
def test_memory_does_not_grow_with_the_width(name: str) -> None:
    peaks = []
    for width in (6000, 24_000):
        samples = np.zeros((8, width, 1), np.uint8)
        sizes = StripSizes(most_row=4000, part_samples=1 << 14, least_columns=64, threads=1)
        tracemalloc.start()
        convolved(FILTERS[name], samples, "L", sizes, reuse=True)
        peaks.append(tracemalloc.get_traced_memory()[1] - 2 * samples.nbytes)
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] + 200_000


def test_all_parts_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    widths = []
    real = routes._write

    def watching(task: routes.FrameTask) -> None:
        widths.append(task.target.size[1])
        real(task)

    monkeypatch.setattr(routes, "_write", watching)
    convolved(FILTERS["whole"], np.zeros((5, 100, 1), np.uint8), "L", CUT)
    assert widths == [15] * 7

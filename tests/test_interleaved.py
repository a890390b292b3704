"""Banks, ranges and kept alpha on samples as they lie, compared with the definition in loops."""

from __future__ import annotations

import numpy as np
import pytest
from cases import MODES

from convcli import Filter, Picture
from convcli.images import Frame
from convcli.kernel import reference
from convcli.kernel.engine import dispatch, int16
from convcli.kernel.engine.dispatch import choose
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.geometry import conv_geometry
from convcli.kernel.window import Window
from convcli.pipeline import routes
from convcli.pipeline.interleaved import OpaqueStrips
from convcli.pipeline.operators import Convolution
from convcli.pipeline.process import Processing, process
from convcli.pipeline.strips import StripSizes

SOBEL_X = [[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]
SOBEL_Y = [[-1.0, -2, -1], [0, 0, 0], [1, 2, 1]]
BANK = [[SOBEL_X], [SOBEL_Y]]
FRACTIONS = [[0.3, -0.7, 0.11], [0.2, 0.5, -0.31]]
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


def samples_of(mode: str, dtype: type, size: tuple[int, int] = (31, 17)) -> np.ndarray:
    top = np.iinfo(dtype).max
    return np.random.default_rng(4).integers(0, top + 1, (*size, CHANNELS[mode]), dtype)


def expected_of(samples: np.ndarray, filter: Filter, mode: str) -> np.ndarray:
    """Return the result (H, W, C) in double precision and unrounded, on the scale of samples."""
    top = np.iinfo(samples.dtype).max
    colours = CHANNELS[mode] - mode.endswith("A")
    planes = samples.transpose(2, 0, 1)[:colours] / top
    kernels = filter.kernel
    geometry = conv_geometry(samples.shape[:2], kernels.shape[2:], 1, filter.pad, filter.dilation)
    results = []
    for plane in planes:
        found = reference.conv2d(
            plane[np.newaxis],
            kernels,
            pads=geometry.pads,
            pad_mode=filter.pad_mode,
            dilation=geometry.dilation,
        )
        found = found + filter.offsets[:, np.newaxis, np.newaxis]
        reduce = {
            "magnitude": lambda values: np.sqrt((values**2).sum(0)),
            "max": lambda values: values.max(0),
            "sum": lambda values: values.sum(0),
            None: lambda values: values[0],
        }[filter.reduce]
        results.append(reduce(found))
    values = np.array(results)
    match filter.range:
        case "abs":
            values = np.abs(values)
        case "rescale":
            values = (values - values.min()) / (values.max() - values.min())
        case "rescale-channels":
            low, high = (extreme(values, (1, 2), keepdims=True) for extreme in (np.min, np.max))
            values = (values - low) / (high - low)
    values = np.clip(values, 0, 1) * top
    return np.concatenate([values, samples.transpose(2, 0, 1)[colours:]]).transpose(1, 2, 0)


def result_of(samples: np.ndarray, filter: Filter, mode: str, **options: object) -> np.ndarray:
    picture = Picture((Frame.of(samples.copy(), mode),))
    return process(picture, [Convolution(filter)], Processing(**options)).frames[0].samples


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that grows by one whenever the route is taken."""
    calls: list[object] = []
    convolve = routes.convolve_interleaved

    def watching(*given: object, **options: object) -> None:
        calls.append(given)
        convolve(*given, **options)

    monkeypatch.setattr(routes, "convolve_interleaved", watching)
    return calls


FILTERS = {
    "magnitude": Filter(BANK, reduce="magnitude", preserve_alpha=True),
    "max with bias": Filter(BANK, reduce="max", bias=(0.25, -0.125), preserve_alpha=True),
    "sum": Filter([[FRACTIONS], [FRACTIONS[::-1]]], reduce="sum", bias=0.5, preserve_alpha=True),
    "abs": Filter(FRACTIONS, range="abs", preserve_alpha=True),
    "abs of quarters": Filter(SOBEL_X, divisor=4, range="abs", bias=-0.1, preserve_alpha=True),
    "alpha kept": Filter(FRACTIONS, bias=0.2, preserve_alpha=True),
    "rescale": Filter(SOBEL_Y, range="rescale", preserve_alpha=True),
    "rescale-channels": Filter(FRACTIONS, range="rescale-channels", preserve_alpha=True),
    "dilated": Filter(BANK, reduce="magnitude", dilation=(2, 3), preserve_alpha=True),
}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("name", "mode"),
    [
        (name, mode)
        for name, filter in FILTERS.items()
        for mode in CHANNELS
        # Transparent samples do not count as extremes, so these go another way.
        if not (filter.range.startswith("rescale") and mode.endswith("A"))
    ],
)
def test_results_are_the_definition(name: str, mode: str, dtype: type, taken: list[object]) -> None:
    for pad_mode in MODES if dtype is np.uint8 else ("reflect",):
        filter = FILTERS[name].override(pad_mode=pad_mode)
        samples = samples_of(mode, dtype)
        expected = expected_of(samples, filter, mode)
        tolerance = 0.5 + np.iinfo(dtype).max * 2e-6
        strips = StripSizes(rows=5, least_samples=0, worth_a_thread=0, threads=2)
        for options in ({}, {"strips": strips}, {"strips": strips, "reuse": True}):
            found = result_of(samples, filter, mode, **options)
            assert found.dtype == dtype
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
        is_plain = filter.range == "clip" and filter.reduce is None and not mode.endswith("A")
        assert len(taken) == (0 if is_plain else 3)
        taken.clear()


def test_alpha_that_moves_or_decides_what_is_visible_goes_another_way(taken: list[object]) -> None:
    samples = samples_of("RGBA", np.uint8)
    for filter in (
        Filter(SOBEL_X, pad="valid", preserve_alpha=True),
        Filter(FRACTIONS, pad=(0, 1, 1, 1), preserve_alpha=True, range="abs"),
        Filter(SOBEL_X, range="rescale", preserve_alpha=True),
        Filter(FRACTIONS, range="abs"),
    ):
        result_of(samples, filter, "RGBA")
    assert len(taken) == 1  # the second, whose kernel is even
    result_of(samples, FILTERS["abs"], "RGBA", linear=True)
    assert len(taken) == 1


def whole_problem(rows: object, bias: float = 0.0, channels: int = 3) -> ConvolutionProblem:
    weight = np.float32(rows)[np.newaxis, np.newaxis, np.newaxis]
    window = Window((-1, -1), (40, 30), weight.shape[3:], (1, 1), (1, 1), "reflect", channels)
    return ConvolutionProblem(weight, np.float32([[bias]]) if bias else None, window, 31)


@pytest.mark.parametrize("bias", [0.0, -3.25])
@pytest.mark.parametrize("rows", [SOBEL_X, [[0.5, -0.25], [1.5, 0.125]], [[128]], [[0, 0]]])
def test_sums_of_whole_numbers_are_exact_as_floats(rows: object, bias: float) -> None:
    given = whole_problem(rows, bias)
    source = np.random.default_rng(0).integers(0, 256, (1, 1, 41, 93), np.uint8)
    assert choose(given, from_bytes=True, to_floats=True) == "int16 to floats"
    found, exact = np.empty((1, 1, 40, 90), np.float32), np.empty((1, 1, 40, 90))
    dispatch.run(int16.Int16Sums(given, 700, 256), source, found)
    doubles = given._replace(weight=given.weight.astype(np.float64))
    dispatch.run(dispatch.METHODS["direct"](doubles), source, exact)
    np.testing.assert_array_equal(found, exact)


def test_only_bytes_and_sums_that_fit_are_summed_in_16_bits() -> None:
    given = whole_problem(SOBEL_X)
    assert choose(given) == choose(given, to_floats=True) in ("banded", "float passes")
    assert choose(given, from_bytes=True) == "int16"
    assert choose(whole_problem([[129]]), from_bytes=True, to_floats=True) != "int16 to floats"
    with pytest.raises(ValueError, match="whole numbers"):
        int16.Int16Sums(whole_problem([[129]]))


BLUR = Filter(np.outer([1, 2, 3, 1], [1, 2, 1]), divisor="sum", pad_mode="replicate")


@pytest.mark.parametrize(
    ("filter", "is_taken"),
    [
        (BLUR, True),
        (Filter(column=[0.25, 0.5, 0.25], row=[0.3, 0.4, 0.3], pad_mode="circular"), True),
        (BLUR.override(pad_mode="zeros"), False),  # transparent borders
        (BLUR.override(pad_mode="zeros", pad="valid"), True),
        (BLUR.override(bias=0.1), False),
        (BLUR.override(divisor=27), False),
        (BLUR.override(range="abs"), False),
        (BLUR.override(stride=(1, 2)), False),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_opaque_strips_are_convolved_as_they_lie(
    filter: Filter, is_taken: bool, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[bool] = []
    samples_of_strip = OpaqueStrips.samples

    def watching(self: OpaqueStrips, *given: object) -> np.ndarray | None:
        samples = samples_of_strip(self, *given)
        found.append(samples is not None)
        return samples

    monkeypatch.setattr(OpaqueStrips, "samples", watching)
    top = np.iinfo(dtype).max
    samples = samples_of("RGBA", dtype, (40, 17))
    samples[..., 3] = top
    samples[33, 5, 3] = top // 2
    strips = StripSizes(layered_rows=8, least_samples=0, worth_a_thread=0)
    made = result_of(samples, filter, "RGBA", strips=strips, reuse=True)
    assert (True in found, False in found) == (is_taken, is_taken)
    monkeypatch.setattr(OpaqueStrips, "of", lambda *given: None)
    expected = result_of(samples, filter, "RGBA", strips=strips)
    np.testing.assert_allclose(made.astype(int), expected, rtol=0, atol=1)
    assert (made != expected).mean() < 0.01

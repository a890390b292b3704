"""Separable filters: a column and a row give what their outer product gives, at any length."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from cases import Case, over_cases

from convcli import Filter, FilterError, Picture, apply_filters, conv_transpose2d, upsample
from convcli.kernel import reference
from convcli.kernel.engine.dispatch import METHODS, choose, correlate
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.engine.sizes import MOST_DENSE
from convcli.kernel.factors import Factors
from convcli.kernel.geometry import conv_geometry, conv_transpose_geometry
from convcli.kernel.transpose import PreparedTranspose
from convcli.kernel.window import Window

COLUMN, ROW = [1.0, -3, 2, 0.5], [2.0, 0, 1, 1, -1]


def factors_of(case: Case, dtype: type) -> tuple[np.ndarray, Factors]:
    rng = np.random.default_rng(case.seed)
    image = rng.standard_normal((1, *case.size)).astype(dtype)
    column, row = (rng.standard_normal(taps).astype(dtype) for taps in case.kernel)
    return image, Factors(column, row)


@pytest.mark.parametrize(
    "method", [name for name, one in METHODS.items() if not (one.only_bytes or one.only_words)]
)
@over_cases
def test_every_method_computes_factors_as_their_product(case: Case, method: str) -> None:
    case = case.suited_to(method)
    image, factors = factors_of(case, np.float64)
    geometry = conv_geometry(case.size, case.kernel, case.stride, case.pads, case.dilation)
    found = correlate(image[None], factors, Window.of(geometry, case.mode), method=method)
    options = {"stride": case.stride, "dilation": case.dilation}
    expected = reference.conv2d(
        image, factors.dense(), **options, pads=case.pads, pad_mode=case.mode
    )
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-12)


@over_cases
def test_the_transpose_of_factors_is_that_of_their_product(case: Case) -> None:
    image, factors = factors_of(case, np.float64)
    geometry = conv_transpose_geometry(
        case.size, case.kernel, case.stride, 0, (0, 0), case.dilation
    )
    found = PreparedTranspose(factors, geometry, pad_mode=case.mode).whole(image[None])
    expected = conv_transpose2d(
        image,
        factors.dense(),
        stride=case.stride,
        dilation=case.dilation,
        pad_mode=case.mode,
    )
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    "options",
    [
        {"divisor": 7.0, "bias": 0.25},
        {"divisor": "sum", "flip": True, "pad_mode": "replicate"},
        {"stride": (2, 3), "dilation": (1, 2), "range": "abs", "preserve_alpha": True},
    ],
)
def test_a_separable_filter_gives_what_its_weight_gives(
    dtype: type, channels: int, options: dict[str, object]
) -> None:
    rng = np.random.default_rng(1)
    scale = 1 if dtype is np.float32 else np.iinfo(dtype).max
    samples = (rng.random((channels, 40, 50)) * scale).astype(dtype)
    picture = Picture.from_array(samples)
    separable = Filter(column=COLUMN, row=ROW, **options)
    dense = Filter(np.outer(COLUMN, ROW), **options)
    found, expected = (apply_filters(picture, [one]).tensor for one in (separable, dense))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1.01 / 255 if scale == 255 else 3e-5)
    two, both = (apply_filters(picture, [one, one]).tensor for one in (separable, dense))
    np.testing.assert_allclose(two, both, rtol=0, atol=1.01 / 255 if scale == 255 else 3e-5)


def test_the_weight_is_computed_when_it_is_asked_for() -> None:
    one = Filter(column=COLUMN, row=ROW, divisor="sum", flip=True)
    np.testing.assert_array_equal(one.weight, np.outer(COLUMN, ROW))
    expected = np.outer(COLUMN, ROW)[::-1, ::-1] / (0.5 * 3)
    np.testing.assert_allclose(one.kernel[0, 0], expected, rtol=1e-15)
    np.testing.assert_allclose(one.factors.dense()[0, 0], expected, rtol=1e-15)
    assert (one.weight_shape, one.kernel_shape) == ((4, 5), (1, 1, 4, 5))
    assert not one.is_cross_channel
    assert one == Filter(column=COLUMN, row=ROW, divisor="sum", flip=True)
    assert one != one.override(row=[1.0])
    assert one != Filter(one.weight, divisor="sum", flip=True)
    assert hash(one) == hash(one.override(pad_mode="zeros"))


def test_the_weight_of_a_large_separable_filter_is_refused() -> None:
    large = Filter(column=np.ones(2000), row=np.ones(2000), name="wide")
    with pytest.raises(FilterError, match=r"filter wide: its column and row make 2,000×2,000"):
        _ = large.weight
    assert large.override(name="other").weight_shape == (2000, 2000)


def test_a_long_kernel_is_applied_without_its_product() -> None:
    rng = np.random.default_rng(2)
    column, row = rng.standard_normal(3001), rng.standard_normal(3601)
    samples = rng.random((1, 30, 40)).astype(np.float32)
    picture = Picture.from_array(samples)
    chosen = Filter(column=column, row=row, divisor=100.0)
    tracemalloc.start()
    found = apply_filters(picture, [chosen], as_float=True).tensor[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3001 * 3601 * 8  # the product in float64
    expected = np.zeros((30, 40))
    for i in range(30):
        # The taps that meet the picture: those from 1500 - i on.
        rows = column[1500 - i : 1530 - i] @ samples[0].astype(float)
        for j in range(40):
            expected[i, j] = rows @ row[1800 - j : 1840 - j] / 100
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-4)


def test_large_factors_are_left_to_methods_that_do_not_multiply_them() -> None:
    taps = np.ones(MOST_DENSE // 2, np.float32)
    window = Window((0, 0), (600, 800), (len(taps), len(taps)), (1, 1), (1, 1))
    problem = ConvolutionProblem(Factors(taps, taps), None, window, 3000)
    assert METHODS[choose(problem)].takes_large_factors
    assert METHODS[choose(problem, from_bytes=True)].takes_large_factors


def test_factors_of_small_whole_numbers_are_computed_in_16_bits() -> None:
    binomial = np.array([1, 2, 1], np.float32)
    window = Window((-1, -1), (1536, 2048), (3, 3), (1, 1), (1, 1), "zeros", 3)
    problem = ConvolutionProblem(Factors(binomial / 16, binomial), None, window, 2048)
    assert choose(problem, from_bytes=True) in ("int16", "int16 separable")


def test_an_infinity_spreads_no_further_than_the_factors_reach() -> None:
    image = np.zeros((1, 1, 30, 40), np.float32)
    image[0, 0, 15, 20] = np.inf
    factors = Factors(np.array([1.0, 0, 2], np.float32), np.array([1.0, 1, -1], np.float32))
    window = Window((-1, -1), (30, 40), (3, 3), (1, 1), (1, 1))
    found = correlate(image, factors, window)[0, 0]
    assert (found[14, 19:22] == [-np.inf, np.inf, np.inf]).all()
    assert (found[16, 19:22] == [-np.inf, np.inf, np.inf]).all()
    assert np.isfinite(found).sum() == found.size - 6


def test_whole_factors_are_exact() -> None:
    rng = np.random.default_rng(3)
    samples = rng.integers(0, 256, (1, 50, 60)).astype(np.float32)
    column, row = rng.integers(-9, 10, 41), rng.integers(-9, 10, 37)
    chosen = Filter(column=column, row=row, divisor=2.0**20)
    found = apply_filters(Picture.from_array(samples), [chosen], as_float=True).tensor[0]
    padded = np.pad(samples[0], ((20, 20), (18, 18)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (41, 37)).astype(float)
    expected = np.einsum("ijuv,u,v->ij", windows, column, row) / 2.0**20
    np.testing.assert_array_equal(found, expected)


def test_factors_that_fit_float32_only_as_a_product_are_kept() -> None:
    taps = np.array([1.0, 2.0])
    factors = Factors(taps * 1e-50, taps * 1e50).astype(np.float32)
    np.testing.assert_allclose(factors.dense()[0, 0], [[1, 2], [2, 4]], rtol=1e-6)
    zero = Factors(taps * 0, taps * 1e30).astype(np.float32)
    np.testing.assert_array_equal(zero.dense(), np.zeros((1, 1, 2, 2)))


@pytest.mark.parametrize("normalize", [False, True])
def test_upsampling_takes_separable_filters(normalize: bool) -> None:
    rng = np.random.default_rng(4)
    picture = Picture.from_array(rng.random((2, 9, 11)).astype(np.float32))
    column, row = [0.5, 1.0, 1.0, 0.5], [1.0, 3.0, 2.0]
    for options in (
        {"pad": 1},
        {"pad_mode": "replicate"},
        {"dilation": (1, 1 if normalize else 2)},
    ):
        separable = Filter(column=column, row=row, divisor=3.0, bias=0.1, **options)
        dense = Filter(np.outer(column, row), divisor=3.0, bias=0.1, **options)
        found, expected = (
            upsample(picture, one, scale=(2, 3), normalize=normalize, as_float=True).tensor
            for one in (separable, dense)
        )
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_upsampling_takes_groups() -> None:
    rng = np.random.default_rng(5)
    picture = Picture.from_array(rng.random((4, 7, 6)).astype(np.float32))
    weight = rng.random((4, 3, 3, 2))
    chosen = Filter(weight, groups=2, stride=2)
    found = upsample(picture, chosen, as_float=True).tensor
    expected = conv_transpose2d(picture.tensor, weight, stride=2, pad="same", groups=2)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"column": [1]}, "row is missing: with column it makes a kernel"),
        ({"row": [1]}, "column is missing"),
        ({}, "a filter needs a weight, or a column and a row"),
        ({"weight": [[1]], "column": [1], "row": [1]}, "give weight, or column and row"),
        ({"column": [], "row": [1]}, "column is empty"),
        ({"column": [1, "2"], "row": [1]}, r'column\[1\] is "2", where a number belongs'),
        ({"column": [1], "row": [[1]]}, r"row\[0\] is \[1\], where a number belongs"),
        ({"column": 3, "row": [1]}, "column is 3, where a list of numbers belongs"),
        ({"column": [1.0] * 100_001, "row": [1]}, "column has 100,001 numbers: 100,000 are"),
        ({"column": [1e30], "row": [1e30]}, r"comes to 1e\+60: 1e\+30 is the most"),
        ({"column": [1], "row": [1], "groups": 2}, r"groups needs a weight \[F\]"),
        ({"column": [1], "row": [1], "reduce": "max"}, "reduce needs a bank of kernels"),
    ],
)
def test_mistakes_in_columns_and_rows_are_reported(given: dict[str, object], fault: str) -> None:
    with pytest.raises(FilterError, match=fault):
        Filter(**given)


def test_the_longest_column_and_row_are_accepted() -> None:
    longest = Filter(column=np.ones(100_000), row=np.ones(100_000), divisor="sum")
    assert longest.factors.shape == (1, 1, 100_000, 100_000)

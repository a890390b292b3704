"""Convolution across many channels by one product for all columns of the kernel."""

from __future__ import annotations

import numpy as np
import pytest

from convcli import conv2d, conv2d_backward, conv_transpose2d
from convcli.kernel import reference
from convcli.kernel.engine import cost_model, dispatch, kn2row
from convcli.kernel.engine.column_ranges import ColumnRanges
from convcli.kernel.engine.direct import Direct
from convcli.kernel.engine.dispatch import choose, correlate
from convcli.kernel.engine.kn2row import KernelToRows
from convcli.kernel.engine.method import RowFunction
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.geometry import conv_geometry
from convcli.kernel.window import Window

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that names each use of the method, which narrow images take as well."""
    calls: list[str] = []
    original = KernelToRows.for_thread

    def for_thread(self: KernelToRows) -> RowFunction:
        calls.append("kn2row")
        return original(self)

    monkeypatch.setattr(KernelToRows, "for_thread", for_thread)
    monkeypatch.setattr(kn2row, "LEAST_COLUMNS", 1)
    return calls


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape) + sum(shape)).standard_normal(shape)


def assert_same(found: np.ndarray, expected: np.ndarray, dtype: type = np.float64) -> None:
    assert (found.shape, found.dtype) == (expected.shape, dtype)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "options",
    [
        {"pads": (1, 2, 1, 2)},
        {"pads": (0, 1, 0, 2)},  # as wide as the image
        {"pads": (2, 4, 2, 2), "dilation": (1, 2), "stride": (2, 1)},  # likewise
        {"pads": (1, 3, 1, 0), "groups": 2},  # likewise
        {"pads": (2, 0, 1, 3), "pad_mode": "reflect", "groups": 2},
        {"stride": (2, 1), "dilation": (1, 2)},
        {"dilation": (2, 1), "pads": (3, 3, 3, 3), "pad_mode": "circular"},
    ],
)
def test_results_are_the_definition(
    taken: list[str], options: dict[str, object], dtype: type
) -> None:
    groups = options.get("groups", 1)
    assert isinstance(groups, int)
    x = random(12 * groups, 7, 9).astype(dtype)
    weight = random(2 * groups, 12, 3, 4).astype(dtype)
    bias = random(2 * groups).astype(dtype)
    expected = reference.conv2d(x, weight, **options) + bias[:, None, None]
    ours = {"pad" if name == "pads" else name: value for name, value in options.items()}
    assert_same(conv2d(x, weight, bias, **ours), expected, dtype)
    assert set(taken) == {"kn2row"}


@pytest.mark.parametrize(("stride", "pad", "size"), [(1, 2, (4, 7)), (2, 1, (10, 16))])
def test_transposes_are_the_definition(
    taken: list[str], stride: int, pad: int, size: tuple[int, int]
) -> None:
    x, weight, bias = random(9, 5, 8), random(9, 2, 4, 4), random(2)
    expected = reference.conv_transpose2d(
        x, weight, size=size, stride=(stride, stride), pads=(pad, pad, pad, pad)
    )
    found = conv_transpose2d(x, weight, bias, stride=stride, pad=pad)
    assert_same(found, expected + bias[:, None, None])
    assert set(taken) == {"kn2row"}


def test_the_gradient_for_few_channels_from_many_filters_is_the_definition(
    taken: list[str],
) -> None:
    x, weight, grad_y = random(3, 6, 11), random(16, 3, 3, 3), random(16, 6, 11)
    expected = reference.conv2d_backward(grad_y, x, weight, pads=(1, 1, 1, 1))
    for one, other in zip(conv2d_backward(grad_y, x, weight, pad=1), expected, strict=True):
        assert_same(one, other)
    assert taken == ["kn2row"]


@pytest.mark.parametrize("taps", [1, 2, 5])
def test_results_do_not_depend_on_how_they_are_cut(
    monkeypatch: pytest.MonkeyPatch, taps: int
) -> None:
    images, weight = random(2, 10, 37, 131), random(3, 10, 3, taps)
    window = Window.of(conv_geometry((37, 131), (3, taps), 1, 1, 1), "zeros")
    expected = correlate(images, weight, window, method="banded")
    assert_same(correlate(images, weight, window, method="kn2row"), expected)
    for name, value in {"BYTES": 1, "LEAST_ROWS": 3, "MOST_SAMPLES": 20}.items():
        monkeypatch.setattr(kn2row, name, value)
    assert_same(correlate(images, weight, window, method="kn2row", threads=3), expected)


def test_whole_numbers_are_exact() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(-9, 10, (1, 8, 20, 30)).astype(np.float32)
    weight = rng.integers(-9, 10, (2, 8, 3, 3)).astype(np.float32)
    window = Window.of(conv_geometry((20, 30), (3, 3), 1, 1, 1), "reflect")
    exact = correlate(images, weight, window, method="direct")
    np.testing.assert_array_equal(correlate(images, weight, window, method="kn2row"), exact)


@pytest.mark.parametrize("machine", ["with_avx512", "without"])
@pytest.mark.parametrize(
    ("filters", "channels", "columns", "stride", "is_fast"),
    [
        (3, 8, 2048, 1, True),
        (3, 16, 128, 1, True),
        (16, 64, 512, 1, True),
        (64, 16, 512, 1, False),
        (3, 3, 512, 1, False),
        (3, 16, 40, 1, False),
        (3, 16, 512, 2, False),
    ],
)
def test_it_is_chosen_for_few_filters_across_many_channels(
    monkeypatch: pytest.MonkeyPatch,
    machine: str,
    filters: int,
    channels: int,
    columns: int,
    stride: int,
    is_fast: bool,
) -> None:
    for name, value in vars(cost_model).copy().items():
        if isinstance(value, cost_model.Measured):
            monkeypatch.setattr(cost_model, name, getattr(value, machine))
    window = Window.of(conv_geometry((64, columns), (3, 3), stride, 1, 1), "zeros")
    weight = random(1, filters, channels, 3, 3).astype(np.float32)
    problem = ConvolutionProblem(weight, None, window, columns)
    assert (choose(problem) == "kn2row") == is_fast


@pytest.mark.parametrize("taps", [2, 3, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_rows_of_one_length_are_shifted_as_one(
    monkeypatch: pytest.MonkeyPatch, taps: int, dtype: type
) -> None:
    images = np.random.default_rng(taps).integers(0, 256, (2, 9, 21, 60)).astype(dtype)
    weight = random(3, 9, 3, taps).astype(np.float32) / 20
    window = Window((-1, -(taps // 2)), (21, 60), (3, taps), (1, 1), (1, 1))
    bias = np.float32([100, 120, 90])
    assert KernelToRows(ConvolutionProblem(weight[np.newaxis], None, window, 60)).keeps_width
    found, expected = (np.empty((2, 3, 21, 60), dtype) for _ in range(2))
    correlate(images, weight, window, bias=bias, out=expected, method="direct")
    monkeypatch.setattr(kn2row, "BYTES", 1)
    monkeypatch.setattr(kn2row, "LEAST_ROWS", 5)
    correlate(images, weight, window, bias=bias, out=found, method="kn2row")
    tolerance = 1 if dtype == np.uint8 else 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(found.astype(float), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("right", [0, 1, 3, 30])
def test_ranges_of_columns_begin_anew(right: int) -> None:
    images = random(1, 9, 7, 256).astype(np.float32)
    weight = random(1, 1, 9, 3, 3).astype(np.float32)
    window = Window((-1, -1), (7, 255 + right), (3, 3), (1, 1), (1, 1))
    problem = ConvolutionProblem(weight, None, window, 256)
    found, expected = np.empty((2, 1, 1, *window.output), np.float32)
    dispatch.run(ColumnRanges(KernelToRows, problem, min(256, window.output[1])), images, found)
    dispatch.run(Direct(problem), images, expected)
    assert_same(found, expected, np.float32)

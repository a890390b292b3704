"""The gradient of a weight by small products for each row of the output."""

from __future__ import annotations

import numpy as np
import pytest

from convcli import conv2d_backward
from convcli.kernel import reference, weight_gradient_rows
from convcli.kernel.geometry import conv_geometry
from convcli.kernel.weight_gradient import weight_and_bias_gradients
from convcli.kernel.weight_gradient_rows import RowProducts
from convcli.kernel.window import Window


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that names each call of the products for a row."""
    calls: list[str] = []
    original = RowProducts.add_terms

    def add_terms(self: RowProducts, *arguments: np.ndarray) -> None:
        calls.append("rows")
        original(self, *arguments)

    monkeypatch.setattr(RowProducts, "add_terms", add_terms)
    return calls


def assert_same(found: np.ndarray, expected: np.ndarray, dtype: type = np.float64) -> None:
    assert (found.shape, found.dtype) == (expected.shape, dtype)
    tolerance = (1e-5 if dtype == np.float32 else 1e-12) * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape) + sum(shape)).standard_normal(shape)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [
        ((4, 7, 70), (5, 3, 3), {"pads": (1, 1, 1, 1)}),
        ((4, 6, 66), (6, 5, 2), {"pads": (2, 0, 3, 4), "groups": 2}),
        ((3, 9, 71), (4, 3, 4), {"stride": (2, 1), "dilation": (1, 2)}),
        ((5, 4, 80), (3, 1, 7), {"dilation": (3, 1), "pads": (0, 3, 0, 3), "pad_mode": "reflect"}),
        ((3, 5, 65), (2, 4, 3), {"pads": (2, 1, 1, 1), "pad_mode": "circular"}),
    ],
)
def test_products_for_each_row_are_the_definition(
    taken: list[str],
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    options: dict[str, object],
    dtype: type,
) -> None:
    groups = options.get("groups", 1)
    assert isinstance(groups, int)
    x = random(*shape).astype(dtype)
    weight = random(kernel[0], shape[0] // groups, *kernel[1:]).astype(dtype)
    loops = {"stride": (1, 1), "dilation": (1, 1), "pads": (0, 0, 0, 0)} | options
    grad_y = random(*reference.conv2d(x, weight, **loops).shape).astype(dtype)
    expected = reference.conv2d_backward(grad_y, x, weight, **loops)
    ours = {"pad" if name == "pads" else name: value for name, value in options.items()}
    found = conv2d_backward(grad_y, x, weight, **ours)
    for one, other in zip(found, expected, strict=True):
        assert_same(one, other, dtype)
    assert set(taken) == {"rows"}


def test_columns_are_cut_and_rows_are_read_in_strips(
    taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weight_gradient_rows, "MOST_COLUMNS", 64)
    monkeypatch.setattr(weight_gradient_rows, "MOST_ROWS", 2)
    x, weight = random(2, 3, 21, 131), random(6, 3, 3, 3)
    grad_y = random(2, 6, 21, 131)
    found = conv2d_backward(grad_y, x, weight, pad=1)[1]
    expected = sum(
        reference.conv2d_backward(grad, image, weight, pads=(1, 1, 1, 1))[1]
        for grad, image in zip(grad_y, x, strict=True)
    )
    assert_same(found, expected)
    assert len(taken) > 2 * 21 // 2


@pytest.mark.parametrize(
    ("channels", "filters", "columns", "stride", "dilation"),
    [
        (16, 16, 128, 2, 1),  # columns with gaps
        (16, 16, 128, 1, 2),  # rows with gaps
        (16, 16, 40, 1, 1),  # narrow
        (1, 1, 128, 1, 1),  # few multiplications
        (128, 128, 128, 1, 1),  # large products
    ],
)
def test_other_sizes_are_left_to_products_over_many_rows(
    channels: int, filters: int, columns: int, stride: int, dilation: int
) -> None:
    geometry = conv_geometry((columns, columns), (3, 3), stride, 1, dilation)
    assert not RowProducts.suits(Window.of(geometry, "zeros"), channels, filters)


@pytest.mark.parametrize("threads", [2, 5])
def test_the_number_of_threads_changes_nothing(taken: list[str], threads: int) -> None:
    x, grad_y = random(3, 4, 33, 90), random(3, 8, 33, 90)
    window = Window.of(conv_geometry((33, 90), (3, 3), 1, 1, 1), "zeros")
    once = weight_and_bias_gradients(grad_y, x, window, 1, threads=1)
    again = weight_and_bias_gradients(grad_y, x, window, 1, threads=threads)
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(other, one)
    assert taken


def test_an_infinity_stays_in_the_terms_that_read_it(taken: list[str]) -> None:
    x, weight, grad_y = random(4, 6, 70), random(4, 4, 3, 3), random(4, 6, 70)
    x[1, 0, 0] = np.inf  # kernel rows and columns 2 never meet it
    expected = reference.conv2d_backward(grad_y, x, weight, pads=(1, 1, 1, 1))[1]
    found = conv2d_backward(grad_y, x, weight, pad=1)[1]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert np.isfinite(found[:, [0, 2, 3]]).all()
    assert taken

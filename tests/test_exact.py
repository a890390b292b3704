"""Whole numbers stay exact: by every method, at every stride, up to what the mantissa holds."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from cases import MODES, Case, over_cases

from convcli import conv2d, conv2d_backward, conv_transpose2d
from convcli.kernel import reference
from convcli.kernel.engine.dispatch import METHODS, correlate
from convcli.kernel.engine.exactness import is_whole, whole_factors, whole_kernel
from convcli.kernel.engine.separable import factors
from convcli.kernel.window import Window

DTYPES = [np.float32, np.float64]
UNITS = (1.0, 0.25, 8.0)
FOR_FLOATS = [
    name for name, method in METHODS.items() if not (method.only_bytes or method.only_words)
]


def bits(dtype: type) -> int:
    return np.finfo(dtype).nmant + 1


@cache
def whole_arrays(case: Case, dtype: type) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (image, weight, outputs), so large that partial sums just fit the mantissa."""
    rng = np.random.default_rng(case.seed)
    shape = (case.filters, case.channels // case.groups, *case.kernel)
    if case.seed % 3:
        weight = rng.integers(-9, 10, shape)
    else:  # of low rank
        weight = rng.integers(-5, 6, (*shape[:3], 1)) * rng.integers(
            -5, 6, (*shape[:2], 1, shape[3])
        )
    top = 2 ** bits(dtype) // max(int(np.abs(weight).sum((1, 2, 3)).max()), 1)
    image = rng.integers(-top, top, (case.channels, *case.size), endpoint=True).astype(dtype)
    scaled = (weight * UNITS[case.seed % 4 % 3]).astype(dtype)
    outputs = reference.conv2d(image, scaled, **case.options, pads=case.pads, pad_mode=case.mode)
    return image, scaled, outputs


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", FOR_FLOATS)
@over_cases
def test_every_method_is_exact(case: Case, method: str, dtype: type) -> None:
    case = case.suited_to(method)
    image, weight, expected = whole_arrays(case, dtype)
    window = Window(
        (-case.pads[0], -case.pads[1]),
        case.output,
        case.kernel,
        case.stride,
        case.dilation,
        case.mode,
    )
    found = correlate(image[None], weight, window, groups=case.groups, method=method)
    np.testing.assert_array_equal(found[0], expected)


def small(case: Case, dtype: type) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return whole numbers: an image, a weight and a gradient, small enough for all products."""
    rng = np.random.default_rng(case.seed)
    shapes = (
        (case.channels, *case.size),
        (case.filters, case.channels // case.groups, *case.kernel),
        (case.filters, *case.output),
    )
    return tuple(rng.integers(-200, 201, shape).astype(dtype) for shape in shapes)


@pytest.mark.parametrize("dtype", DTYPES)
@over_cases
def test_gradients_are_exact(case: Case, dtype: type) -> None:
    image, weight, gradient = small(case, dtype)
    options = case.options | {"pad_mode": case.mode, "pad": case.pads}
    found = conv2d_backward(gradient, image, weight, **options)
    expected = reference.conv2d_backward(
        gradient, image, weight, **case.options, pads=case.pads, pad_mode=case.mode
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", DTYPES)
@over_cases
def test_transposed_convolutions_are_exact(case: Case, dtype: type) -> None:
    _, weight, image = small(case, dtype)
    size = tuple(
        (case.output[k] - 1) * case.stride[k] + case.dilation[k] * (case.kernel[k] - 1) + 1
        for k in (0, 1)
    )
    found = conv_transpose2d(image, weight, pad_mode=case.mode, **case.options)
    expected = reference.conv_transpose2d(
        image, weight, **case.options, pads=(0, 0, 0, 0), pad_mode=case.mode, size=size
    )
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("stride", [(1, 1), (3, 1)])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pixel", [1, 3])
def test_interleaved_pixels_are_exact(pixel: int, mode: str, stride: tuple[int, int]) -> None:
    kernel = np.outer([1, -2, 3, 7], [5, 0, -6, 1, 2]) / 4
    samples = np.random.default_rng(8).integers(0, 256, (20, 17, pixel), np.uint8)
    case = Case(size=(20, 17), kernel=(4, 5), stride=stride, dilation=(2, 3))
    expected = reference.conv2d(
        samples.transpose(2, 0, 1),
        np.stack([kernel[None]] * pixel),
        stride=stride,
        dilation=case.dilation,
        groups=pixel,
        pads=(3, 3, 3, 3),
        pad_mode=mode,
    ).transpose(1, 2, 0)
    rows, columns, _ = expected.shape
    window = Window((-3, -3), (rows, columns), (4, 5), stride, case.dilation, mode, pixel)
    weight = np.float32(kernel)[None, None]
    for method in FOR_FLOATS:
        if case.suited_to(method) == case:
            out = np.empty((1, 1, rows, columns * pixel), np.float32)
            correlate(samples.reshape(1, 1, 20, -1), weight, window, out=out, method=method)
            np.testing.assert_array_equal(out.reshape(expected.shape), expected, err_msg=method)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("value", [100.0, 255.0, 65535.0, -3.0])
def test_an_edge_filter_finds_nothing_on_a_flat_picture(value: float, stride: int) -> None:
    flat = np.full((1, 50, 60), value, np.float32)
    for kernel in ([[0, 1, 0], [1, -4, 1], [0, 1, 0]], [[-1] * 3, [-1, 8, -1], [-1] * 3]):
        assert not conv2d(flat, [[kernel]], stride=stride).any()


@pytest.mark.parametrize(
    ("kernel", "count"),
    [
        (np.ones((5, 7)), 1),
        ([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], 1),
        ([[0, 1, 0], [1, -4, 1], [0, 1, 0]], 2),
        ([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], 2),
        ([[0, 0, 0], [2, -4, 6], [-1, 2, -3]], 1),
        ([[1, 2], [3, 4], [5, 6]], 2),
        (np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256, 1),
        ([[10, 1, -10]], 1),
        ([[0.5], [1.5], [-7]], 1),
        ([[0, 0], [0, 0]], 0),
        ([[2.0**-140, 2.0**-149]], 1),
        ([[2.0**120, -(2.0**121)]], 1),
    ],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_whole_kernels_have_whole_factors(kernel: object, count: int, dtype: type) -> None:
    given = np.asarray(kernel, dtype)
    whole = whole_kernel(given)
    assert whole is not None
    np.testing.assert_array_equal(whole.numbers * whole.unit, given)
    columns, rows = factors(given)
    assert len(columns) == len(rows) == count
    np.testing.assert_array_equal(columns.T @ rows, given)
    np.testing.assert_array_equal(rows, np.rint(rows))
    np.testing.assert_array_equal(columns / whole.unit, np.rint(columns / whole.unit))
    # No weight is a sum of products that cancel out.
    np.testing.assert_array_equal(np.abs(columns).T @ np.abs(rows), np.abs(given))


def test_whole_factors_of_random_kernels() -> None:
    rng = np.random.default_rng(6)
    for _ in range(200):
        kernel = rng.integers(-3, 4, rng.integers(1, 6, 2)).astype(np.float32)
        whole = whole_kernel(kernel)
        assert whole is not None
        columns, rows = whole_factors(whole)
        assert len(columns) <= min(kernel.shape)
        np.testing.assert_array_equal(columns.T @ rows, kernel)
        np.testing.assert_array_equal(np.abs(columns).T @ np.abs(rows), np.abs(kernel))


@pytest.mark.parametrize(
    "kernel",
    [
        np.full((3, 3), 1 / 9),
        np.exp(-(np.linspace(-3, 3, 9) ** 2))[None],
        [[1.0, 2.0**-24]],  # the sum takes 25 bits
        [[0.0] * 300 + [1.0, 2.0**-24]],
        np.random.default_rng(0).random((40, 40)),
        [[np.inf, 1.0]],
        [[np.nan]],
    ],
)
def test_full_precision_kernels_are_not_treated_as_whole_numbers(kernel: object) -> None:
    assert whole_kernel(np.asarray(kernel, np.float32)) is None


def test_whole_samples_are_distinguished_from_others() -> None:
    samples = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert is_whole(samples)
    assert is_whole(samples * -1e30)
    for at in ((0, 0), (2, 3)):
        other = samples.copy()
        other[at] += 0.5
        assert not is_whole(other)


@pytest.mark.parametrize(
    ("x", "filter", "expected"),
    [
        ([1, 2, 3, 4], '{"weight": [[10, 1, -10]], "pad": [0, 1], "stride": [1, 2]}', [-19, -17]),
        ([3, 1, 4, 1], '{"weight": [[-1, 0, 1]], "pad": [0, 1], "stride": [1, 2]}', [1, 0]),
        ([3, 1, 4, 1], '{"weight": [[-1, 0, 1]], "pad": [0, 1]}', [1, 1, 0, -4]),
        ([9, 9, 9, 9], '{"weight": [[1, 2, 1]], "divisor": 4, "pad": 0}', [9, 9]),
    ],
)
def test_the_command_gives_whole_numbers(
    run, tmp_path: Path, x: list[int], filter: str, expected: list[int]
) -> None:
    np.save(tmp_path / "x.npy", np.float32([x]))
    (tmp_path / "f.json").write_text(filter)
    result = run("apply", "-f", tmp_path / "f.json", tmp_path / "x.npy", "-o", tmp_path / "y.npy")
    assert result.exit_code == 0, result.output
    assert np.load(tmp_path / "y.npy").ravel().tolist() == expected

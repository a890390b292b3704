"""The kernel against the nested loops of its definition."""

from __future__ import annotations

import cases
import numpy as np
import pytest
from cases import Case, over_cases
from hypothesis import settings

from convcli import (
    ShapeError,
    conv2d,
    conv2d_backward,
    conv_matrix,
    conv_output_size,
    conv_transpose2d,
    conv_transpose_output_size,
)
from convcli.kernel import reference

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}


def assert_same(found: np.ndarray, expected: np.ndarray, dtype: type = np.float64) -> None:
    assert found.shape == expected.shape
    assert found.dtype == dtype
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


def loops(case: Case) -> dict[str, object]:
    return {**case.options, "pads": case.pads, "pad_mode": case.mode}


def ours(case: Case) -> dict[str, object]:
    return {**case.options, "pad": case.pads, "pad_mode": case.mode}


def rest(case: Case) -> tuple[int, int]:
    """The output padding that leads a transposed convolution back to the image's size."""
    height, width = (
        (case.extended[k] - case.dilation[k] * (case.kernel[k] - 1) - 1) % case.stride[k]
        for k in (0, 1)
    )
    return height, width


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@over_cases
def test_conv2d_is_its_definition(case: Case, dtype: type) -> None:
    image, weight, _ = case.arrays(dtype)
    bias = np.arange(case.filters, dtype=dtype)
    expected = reference.conv2d(image, weight, **loops(case)) + bias[:, None, None]
    assert_same(conv2d(image, weight, bias, **ours(case)), expected, dtype)
    assert conv_output_size(
        case.size, case.kernel, stride=case.stride, pad=case.pads, dilation=case.dilation
    ) == (case.output)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@over_cases
def test_gradients_are_their_definition(case: Case, dtype: type) -> None:
    image, weight, grad_y = case.arrays(dtype)
    expected = reference.conv2d_backward(grad_y, image, weight, **loops(case))
    found = conv2d_backward(grad_y, image, weight, **ours(case))
    for one, other in zip(found, expected, strict=True):
        assert_same(one, other, dtype)


def test_the_weight_gradient_sums_over_a_long_stack() -> None:
    rng = np.random.default_rng(0)
    images, grads = rng.normal(size=(11, 2, 5, 4)), rng.normal(size=(11, 3, 3, 2))
    weight = rng.normal(size=(3, 2, 3, 3))
    expected = sum(
        reference.conv2d_backward(grad, image, weight)[1]
        for grad, image in zip(grads, images, strict=True)
    )
    assert_same(conv2d_backward(grads, images, weight)[1], expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@over_cases
def test_conv_transpose2d_is_its_definition_in_every_pad_mode(case: Case, dtype: type) -> None:
    _, weight, image = case.arrays(dtype)
    bias = np.arange(case.channels, dtype=dtype)
    options = loops(case) | {"size": case.size}
    expected = reference.conv_transpose2d(image, weight, **options) + bias[:, None, None]
    found = conv_transpose2d(image, weight, bias, output_padding=rest(case), **ours(case))
    assert_same(found, expected, dtype)


@over_cases
def test_the_matrix_form_is_the_convolution_and_its_transpose(case: Case) -> None:
    image, weight, y = case.arrays()
    matrix = conv_matrix(weight, image.shape, **ours(case))
    assert_same(matrix @ image.ravel(), conv2d(image, weight, **ours(case)).ravel())
    grad_x = conv2d_backward(y, image, weight, **ours(case))[0]
    assert_same(matrix.T @ y.ravel(), grad_x.ravel())
    if case.mode == "zeros":
        back = conv_transpose2d(y, weight, output_padding=rest(case), **ours(case))
        assert_same(matrix.T @ y.ravel(), back.ravel())


@over_cases
def test_the_transpose_is_the_adjoint(case: Case) -> None:
    image, weight, y = case.arrays()
    options = {**case.options, "pad": case.pads}
    forward = np.vdot(conv2d(image, weight, **options), y)
    backward = np.vdot(image, conv_transpose2d(y, weight, output_padding=rest(case), **options))
    np.testing.assert_allclose(forward, backward, rtol=1e-10, atol=1e-10)


@settings(max_examples=10)
@over_cases
def test_gradients_agree_with_central_differences(case: Case) -> None:
    image, weight, grad_y = case.arrays()
    rng = np.random.default_rng(2)

    def loss(x: np.ndarray, w: np.ndarray) -> float:
        return float(np.vdot(conv2d(x, w, **ours(case)), grad_y))

    grad_x, grad_weight, _ = conv2d_backward(grad_y, image, weight, **ours(case))
    step = 1e-5
    for array, gradient in ((image, grad_x), (weight, grad_weight)):
        kept = array.copy()
        # Along some directions: every element would need two convolutions of its own.
        for _ in range(8):
            direction = rng.standard_normal(array.shape)
            array += step * direction
            above = loss(image, weight)
            array -= 2 * step * direction
            difference = (above - loss(image, weight)) / (2 * step)
            array[...] = kept
            np.testing.assert_allclose(
                np.vdot(gradient, direction), difference, rtol=1e-5, atol=1e-6
            )


@settings(max_examples=10)
@over_cases
def test_a_stack_is_its_images_one_by_one(case: Case) -> None:
    rng = np.random.default_rng(1)
    _, weight, _ = case.arrays()
    stack = rng.standard_normal((3, case.channels, *case.size))
    outputs = rng.standard_normal((3, case.filters, *case.output))
    options = ours(case)
    assert_same(
        conv2d(stack, weight, **options), np.stack([conv2d(x, weight, **options) for x in stack])
    )
    grad_x, grad_weight, grad_bias = conv2d_backward(outputs, stack, weight, **options)
    singles = [
        conv2d_backward(y, x, weight, **options) for y, x in zip(outputs, stack, strict=True)
    ]
    assert_same(grad_x, np.stack([single[0] for single in singles]))
    assert_same(grad_weight, sum(single[1] for single in singles))
    assert_same(grad_bias, sum(single[2] for single in singles))
    options["output_padding"] = rest(case)
    assert_same(
        conv_transpose2d(outputs, weight, **options),
        np.stack([conv_transpose2d(y, weight, **options) for y in outputs]),
    )


@pytest.mark.parametrize("mode", cases.MODES)
def test_an_empty_stack_gives_an_empty_stack(mode: str) -> None:
    weight = np.ones((2, 3, 3, 3), np.float32)
    empty, outputs = np.zeros((0, 3, 5, 6), np.float32), np.zeros((0, 2, 5, 6), np.float32)
    options = {"pad": "same", "pad_mode": mode}
    assert conv2d(empty, weight, **options).shape == (0, 2, 5, 6)
    assert conv_transpose2d(outputs, weight, stride=2, **options).shape == (0, 3, 10, 12)
    grad_x, grad_weight, grad_bias = conv2d_backward(outputs, empty, weight, **options)
    assert grad_x.shape == empty.shape
    np.testing.assert_array_equal(grad_weight, np.zeros_like(weight))
    np.testing.assert_array_equal(grad_bias, [0, 0])


@pytest.mark.parametrize("size", range(1, 12))
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("stride", [1, 2, 3, 5])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_gives_the_promised_sizes(size: int, kernel: int, stride: int, dilation: int) -> None:
    options = {"stride": stride, "pad": "same", "dilation": dilation}
    ceiling = -(-size // stride)
    assert conv_output_size(size, kernel, **options) == (ceiling, ceiling)
    assert conv_transpose_output_size(size, kernel, **options) == (size * stride, size * stride)
    weight = np.arange(1.0, kernel * kernel + 1).reshape(1, 1, kernel, kernel)
    large = np.random.default_rng(0).random((1, size * stride, size * stride))
    small = np.random.default_rng(1).random((1, size, size))
    np.testing.assert_allclose(
        np.vdot(conv2d(large, weight, **options), small),
        np.vdot(large, conv_transpose2d(small, weight, **options)),
    )


def test_same_puts_the_odd_row_and_column_last() -> None:
    ramp = np.array([[[1.0, 10, 100]]])
    np.testing.assert_array_equal(
        conv2d(ramp, np.ones((1, 1, 1, 2)), pad="same"), [[[11, 110, 100]]]
    )


def test_the_1d_example_at_stride_2() -> None:
    a, b, x, y, z = 2.0, 3.0, 5.0, 7.0, 11.0
    result = conv_transpose2d([[[a, b]]], [[[[x, y, z]]]], stride=(1, 2))
    np.testing.assert_array_equal(result, [[[a * x, a * y, a * z + b * x, b * y, b * z]]])


def test_two_by_two_transposes_to_three_or_four() -> None:
    image, weight = np.ones((1, 2, 2)), np.ones((1, 1, 3, 3))
    assert conv_transpose2d(image, weight, stride=2, pad=1).shape == (1, 3, 3)
    assert conv_transpose2d(image, weight, stride=2, pad=1, output_padding=1).shape == (1, 4, 4)
    assert conv_transpose2d(image, weight, stride=2, pad="same").shape == (1, 4, 4)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.bool_, np.float16])
def test_other_numbers_are_computed_as_float32(dtype: type) -> None:
    image = np.ones((1, 3, 3), dtype)
    weight = np.full((1, 1, 3, 3), 100, np.int16)
    for result in (conv2d(image, weight), conv_transpose2d(image, weight)):
        assert result.dtype == np.float32
        assert result.max() == 900


def test_inputs_are_left_alone_and_results_are_new() -> None:
    image, weight = np.ones((1, 3, 3)), np.ones((1, 1, 1, 1))
    result = conv2d(image, weight, [1.0])
    result[:] = 7
    np.testing.assert_array_equal(image, np.ones((1, 3, 3)))
    strided = np.arange(48.0).reshape(1, 6, 8)[:, ::2, ::-1]
    np.testing.assert_array_equal(conv2d(strided, weight), strided)


IMAGE, WEIGHT = np.ones((2, 4, 5)), np.ones((3, 2, 3, 3))


@pytest.mark.parametrize(
    ("arguments", "options", "fault"),
    [
        ((np.ones((4, 5)), WEIGHT), {}, r"\(C, H, W\)"),
        ((np.ones((2, 0, 5)), WEIGHT), {}, "no pixel"),
        ((IMAGE, np.ones((3, 3))), {}, r"\(F, C/groups, Hf, Wf\)"),
        ((IMAGE, np.ones((3, 2, 0, 3))), {}, "none of them 0"),
        ((IMAGE, np.ones((3, 1, 3, 3))), {}, "2 channels"),
        ((IMAGE, WEIGHT), {"groups": 2}, "do not divide"),
        ((IMAGE, WEIGHT), {"groups": 0}, "groups"),
        ((IMAGE, WEIGHT, [1.0]), {}, "bias"),
        ((IMAGE, WEIGHT), {"stride": 0}, "stride"),
        ((IMAGE, WEIGHT), {"stride": (1, 2, 3)}, "stride"),
        ((IMAGE, WEIGHT), {"stride": True}, "stride"),
        ((IMAGE, WEIGHT), {"dilation": 1.5}, "dilation"),
        ((IMAGE, WEIGHT), {"pad": -1}, "pad"),
        ((IMAGE, WEIGHT), {"pad": "full"}, "pad"),
        ((IMAGE, WEIGHT), {"pad": (1, 2, 3)}, "pad"),
        ((IMAGE, WEIGHT), {"pad_mode": "mirror"}, "pad_mode"),
        ((IMAGE * 1j, WEIGHT), {}, "complex"),
        ((IMAGE, WEIGHT * 1j), {}, "complex"),
        ((IMAGE, WEIGHT), {"dilation": 3}, r"floor\(\(4 \+ 0 - 7\) / 1\) \+ 1 = -2"),
    ],
)
def test_sizes_that_do_not_fit_are_shape_errors(
    arguments: tuple[object, ...], options: dict[str, object], fault: str
) -> None:
    with pytest.raises(ShapeError, match=fault):
        conv2d(*arguments, **options)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"output_padding": 2, "stride": 2}, "output_padding=2 along y must be smaller"),
        ({"output_padding": -1}, "output_padding"),
        ({"output_padding": 1, "stride": 2, "pad": "same"}, "already settles"),
        ({"pad": 4}, r"\(4 - 1\)·1 \+ 3 - 8 \+ 0 = -2"),
        ({"pad_mode": "mirror"}, "pad_mode"),
    ],
)
def test_a_transposed_convolution_reports_sizes_that_do_not_fit(
    options: dict[str, object], fault: str
) -> None:
    with pytest.raises(ShapeError, match=fault):
        conv_transpose2d(np.ones((3, 4, 5)), WEIGHT, **options)


def test_a_gradient_of_another_shape_is_a_shape_error() -> None:
    with pytest.raises(ShapeError, match=r"\(3, 2, 3\)"):
        conv2d_backward(np.ones((3, 2, 2)), IMAGE, WEIGHT)


def test_a_matrix_needs_the_shape_of_an_image() -> None:
    with pytest.raises(ShapeError, match=r"\(C, H, W\)"):
        conv_matrix(WEIGHT, (4, 5))
    with pytest.raises(ShapeError, match="3 channels"):
        conv_matrix(WEIGHT, (3, 4, 5))

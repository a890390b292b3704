"""Deconvolution in Python: the model of a blur, the two methods, and what pictures add to them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from cases import MODES
from conftest import SAMPLES

from convcli import (
    Filter,
    FilterError,
    ImageError,
    Picture,
    ShapeError,
    apply_filters,
    conv2d,
    conv2d_backward,
    deconvolve,
    load_filter,
    read_image,
)
from convcli.deconvolution import Deconvolution, regularization
from convcli.deconvolution.gain import Gain
from convcli.deconvolution.model import BlurModel
from convcli.deconvolution.richardson_lucy import richardson_lucy
from convcli.deconvolution.tikhonov import tikhonov
from convcli.images import Frame
from convcli.kernel import reference
from convcli.kernel.factors import Factors
from convcli.kernel.geometry import conv_transpose_geometry
from convcli.pipeline.operators import Convolution
from convcli.pipeline.process import Processing, predict, process
from convcli.pipeline.strips import StripSizes
from convcli.system.progress import listening

SLANTED = np.zeros((9, 9))
"""A motion of nine columns to the right and four rows down."""
for _column, _row in enumerate((2, 2, 3, 3, 4, 5, 5, 6, 6)):
    SLANTED[_row, _column] = 1 / 9

BOX = np.full((3, 3), 1 / 9)


def decibels(result: np.ndarray, truth: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((result - truth) ** 2)))


def border(image: np.ndarray, width: int = 12) -> np.ndarray:
    """Return the samples of (C, H, W) within ``width`` of a border, flat."""
    within = np.zeros(image.shape[1:], bool)
    within[width:-width, width:-width] = True
    return image[:, ~within]


@cache
def photo() -> tuple[np.ndarray, np.ndarray]:
    """Return a part of a scene (1, 384, 640), and what a camera in motion sees of it."""
    scene = read_image(SAMPLES / "landscape.jpg").tensor.mean(0, keepdims=True)
    scene = scene[:, 60 : 60 + 392, 40 : 40 + 648]
    return scene[:, 4:-4, 4:-4], conv2d(scene, SLANTED[np.newaxis, np.newaxis])


def model_of(
    kernel: np.ndarray, size: tuple[int, int], pad_mode: str | None = None, **options: object
) -> BlurModel:
    options = {"stride": 1, "pad": "same", "output_padding": 0, "dilation": 1} | options
    geometry = conv_transpose_geometry(size, kernel.shape[2:], **options)
    return BlurModel(kernel, geometry, pad_mode)


@pytest.mark.parametrize("mode", [None, *MODES])
@pytest.mark.parametrize("pad", ["same", (2, 1, 0, 3), 0])
def test_the_operator_pair_is_adjoint_with_every_border(mode: str | None, pad: object) -> None:
    rng = np.random.default_rng(3)
    kernel = rng.normal(size=(2, 3, 4, 5))
    model = model_of(kernel, (11, 13), mode, pad=pad, dilation=(2, 1))
    x, y = rng.normal(size=model.scene_shape), rng.normal(size=model.observed_shape)
    np.testing.assert_allclose(
        (model.blurred(x) * y).sum(), (x * model.transposed(y)).sum(), rtol=1e-12
    )


def test_the_model_sees_the_scene_beyond_the_frame() -> None:
    rng = np.random.default_rng(4)
    kernel, scene = rng.normal(size=(1, 1, 3, 4)), rng.normal(size=(1, 12, 17))
    model = model_of(kernel, (10, 14))
    assert model.scene_shape == scene.shape
    np.testing.assert_allclose(model.blurred(scene), reference.conv2d(scene, kernel))
    # The frame begins where the kernel's centre is at the first sample.
    np.testing.assert_array_equal(model.within_frame(scene), scene[:, 1:-1, 1:-2])


@pytest.mark.parametrize("mode", MODES)
def test_the_model_of_a_known_border_pads_the_frame(mode: str) -> None:
    rng = np.random.default_rng(5)
    kernel, scene = rng.normal(size=(1, 1, 3, 4)), rng.normal(size=(1, 10, 14))
    model = model_of(kernel, (10, 14), mode)
    assert model.scene_shape == scene.shape
    expected = reference.conv2d(scene, kernel, pads=(1, 1, 1, 2), pad_mode=mode)
    np.testing.assert_allclose(model.blurred(scene), expected)
    assert model.within_frame(scene) is scene


def test_the_first_estimate_is_the_picture_with_its_borders_repeated() -> None:
    picture = np.random.default_rng(6).random((1, 6, 7))
    model = model_of(np.full((1, 1, 3, 5), 2 / 15), (6, 7))
    expected = np.pad(picture[0], ((1, 1), (2, 2)), mode="edge") / 2
    np.testing.assert_allclose(model.first_estimate(picture)[0], expected)


def test_what_a_kernel_does_to_the_mean_is_inverted_and_what_it_loses_is_grey() -> None:
    inverse, lost = Gain.of(np.array([[[[1.0, -1]]]])).inverse()
    assert inverse.tolist() == [[0]]
    assert lost.tolist() == [0.5]
    mixed = np.array([[1.0, 2], [0, 4]]).reshape(2, 2, 1, 1)
    inverse, lost = Gain.of(mixed).inverse()
    np.testing.assert_allclose(inverse, [[1, -0.5], [0, 0.25]], atol=1e-15)
    assert not lost.any()


def test_one_iteration_of_richardson_lucy_is_its_formula() -> None:
    rng = np.random.default_rng(7)
    kernel, observed = rng.random((1, 1, 3, 2)), rng.random((1, 5, 6))
    model = model_of(kernel, (5, 6))
    x = model.first_estimate(observed)

    def back(y: np.ndarray) -> np.ndarray:
        return reference.conv_transpose2d(y, kernel, x.shape[1:])

    expected = x * back(observed / reference.conv2d(x, kernel)) / back(np.ones_like(observed))
    np.testing.assert_allclose(richardson_lucy(model, observed, 1), expected)


def test_plain_iterations_never_make_the_picture_less_likely() -> None:
    """The Poisson likelihood of the picture rises with every iteration (Shepp and Vardi 1982)."""
    observed = np.random.default_rng(8).random((1, 20, 30)) + 0.1
    model = model_of(SLANTED[np.newaxis, np.newaxis], (20, 30))

    def likelihood(iterations: int) -> float:
        scene = richardson_lucy(model, observed, iterations, accelerated=False)
        blurred = model.blurred(scene)
        return float((observed * np.log(blurred) - blurred).sum())

    found = [likelihood(iterations) for iterations in range(1, 8)]
    assert found == sorted(found)


def test_a_photo_taken_in_motion_becomes_sharp_and_its_borders_do_not_ring() -> None:
    truth, blurred = photo()
    result = deconvolve(blurred, Filter(SLANTED))
    assert decibels(blurred, truth) < 34
    assert decibels(result, truth) > 37
    assert decibels(border(result), border(truth)) > 36


def test_accelerated_iterations_reach_in_20_the_residual_of_60_plain_ones() -> None:
    _, blurred = photo()
    model = model_of(SLANTED[np.newaxis, np.newaxis].astype(np.float32), blurred.shape[1:])

    def residual(iterations: int, accelerated: bool) -> float:
        scene = richardson_lucy(model, blurred, iterations, accelerated=accelerated)
        return float(np.square(model.blurred(scene) - blurred).sum())

    assert residual(20, True) < residual(60, False) < 0.5 * residual(20, False)


def test_samples_that_the_picture_does_not_show_keep_their_first_estimate() -> None:
    shift = Filter([[1, 0, 0, 0, 0]])  # each sample comes from two columns to the left
    observed = np.arange(1.0, 9).reshape(1, 8) / 10
    expected = [[0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.8, 0.8]]
    np.testing.assert_allclose(deconvolve(observed, shift), expected, rtol=1e-6)


def test_tikhonov_ends_where_the_gradient_is_zero() -> None:
    rng = np.random.default_rng(9)
    kernel, observed = rng.normal(size=(2, 3, 3, 4)), rng.random((2, 9, 10))
    model, weight = model_of(kernel, (9, 10)), 0.3
    x = tikhonov(model, observed, 500, weight, tolerance=1e-10)
    residual = conv2d(x, kernel) - observed
    gradient, _, _ = conv2d_backward(residual, x, kernel)
    gradient += weight * (x - model.first_estimate(observed))
    np.testing.assert_allclose(gradient, 0, atol=1e-8)


def test_tikhonov_sharpens_a_noisy_picture() -> None:
    scene = read_image(SAMPLES / "lineart.png").tensor[:1, :160, :200]
    noise = np.random.default_rng(10).normal(0, 1 / 255, (1, 152, 192)).astype(np.float32)
    observed = conv2d(scene, SLANTED[np.newaxis, np.newaxis]) + noise
    truth = scene[:, 4:-4, 4:-4]
    result = deconvolve(observed, Filter(SLANTED), method="tikhonov")
    assert decibels(result, truth) > decibels(observed, truth) + 6
    truth, blurred = photo()
    observed = blurred + np.random.default_rng(11).normal(0, 1 / 255, blurred.shape)
    result = deconvolve(observed, Filter(SLANTED), method="tikhonov", regularize=0.02)
    assert decibels(result, truth) > decibels(observed, truth) + 2


@pytest.mark.parametrize("noise", [0.25, 1, 3])
@pytest.mark.parametrize("kind", ["motion:length=9,angle=-25", "gaussian:sigma=2"])
def test_the_regularization_that_a_photo_chooses_is_about_the_best(kind: str, noise: float) -> None:
    truth = photo()[0][:, 60:310, 100:430]
    psf = load_filter(kind)
    observed = conv2d(truth, psf.kernel.astype(np.float32))
    truth = truth[:, psf.kernel_shape[2] // 2 :, psf.kernel_shape[3] // 2 :]
    truth = truth[:, : observed.shape[1], : observed.shape[2]]
    observed += np.random.default_rng(13).normal(0, noise / 255, observed.shape)
    chosen, *others = (
        decibels(deconvolve(observed, psf, method="tikhonov", **choice), truth)
        for choice in ({}, *({"regularize": x} for x in (1e-3, 5e-3, 0.02, 0.06)))
    )
    assert chosen > max(others) - 0.3
    if noise <= 1:
        assert chosen > decibels(observed, truth) + 2


def test_the_regularization_of_factors_and_dilated_kernels_is_that_of_their_weights() -> None:
    truth, _ = photo()
    observed = conv2d(truth, np.full((1, 1, 5, 5), 0.04, np.float32), dilation=2, pad=4)
    line = np.full(5, 0.2)
    spread = np.zeros(9)
    spread[::2] = line
    dense, factors, dilated = (
        model_of(weight, observed.shape[1:], dilation=dilation).best_regularization(observed)
        for weight, dilation in (
            (np.outer(spread, spread)[np.newaxis, np.newaxis], 1),
            (Factors(spread, spread), 1),
            (Factors(line, line), 2),
        )
    )
    assert dense == factors == dilated != regularization.DEFAULT


def test_a_picture_too_small_to_tell_takes_the_default_regularization() -> None:
    observed = np.random.default_rng(14).random((1, 20, 20)).astype(np.float32)
    assert (
        model_of(BOX[np.newaxis, np.newaxis], (20, 20)).best_regularization(observed)
        == regularization.DEFAULT
    )


def test_tikhonov_takes_filters_with_negative_weights() -> None:
    scene = np.random.default_rng(12).random((3, 30, 40))
    sharpen = load_filter("sharpen")
    sharpened = conv2d(scene.reshape(3, 1, 30, 40), sharpen.kernel).reshape(3, 28, 38)
    result = deconvolve(sharpened, sharpen, method="tikhonov", regularize=1e-6)
    assert decibels(result[:, 3:-3, 3:-3], scene[:, 4:-4, 4:-4]) > 40


@pytest.mark.parametrize("mode", MODES)
def test_a_known_border_gives_back_what_apply_blurred(mode: str) -> None:
    scene = np.random.default_rng(13).random((1, 20, 25))
    kernel = [[0, 1, 0], [1, 8, 1], [0, 1, 0]]
    blur = Filter(kernel, divisor="sum", pad_mode=mode, dilation=2)
    blurred = apply_filters(Picture.from_array(scene), [blur]).tensor
    result = deconvolve(blurred, blur, pad_mode=mode, iterations=100)
    np.testing.assert_allclose(result, scene, atol=2e-3)


def test_the_filters_pad_says_how_the_size_changed() -> None:
    scene = np.random.default_rng(14).random((1, 12, 15))
    blur = Filter([[0, 1, 0], [1, 20, 1], [0, 1, 0]], divisor="sum", pad="valid")
    blurred = conv2d(scene, blur.kernel)
    result = deconvolve(blurred, blur, iterations=50)
    assert result.shape == scene.shape
    np.testing.assert_allclose(result[:, 1:-1, 1:-1], scene[:, 1:-1, 1:-1], atol=0.05)
    with pytest.raises(ShapeError, match="smaller than one pixel"):
        deconvolve(blurred, blur.override(pad=20))


def test_a_bias_is_taken_off_first() -> None:
    _, blurred = photo()
    blurred = blurred[:, :40, :50]
    plain = deconvolve(blurred, Filter(SLANTED))
    np.testing.assert_allclose(
        deconvolve(blurred + 0.25, Filter(SLANTED, bias=0.25)), plain, atol=1e-4
    )
    dark = deconvolve(np.zeros((1, 9)), Filter([[1, 1]], bias=0.5))
    np.testing.assert_array_equal(dark, 0)


def test_a_filter_across_channels_is_undone_as_a_whole() -> None:
    scene = np.random.default_rng(15).random((3, 20, 24))
    weight = np.zeros((3, 3, 3, 3))
    weight[range(3), range(3)] = BOX / 2
    weight[range(3), range(3), 1, 1] += 0.3
    weight[0, 2, 1, 0] = weight[1, 0, 0, 1] = 0.2
    blurred = conv2d(scene, weight)
    for method in ("richardson-lucy", "tikhonov"):
        result = deconvolve(blurred, Filter(weight), method=method, iterations=200, regularize=1e-7)
        assert decibels(result[:, 3:-3, 3:-3], scene[:, 4:-4, 4:-4]) > 35


def test_a_separable_filter_is_never_held_as_its_weights() -> None:
    taps = np.hanning(9)[1:-1]
    scene = np.random.default_rng(22).random((2, 30, 31))
    factors = Filter(column=taps, row=taps[1:], divisor="sum")
    dense = Filter(factors.weight, divisor="sum")
    for method in ("richardson-lucy", "tikhonov"):
        expected = deconvolve(scene, dense, method=method, regularize=0.1)
        found = deconvolve(scene, factors, method=method, regularize=0.1)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    large = Filter(column=np.ones(1500), row=np.ones(1500), divisor="sum")
    flat = np.full((4, 5), 0.5, np.float32)  # needs no iterations, which would take long
    np.testing.assert_allclose(deconvolve(flat, large), flat, rtol=1e-5)
    with pytest.raises(FilterError, match="negative weights"):
        Deconvolution(Filter(column=[1, -1], row=[1, 1]))
    with pytest.raises(FilterError, match="weights are all 0"):
        Deconvolution(Filter(column=[0, 0], row=[1, 1]))


def test_groups_of_channels_are_undone_by_themselves() -> None:
    scene = np.random.default_rng(23).random((4, 16, 18))
    weight = np.random.default_rng(24).random((4, 2, 2, 2)) + np.eye(2)[[0, 1, 0, 1], :, None, None]
    observed = conv2d(scene, weight, groups=2)
    grouped = deconvolve(observed, Filter(weight, groups=2), iterations=5)
    for group in (slice(0, 2), slice(2, 4)):
        alone = deconvolve(
            observed[group], Filter(weight[group]), iterations=5, method="richardson-lucy"
        )
        assert decibels(grouped[group], alone) > 40
    rng = np.random.default_rng(25)
    model = BlurModel(
        weight, conv_transpose_geometry((8, 9), (2, 2), 1, "same", 0, 1), None, groups=2
    )
    x, y = rng.normal(size=model.scene_shape), rng.normal(size=model.observed_shape)
    np.testing.assert_allclose((model.blurred(x) * y).sum(), (x * model.transposed(y)).sum())


def test_arrays_come_back_as_they_were_given() -> None:
    rng = np.random.default_rng(16)
    for shape in ((8, 9), (2, 8, 9), (2, 3, 8, 9)):
        for dtype in (np.uint8, np.uint16, np.float32):
            array = rng.integers(0, 200, shape).astype(dtype)
            result = deconvolve(array, Filter(BOX), iterations=1)
            assert (result.shape, result.dtype) == (shape, dtype)
    assert deconvolve(array.astype(np.float64), Filter(BOX)).dtype == np.float32


def test_channels_are_deconvolved_one_by_one() -> None:
    rng = np.random.default_rng(17)
    picture = Picture.from_array(rng.random((3, 12, 14)))
    result = deconvolve(picture, Filter(BOX)).tensor
    for channel in range(3):
        alone = deconvolve(picture.tensor[channel], Filter(BOX))
        np.testing.assert_array_equal(result[channel], alone)


def rgba(seed: int = 18) -> np.ndarray:
    """Return (H, W, 4) samples, some of them transparent."""
    samples = np.random.default_rng(seed).integers(40, 200, (16, 18, 4), np.uint8)
    samples[..., 3] = 255
    samples[:, :6, 3] = 0
    return samples


def test_transparent_pixels_add_no_colour() -> None:
    one, other = rgba(), rgba()
    other[:, :6, :3] = 7
    results = [
        deconvolve(Picture((Frame.of(samples, "RGBA"),)), Filter(BOX)).frames[0].samples
        for samples in (one, other)
    ]
    np.testing.assert_array_equal(results[0][..., 3], results[1][..., 3])
    visible = results[0][..., 3] > 0
    np.testing.assert_array_equal(results[0][visible], results[1][visible])
    assert (results[0][:, :5, 3] < 10).all()


def test_an_opaque_picture_is_deconvolved_like_one_without_alpha() -> None:
    samples = rgba()
    samples[..., 3] = 255
    with_alpha = deconvolve(Picture((Frame.of(samples, "RGBA"),)), Filter(BOX))
    colour = deconvolve(Picture((Frame.of(samples[..., :3], "RGB"),)), Filter(BOX))
    assert with_alpha.frames[0].mode == "RGBA"
    np.testing.assert_array_equal(with_alpha.frames[0].samples[..., :3], colour.frames[0].samples)
    assert (with_alpha.frames[0].samples[..., 3] == 255).all()


def test_preserved_alpha_is_copied_and_colour_deconvolved_alone() -> None:
    samples = rgba()
    result = deconvolve(
        Picture((Frame.of(samples, "RGBA"),)), Filter(BOX, preserve_alpha=True)
    ).frames[0]
    np.testing.assert_array_equal(result.samples[..., 3], samples[..., 3])
    colour = deconvolve(Picture((Frame.of(samples[..., :3], "RGB"),)), Filter(BOX)).frames[0]
    np.testing.assert_array_equal(result.samples[..., :3], colour.samples)
    smaller = deconvolve(
        Picture((Frame.of(samples, "RGBA"),)), Filter(BOX, preserve_alpha=True, pad=2)
    ).frames[0]
    np.testing.assert_array_equal(smaller.samples[..., 3], samples[1:-1, 1:-1, 3])


def test_light_is_deconvolved_linearly() -> None:
    """A dark line that was blurred in linear light comes back only from linear light."""
    samples = np.full((20, 21, 1), 235, np.uint8)
    samples[:, 10] = 20
    scene = Picture((Frame.of(samples, "L"),))
    blur = Filter([[1, 4, 1]], divisor="sum", pad_mode="replicate")
    blurred = apply_filters(scene, [blur], linear=True)
    options = {"iterations": 100, "linear": True}
    result = deconvolve(blurred, blur, **options).frames[0].samples.astype(int)
    assert np.abs(result - samples).max() < 12
    plain = deconvolve(blurred, blur, iterations=100).frames[0].samples.astype(int)
    assert np.abs(plain - samples).max() > 24
    floats = deconvolve(blurred, blur, as_float=True, **options).tensor
    assert floats.dtype == np.float32
    assert floats.max() < 1.2


@pytest.mark.parametrize("method", ["richardson-lucy", "tikhonov"])
def test_a_flat_picture_stays_flat(method: str) -> None:
    for value in (0, 90, 255):
        flat = np.full((3, 10, 12), value, np.uint8)
        result = deconvolve(flat, Filter(BOX), method=method)
        np.testing.assert_array_equal(result, flat)
    result = deconvolve(flat, Filter([[2]]), pad_mode="zeros")
    assert (result == 128).all()


def test_black_regions_give_no_warnings_and_stay_black() -> None:
    observed = np.zeros((1, 20, 20))
    observed[0, 2, 3] = 1
    result = deconvolve(observed, Filter(BOX), iterations=5)
    assert np.isfinite(result).all()
    assert (result[0, 10:] == 0).all()


@pytest.mark.parametrize(
    ("weight", "options", "message"),
    [
        (np.zeros((3, 3)), {}, "weights are all 0"),
        ([[1, -1]], {}, 'negative weights.* method="tikhonov" takes any'),
        (BOX, {"iterations": 0}, "iterations must be a whole number from 1 .*: got 0"),
        (BOX, {"iterations": 2.5}, "iterations must be"),
        (BOX, {"iterations": True}, "iterations must be"),
        (
            BOX,
            {"regularize": float("nan")},
            "regularize must be auto, or a finite .* above 0: got nan",
        ),
        (BOX, {"regularize": 0}, "regularize must be"),
        (BOX, {"method": "wiener"}, "method must be one of richardson-lucy, tikhonov"),
        (BOX, {"pad_mode": "same"}, "pad_mode must be one of"),
    ],
)
def test_what_cannot_be_undone_is_refused(weight: object, options: dict, message: str) -> None:
    with pytest.raises(FilterError, match=message):
        deconvolve(np.ones((4, 4)), Filter(weight, name="psf"), **options)


def test_filters_that_leave_samples_out_or_combine_banks_are_refused() -> None:
    with pytest.raises(FilterError, match="filter half: its stride leaves out samples"):
        Deconvolution(Filter(BOX, stride=2, name="half"))
    Deconvolution(Filter(BOX, stride=1))
    with pytest.raises(FilterError, match="a bank with reduce"):
        Deconvolution(Filter(np.ones((2, 1, 3, 3)), reduce="sum"))
    with pytest.raises(ShapeError, match="reads 3 channels and the picture has 1"):
        deconvolve(np.ones((4, 4)), Filter(np.ones((3, 3, 1, 1))))


def test_the_regularization_of_kernels_across_channels_is_the_least_that_is_usual() -> None:
    mixing = Filter(np.eye(3).reshape(3, 3, 1, 1) + 0.1)
    observed = np.random.default_rng(3).random((3, 40, 40), np.float32)
    found, expected = (
        deconvolve(observed, mixing, method="tikhonov", **options)
        for options in ({}, {"regularize": 0.001})
    )
    np.testing.assert_array_equal(found, expected)


def test_samples_that_no_method_takes_are_refused() -> None:
    bad = np.ones((1, 4, 5))
    bad[0, 1, 2] = np.nan
    for method in ("richardson-lucy", "tikhonov"):
        with pytest.raises(ImageError, match="infinite or not a number"):
            deconvolve(bad, Filter(BOX), method=method)
    bad[0, 1, 2] = -0.25
    with pytest.raises(ImageError, match=r"negative samples, such as -0\.25.*tikhonov"):
        deconvolve(bad, Filter(BOX))
    deconvolve(bad, Filter(BOX), method="tikhonov")


def test_it_is_the_last_of_several_operators() -> None:
    picture = Picture.from_array(np.random.default_rng(19).random((2, 14, 15)))
    blur, undo = Convolution(Filter(BOX)), Deconvolution(Filter(BOX), iterations=3)
    both = process(picture, [blur, undo])
    after = process(process(picture, [blur]), [undo])
    np.testing.assert_allclose(both.tensor, after.tensor, atol=1e-5)
    for compute in (process, predict):
        with pytest.raises(FilterError, match="has to be the last step"):
            compute(picture, [undo, blur])


def test_the_dry_run_predicts_size_mode_and_type() -> None:
    picture = Picture((Frame.of(rgba(), "RGBA"),))
    operators = [Deconvolution(Filter(BOX, pad="valid"), iterations=1)]
    predicted, result = (one(picture, operators).frames[0] for one in (predict, process))
    assert predicted.size == result.size == (18, 20)
    assert (predicted.mode, predicted.raster.dtype) == (result.mode, result.raster.dtype)


def test_results_depend_neither_on_strips_nor_on_reuse_of_the_picture() -> None:
    samples = np.random.default_rng(20).integers(0, 256, (40, 50, 3), np.uint8)
    picture = Picture((Frame.of(samples.copy(), "RGB"),))
    operators = [Deconvolution(Filter(SLANTED), iterations=4)]
    expected = process(picture, operators).frames[0].samples
    sizes = StripSizes(rows=7, layered_rows=3)
    for reuse in (False, True):
        found = process(picture, operators, Processing(reuse=reuse, strips=sizes)).frames[0]
        np.testing.assert_array_equal(found.samples, expected)
        assert (found.raster is picture.frames[0].raster) == reuse


def test_progress_rises_evenly_over_frames_and_channels() -> None:
    stack = np.random.default_rng(21).random((2, 3, 8, 9))
    seen: list[float] = []
    with listening(seen.append):
        deconvolve(stack, Filter(BOX), iterations=4)
    np.testing.assert_allclose(seen, np.arange(1, 25) / 24)
    seen.clear()
    with listening(seen.append):
        deconvolve(Picture((Frame.of(rgba(), "RGBA"),)), Filter(BOX), method="tikhonov")
    assert seen == sorted(seen)
    assert seen[-1] == 1

"""The inverse of a filter, as a filter: least squares, and the command that writes it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_deconvolution import SLANTED, decibels, photo

from convcli import (
    Filter,
    FilterError,
    conv2d,
    conv_transpose2d,
    deconvolve,
    load_filter,
    make_filter,
    read_image,
)
from convcli.deconvolution import invert_filter


@pytest.mark.parametrize("noise", [0.001, 0.02])
@pytest.mark.parametrize("name", ["landscape.jpg", "lineart.png"])
def test_it_restores_within_a_decibel_of_tikhonov(samples: Path, name: str, noise: float) -> None:
    scene = read_image(samples / name).tensor.mean(0, keepdims=True)[:, 100:308, 100:328]
    truth = scene[:, 4:-4, 4:-4]
    psf = Filter(SLANTED)
    blurred = conv2d(scene, psf.kernel)
    blurred += np.random.default_rng(1).normal(0, 1 / 255, blurred.shape)
    inverse = invert_filter(psf, noise=noise)
    restored = conv2d(blurred, inverse.kernel, pad="same", pad_mode=inverse.pad_mode)
    expected = deconvolve(blurred, psf, method="tikhonov", regularize=noise)
    inside = np.s_[:, 54:-54, 54:-54]  # away from the border, beyond which the scene goes on
    assert decibels(restored[inside], truth[inside]) > decibels(expected[inside], truth[inside]) - 1


@pytest.mark.parametrize("noise", [0.001, 0.02])
def test_it_restores_whole_photos_within_a_decibel_of_tikhonov(noise: float) -> None:
    """Near the border it does not know the scene that goes on, as Tikhonov's method does."""
    truth, blurred = photo()
    psf = Filter(SLANTED)
    blurred = blurred + np.random.default_rng(1).normal(0, 1 / 255, blurred.shape)
    inverse = invert_filter(psf, noise=noise)
    restored = conv2d(blurred, inverse.kernel, pad="same", pad_mode=inverse.pad_mode)
    expected = deconvolve(blurred, psf, method="tikhonov", regularize=noise)
    assert decibels(restored, truth) > decibels(expected, truth) - 1


def test_the_default_size_is_as_small_as_will_do() -> None:
    assert invert_filter(Filter(SLANTED)).weight.shape == (145, 145)
    assert invert_filter(Filter(SLANTED), noise=0.02).weight.shape == (37, 37)
    assert invert_filter(make_filter("gaussian", sigma=1)).weight.shape == (19, 19)


def test_together_they_leave_brightness_as_it_was() -> None:
    psf = Filter([[1, 2, 1], [2, 5, 0]], dilation=2)
    inverse = invert_filter(psf, size=9)
    assert inverse.weight.sum() * psf.weight.sum() == pytest.approx(1)


def test_no_other_weights_of_that_sum_fit_better() -> None:
    """The gradient of the sum of squares is the same for every weight: that of the constraint."""
    kernel, noise, size = np.random.default_rng(2).random((1, 1, 3, 4)), 0.01, 7
    weights = invert_filter(Filter(kernel[0, 0]), size, noise).weight[np.newaxis]
    both = conv_transpose2d(weights, kernel)
    both[0, 1 + 3, 1 + 3] -= 1
    gradient = conv2d(both, kernel)[0] + noise * weights[0]
    gradient[3, 3] -= noise / kernel.sum()
    np.testing.assert_allclose(gradient, gradient[0, 0], atol=1e-7)
    assert abs(gradient[0, 0]) > 1e-4


def test_filters_of_any_sign_are_inverted() -> None:
    for psf in (Filter([[1, -1]]), load_filter("sharpen"), make_filter("gaussian", sigma=1)):
        inverse = invert_filter(psf, size=31, noise=1e-4)
        impulse = conv_transpose2d(inverse.weight[np.newaxis], psf.kernel)[0]
        assert np.unravel_index(impulse.argmax(), impulse.shape) == (
            15 + (psf.kernel_shape[2] - 1) // 2,
            15 + (psf.kernel_shape[3] - 1) // 2,
        )


@pytest.mark.parametrize(
    ("psf", "options", "message"),
    [
        (Filter([[0, 0]], name="none"), {}, "filter none: its weights are all 0"),
        (Filter([[1]], stride=2), {}, "its stride leaves out samples"),
        (Filter(np.ones((3, 3, 1, 1))), {}, "only a filter of one kernel is inverted"),
        (Filter([[1]]), {"size": 4}, "size must be an odd number from 1 to 999: got 4"),
        (Filter([[1]]), {"size": 2.5}, "size must be an odd number"),
        (Filter([[1]]), {"noise": 0}, "noise must be a finite number above 0: got 0"),
        (Filter([[1]]), {"noise": float("nan")}, "noise must be a finite number above 0: got nan"),
    ],
)
def test_what_cannot_be_inverted_is_refused(psf: Filter, options: dict, message: str) -> None:
    with pytest.raises(FilterError, match=message):
        invert_filter(psf, **options)


def test_the_command_writes_a_filter_for_apply(run, photo: Path, tmp_path: Path) -> None:
    psf = tmp_path / "psf.json"
    psf.write_text(json.dumps({"weight": [[1, 4, 1]], "divisor": 6}))
    target = tmp_path / "new" / "inverse.json"
    done = run("filters", "invert", psf, "--size", "9", "--noise", "0.01", "-o", target)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    written = load_filter(target)
    assert (written.name, written.pad_mode) == ("inverse-of-psf", "replicate")
    expected = invert_filter(load_filter(psf), 9, 0.01)
    np.testing.assert_array_equal(written.weight, expected.weight)
    assert run("apply", "-f", psf, "-f", target, photo, "-o", tmp_path / "o.png").exit_code == 0
    shown = run("filters", "invert", psf, "--size", "9", "--noise", "0.01").stdout
    assert shown == target.read_text()
    assert run("filters", "invert", psf, "-o", target).exit_code == 2
    for flags in (["--size", "4"], ["--noise", "0"], ["--noise", "nan"], ["--size", "0"]):
        assert run("filters", "invert", psf, *flags).exit_code == 2

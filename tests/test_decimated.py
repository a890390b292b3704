"""Large smooth kernels by strided and transposed convolutions, compared with the direct sum."""

from __future__ import annotations

import numpy as np
import pytest
from cases import MODES

from convcli import Filter, Picture
from convcli.images import Frame
from convcli.kernel.engine import dispatch
from convcli.kernel.engine.decimated import TOLERANCE, Decimated, axes_of
from convcli.kernel.engine.decimation import decimated
from convcli.kernel.engine.dispatch import choose, correlate
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.factors import Factors
from convcli.kernel.window import Window
from convcli.pipeline import two_passes
from convcli.pipeline.operators import Convolution
from convcli.pipeline.process import Processing, process
from convcli.pipeline.strips import StripSizes


def gaussian(sigma: float) -> np.ndarray:
    radius = int(4 * sigma + 0.5)
    profile = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    return profile / profile.sum()


def problem(
    column: np.ndarray,
    row: np.ndarray,
    size: tuple[int, int] = (90, 70),
    mode: str = "replicate",
    channels: int = 1,
    bias: float = 0.0,
) -> ConvolutionProblem:
    window = Window(
        (-(len(column) // 2), -(len(row) // 2)),
        size,
        (len(column), len(row)),
        (1, 1),
        (1, 1),
        mode,
        channels,
    )
    factors = Factors(column.astype(np.float32), row.astype(np.float32))
    return ConvolutionProblem(factors, np.float32([[bias]]) if bias else None, window, size[1])


def samples_of(size: tuple[int, int], channels: int = 1) -> np.ndarray:
    """Return samples (1, 1, H, W·C): black and white at random, which errs most, and greys."""
    rng = np.random.default_rng(0)
    samples = 255 * rng.integers(0, 2, (1, 1, size[0], size[1] * channels), np.uint8)
    samples[:, :, : size[0] // 3] = rng.integers(0, 256, (size[0] // 3, size[1] * channels))
    return samples


def direct_sum(samples: np.ndarray, given: ConvolutionProblem) -> np.ndarray:
    """Return results in double precision, unrounded."""
    exact = np.empty(samples.shape)
    weight = given.weight
    assert isinstance(weight, Factors)
    correlate(
        samples.astype(np.float64),
        weight.astype(np.float64),
        given.window,
        method="direct",
        out=exact,
    )
    return exact


SIGMAS = [(3, 3), (12, 12), (5, 20), (1, 9), (9, 0.6), (50, 50)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sigmas", SIGMAS)
def test_a_gaussian_is_within_half_a_level_of_the_direct_sum(
    sigmas: tuple[float, float], channels: int, mode: str
) -> None:
    size = (103, 130)
    given = problem(*map(gaussian, sigmas), size, mode, channels)
    samples = samples_of(size, channels)
    result = np.empty_like(samples)
    dispatch.run(Decimated(given), samples, result)
    error = np.abs(result - direct_sum(samples, given))
    assert error.max() <= 0.5 + TOLERANCE
    assert np.quantile(error, 0.99) < 0.5


def test_the_bound_of_a_decimation_holds_at_every_phase() -> None:
    rng = np.random.default_rng(1)
    profile = gaussian(9)
    found = decimated(profile, 1e-4)
    assert found.stride > 4
    worst = 0.0
    for phase in range(found.stride):
        impulses = np.eye(len(profile) + 8 * found.stride)
        start = found.lead + phase
        exact = np.zeros(len(impulses))
        exact[start : start + len(profile)] = profile
        rows = np.lib.stride_tricks.sliding_window_view(impulses, len(found.analysis), axis=1)
        low = rows[:, :: found.stride] @ found.analysis
        composite = low[:, : found.taps] @ found.synthesis[phase]
        difference = composite - exact
        worst = max(worst, difference.clip(0).sum(), -difference.clip(None, 0).sum())
        # A picture that errs most, and one at random.
        assert abs((difference > 0) @ difference) <= found.error + 1e-12
        assert abs(rng.random(len(exact)) @ difference) <= found.error
    np.testing.assert_allclose(worst, found.error, rtol=1e-6)
    assert found.error <= 1e-4


@pytest.mark.parametrize(
    ("column", "row", "expected"),
    [
        (gaussian(12), gaussian(12), True),
        (gaussian(1), gaussian(30), True),
        (gaussian(2), gaussian(2), False),  # as many taps as decimated
        (np.ones(41) / 41, np.ones(41) / 41, False),  # a box has high frequencies
        (np.ones(1), np.ones(41) / 41, False),
        (np.random.default_rng(0).random(41), gaussian(1), False),
        (np.rint(20 * gaussian(6) / gaussian(6).max()), np.ones(1), False),  # whole: exact
        (np.zeros(41), gaussian(9), False),
        (np.ones(1), np.ones(1), False),
    ],
)
def test_smooth_profiles_alone_are_decimated(
    column: np.ndarray, row: np.ndarray, expected: bool
) -> None:
    given = problem(column, row)
    assert (axes_of(given) is not None) == expected
    assert (choose(given, from_bytes=True) == "decimated") == expected
    assert choose(given) != "decimated"  # floats keep the precision of float32


def test_dense_weights_of_rank_1_are_decimated_and_others_are_not() -> None:
    given = problem(gaussian(4), gaussian(5))
    dense = given._replace(weight=given.dense)
    assert choose(dense, from_bytes=True) == "decimated"
    weight = dense.weight.copy()
    weight[0, 0, 0, 30, 2] += 0.01
    assert axes_of(dense._replace(weight=weight)) is None
    assert axes_of(given._replace(window=given.window._replace(stride=(1, 2)))) is None
    assert axes_of(given._replace(window=given.window._replace(dilation=(2, 1)))) is None


@pytest.mark.parametrize("gain", [-1.0, 0.25, 3.0])
def test_gain_and_bias_keep_the_tolerance(gain: float) -> None:
    given = problem(gain * gaussian(8), gaussian(6), bias=100.25)
    samples = samples_of((90, 70))
    result = np.empty_like(samples)
    dispatch.run(Decimated(given), samples, result)
    exact = np.clip(direct_sum(samples, given) + 100.25, 0, 255)
    assert np.abs(result - exact).max() <= 0.5 + TOLERANCE


@pytest.mark.parametrize("level", [0, 1, 127, 254, 255])
def test_flat_pictures_stay_flat(level: int) -> None:
    samples = np.full((1, 1, 90, 70), level, np.uint8)
    result = np.empty_like(samples)
    dispatch.run(Decimated(problem(gaussian(12), gaussian(7))), samples, result)
    assert (result == level).all()


def blurred(samples: np.ndarray, mode: str, pad: object = "same", **options: object) -> np.ndarray:
    blur = Filter(column=gaussian(11), row=gaussian(6), pad_mode=mode, pad=pad)
    picture = Picture((Frame.of(samples.copy(), "RGB"),))
    return process(picture, [Convolution(blur)], Processing(**options)).frames[0].samples


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pad", ["same", (3, 50, 60, 2)])
def test_a_frame_in_two_passes_is_the_direct_sum(
    mode: str, pad: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []

    def watching(*given: object) -> None:
        taken.append(given)
        two_passes.convolve_reduced(*given)

    monkeypatch.setattr("convcli.pipeline.strips.convolve_reduced", watching)
    size = (230, 110)
    samples = samples_of(size, 3).reshape(*size, 3)
    made = blurred(samples, mode, pad)
    assert len(taken) == 1
    top, left = (44, 24) if pad == "same" else pad[:2]
    given = problem(gaussian(11), gaussian(6), made.shape[:2], mode, 3)
    given = given._replace(window=given.window._replace(origin=(-top, -left)), width=size[1])
    exact = np.empty((1, 1, made.shape[0], made.shape[1] * 3))
    weight = given.weight.astype(np.float64)
    source = samples.reshape(1, 1, size[0], -1).astype(np.float64)
    correlate(source, weight, given.window, method="direct", out=exact)
    assert np.abs(made - exact.reshape(made.shape)).max() <= 0.5 + TOLERANCE
    if pad == "same":
        for threads in (1, 3):
            strips = StripSizes(threads=threads)
            again = blurred(samples, mode, pad, reuse=True, strips=strips)
            np.testing.assert_array_equal(again, made)


def test_16_bits_are_not_decimated() -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (90, 70, 1)).astype(np.uint16)
    blur = Filter(column=gaussian(9), row=gaussian(9), pad_mode="replicate")
    picture = Picture((Frame.of(samples, "I;16"),))
    made = process(picture, [Convolution(blur)], Processing()).frames[0].samples
    given = problem(gaussian(9), gaussian(9))
    exact = direct_sum(samples.transpose(2, 0, 1)[None], given)[0].transpose(1, 2, 0)
    assert np.abs(made - exact).max() <= 0.5 + 0.05

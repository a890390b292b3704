"""Sums of products over windows: both algorithms against an im2col in loops, and the solvers."""

from __future__ import annotations

import numpy as np
import pytest

from convcli import Filter, Picture, apply_filters, conv2d, conv2d_backward, conv_transpose2d
from convcli.fitting.geometry import systems
from convcli.fitting.gradients import by_gradients
from convcli.fitting.lag_sums import LagSums
from convcli.fitting.moments import Moments, moments_of
from convcli.fitting.options import Options
from convcli.fitting.outcome import by_normal_equations
from convcli.fitting.problem import Problem
from convcli.fitting.samples import FramePair, frame_pairs
from convcli.fitting.trials import Choice
from convcli.fitting.window_sums import WindowSums

RNG = np.random.default_rng(5)


def picture(shape: tuple[int, ...], dtype: type = np.uint8) -> Picture:
    if dtype is np.float32:
        return Picture.from_array(RNG.standard_normal(shape).astype(np.float32))
    return Picture.from_array(RNG.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype))


def columns(pair: FramePair, size: tuple[int, int], channels: str, shift: tuple[int, int]):
    """Give (features, target) of every sample that is evidence, straight from the definition."""
    relation = pair.relation
    before = pair.before.planes_of(pair.before.rows(0, relation.before[0]))
    after = pair.after.planes_of(pair.after.rows(0, relation.after[0]))
    ends = (0.0, 1.0) if pair.after.has_levels else ()
    top, left = relation.anchor(size)
    planes = {"shared": [[c] for c in range(len(before))], "mixed": [list(range(len(before)))]}
    rows = []
    for seen in planes[channels]:
        target = seen[0] if channels == "shared" else 0
        for i in range(relation.after[0]):
            for j in range(relation.after[1]):
                y = (i - shift[0]) * relation.stride[0] - top
                x = (j - shift[1]) * relation.stride[1] - left
                inside = 0 <= y <= relation.before[0] - size[0]
                inside = inside and 0 <= x <= relation.before[1] - size[1]
                if inside and after[target, i, j] not in ends:
                    window = before[seen, y : y + size[0], x : x + size[1]].ravel()
                    rows.append((window, after[target, i, j]))
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    ("channels", "size", "stride", "shift"),
    [
        ("shared", (3, 5), 1, (0, 0)),
        ("shared", (2, 3), 1, (2, -1)),
        ("shared", (3, 3), 2, (0, 1)),
        ("mixed", (3, 2), 1, (-1, 0)),
        ("mixed", (3, 3), 3, (0, 0)),
    ],
)
def test_sums_are_those_of_an_im2col_in_loops(dtype, channels, size, stride, shift):
    before = picture((2, 21, 26), dtype)
    after = picture((2, -(-21 // stride), -(-26 // stride)), dtype)
    after.frames[0].raster.samples[::4, ::3] = 0  # some of them no evidence
    (pair,) = frame_pairs(before, after, None)
    sources = systems(pair.relation, size, channels, (2, 2), shift)[0]
    unknowns = size[0] * size[1] * (2 if channels == "mixed" else 1)
    windows, target = columns(pair, size, channels, shift)
    matrix = np.column_stack([windows, np.ones(len(windows)), target])
    for by_lags in (True, False) if stride == 1 else (False,):
        moments = moments_of(pair, sources, unknowns, by_lags=by_lags)
        np.testing.assert_allclose(moments.total, matrix.T @ matrix, rtol=1e-10, atol=1e-9)
        assert moments.used == len(windows)


def test_sums_of_bytes_are_exact_by_either_way():
    before, after = picture((3, 90, 300)), picture((3, 90, 300))
    (pair,) = frame_pairs(before, after, None)
    sources = systems(pair.relation, (5, 5), "shared", (3, 3), (0, 0))[0]
    after.frames[0].raster.samples[10:40, ::2] = 255
    by_lags, by_windows = (
        moments_of(pair, sources, 25, by_lags=choice).sums for choice in (True, False)
    )
    np.testing.assert_array_equal(by_lags, by_windows)


@pytest.mark.parametrize(("clipped", "calls"), [(0.1, {"lags", -1}), (0.6, {1})])
def test_where_many_samples_are_clipped_the_windows_of_the_others_are_added(
    clipped, calls, monkeypatch
):
    made = []
    monkeypatch.setattr(LagSums, "add", lambda *_: made.append("lags"))
    monkeypatch.setattr(WindowSums, "add", lambda *given: made.append(given[-1]))
    before, after = picture((1, 90, 300)), picture((1, 90, 300))
    after.frames[0].raster.samples[RNG.random((90, 300, 1)) < clipped] = 255
    (pair,) = frame_pairs(before, after, None)
    moments_of(pair, systems(pair.relation, (5, 5), "shared", (1, 1), (0, 0))[0], 25)
    assert set(made) == calls


def test_a_trial_takes_some_of_the_samples_from_both_halves():
    before, after = picture((1, 400, 500)), picture((1, 400, 500))
    (pair,) = frame_pairs(before, after, None)
    sources = systems(pair.relation, (3, 3), "shared", (1, 1), (0, 0))[0]
    moments: Moments = moments_of(pair, sources, 9, most_samples=40_000)
    assert 20_000 < moments.offered < 60_000
    assert min(moments.half(0)[-2, -2], moments.half(1)[-2, -2]) > 5_000


def problem_of(before: np.ndarray, after: np.ndarray, **options: object) -> Problem:
    pictures = Picture.from_array(before), Picture.from_array(after)
    return Problem([lambda: pictures], Options(**options))


@pytest.mark.parametrize("solver", [by_normal_equations, by_gradients])
@pytest.mark.parametrize("channels", ["shared", "separate", "mixed"])
def test_solvers_end_where_the_gradient_of_the_convolution_is_zero(solver, channels):
    x = RNG.random((2, 30, 34)).astype(np.float32)
    y = (conv2d(x, RNG.random((2, 2, 3, 3)), pad="same") + RNG.random((2, 30, 34))).astype(
        np.float32
    )
    outcome = solver(problem_of(x, y, channels=channels, bias=True), Choice((3, 3)))
    weight = outcome.layout.weight(outcome.weights)
    weight = np.eye(2)[..., np.newaxis, np.newaxis] * weight if weight.ndim == 2 else weight
    offsets = np.broadcast_to(outcome.offsets, 2)
    x, y = x.astype(float), y.astype(float)
    rest = conv2d(x, weight, offsets) - y[:, 1:-1, 1:-1]
    _, grad_weight, grad_bias = conv2d_backward(rest, x, weight)
    if channels == "shared":
        grad_weight, grad_bias = grad_weight[[0, 1], [0, 1]].sum(0), grad_bias.sum()
    if channels == "separate":
        grad_weight = grad_weight[[0, 1], [0, 1]]
    assert np.abs(grad_weight).max() < 1e-9 * np.abs(rest).sum()
    assert np.abs(grad_bias).max() < 1e-9 * np.abs(rest).sum()


def test_the_normal_equations_agree_with_lstsq():
    x = RNG.random((1, 25, 31)).astype(np.float32)
    y = RNG.random((1, 25, 31)).astype(np.float32)
    problem = problem_of(x, y, bias=False, ridge=0)
    outcome = by_normal_equations(problem, Choice((3, 5)))
    windows, target = columns(problem.trial[0], (3, 5), "shared", (0, 0))
    expected = np.linalg.lstsq(windows, target)[0]
    np.testing.assert_allclose(outcome.weights[0], expected, atol=1e-10)


def test_gradients_agree_with_the_normal_equations_with_a_stride_and_clipped_samples():
    x = RNG.integers(0, 256, (2, 60, 66)).astype(np.uint8)
    kernel = RNG.standard_normal((5, 5)) / 5
    after = apply_filters(Picture.from_array(x), [Filter(kernel, stride=2, bias=0.2)])
    before = Picture.from_array(x)
    problem = Problem([lambda: (before, after)], Options(bias=True))
    outcomes = [solve(problem, Choice((5, 5))) for solve in (by_normal_equations, by_gradients)]
    assert outcomes[0].used == outcomes[1].used < outcomes[0].offered
    np.testing.assert_allclose(outcomes[0].weights, outcomes[1].weights, atol=1e-9)
    np.testing.assert_allclose(outcomes[0].error, outcomes[1].error, rtol=1e-9)


def test_a_transposed_fit_ends_where_its_gradient_is_zero():
    x = RNG.random((1, 20, 22)).astype(np.float32)
    y = RNG.random((1, 40, 44)).astype(np.float32)
    outcome = by_normal_equations(problem_of(x, y, bias=False, ridge=0), Choice((4, 4)))
    weight = outcome.weights.reshape(1, 1, 4, 4)
    rest = conv_transpose2d(x.astype(float), weight, stride=2, pad=1) - y
    rest[:, [0, -1]] = rest[:, :, [0, -1]] = 0  # what the border has a part in
    # The transpose's gradient for its weight is a convolution's, with the sides swapped.
    _, gradient, _ = conv2d_backward(x.astype(float), rest, weight, stride=2, pad=1)
    assert np.abs(gradient).max() < 1e-9 * np.abs(rest).sum()

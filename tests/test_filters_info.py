"""``filters info``: numbers held to plain loops, and the lines that show them."""

from __future__ import annotations

import cmath
import json
from pathlib import Path

import numpy as np
import pytest

from convcli import Filter, conv2d, load_filter
from convcli.filters.analysis import axis_gains, profiles, ramp_offsets, ranks, response, symmetry
from convcli.filters.bundled import bundled_filters
from convcli.filters.sums import absolute_sums, sums
from convcli.kernel.engine.dispatch import METHODS
from convcli.pipeline.forecast import forecast
from convcli.pipeline.process import PROCESSING

RNG = np.random.default_rng(8)
FILTERS = {
    "odd": Filter(RNG.normal(size=(3, 5))),
    "even": Filter(RNG.normal(size=(4, 2)), divisor=3, flip=True),
    "dilated": Filter(RNG.normal(size=(3, 4)), dilation=(2, 3)),
    "separable": Filter(column=RNG.normal(size=4), row=RNG.normal(size=3), divisor=-2, flip=True),
    "colours": Filter(RNG.normal(size=(2, 3, 3, 3)), divisor="sum"),
    "bank": Filter(RNG.normal(size=(3, 1, 3, 2)), reduce="max"),
    "grouped": Filter(RNG.normal(size=(4, 2, 3, 3)), groups=2),
}


def gain(kernel: np.ndarray, dilation: tuple[int, int], fy: float, fx: float) -> float:
    """The magnitude of the sum of weights times waves, by loops; kernels of all channels added."""
    total = 0j
    for c in range(kernel.shape[0]):
        for u in range(kernel.shape[1]):
            for v in range(kernel.shape[2]):
                angle = 2 * cmath.pi * (fy * u * dilation[0] + fx * v * dilation[1])
                total += kernel[c, u, v] * cmath.exp(1j * angle)
    return abs(total)


@pytest.mark.parametrize("name", FILTERS)
def test_gains_are_those_of_the_definition(name: str) -> None:
    filter = FILTERS[name]
    at = [0, 0.07, 0.25, 0.5]
    down, across = axis_gains(filter, at)
    every = response(filter, at)
    for f, kernel in enumerate(filter.kernel):
        for k, y in enumerate(at):
            assert down[f, k] == pytest.approx(gain(kernel, filter.dilation, y, 0), abs=1e-12)
            assert across[f, k] == pytest.approx(gain(kernel, filter.dilation, 0, y), abs=1e-12)
            for j, x in enumerate(at):
                expected = gain(kernel, filter.dilation, y, x)
                assert every[f, k, j] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", FILTERS)
def test_sums_and_moments_tell_what_becomes_of_flat_pictures_and_ramps(name: str) -> None:
    filter = FILTERS[name]
    height, width = 21, 23
    across = np.tile(np.arange(width, dtype=float), (height, 1))
    down = np.tile(np.arange(height, dtype=float)[:, np.newaxis], (1, width))
    channels = filter.kernel_shape[1] * filter.groups
    totals = sums(filter)
    for plane, moments in zip((down, across), ramp_offsets(filter), strict=True):
        result = conv2d(
            np.stack([plane] * channels),
            filter.kernel,
            pad="same",
            dilation=filter.dilation,
            groups=filter.groups,
        )
        for f in range(len(result)):
            expected = totals[f] * plane[10, 11] + moments[f].sum()
            assert result[f, 10, 11] == pytest.approx(expected, abs=1e-9)


def test_sums_and_profiles_of_separable_filters_are_those_of_their_weights() -> None:
    filter = FILTERS["separable"]
    dense = Filter(filter.kernel[0, 0])
    for compute in (sums, absolute_sums):
        np.testing.assert_allclose(compute(filter), compute(dense))
    for mine, theirs in zip(profiles(filter), profiles(dense), strict=True):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, atol=1e-12)
    assert ranks(filter) == ranks(dense) == (1, 1)


def brute_sign(kernel: np.ndarray, moved: np.ndarray) -> int:
    if kernel.shape != moved.shape:
        return 0
    return int(np.allclose(kernel, moved)) or -int(np.allclose(kernel, -moved))


@pytest.mark.parametrize(
    ("column", "row"),
    [
        ([1, 2, 1], [1, 2, 1]),
        ([1, 2, 1], [-2, 0, 2]),
        ([-1, 1], [3, -3]),
        ([1, 2, 3], [-2, -4, -6]),
        ([1, 2, 3], [3, 2, 1]),
        ([1], [1, -1]),
        ([0, 1, 0], [1, 5, 1]),
    ],
)
def test_symmetry_of_column_and_row_is_that_of_the_weights(column: list, row: list) -> None:
    kernel = np.multiply.outer(column, row).astype(float)
    expected = tuple(
        brute_sign(kernel, moved)
        for moved in (kernel[:, ::-1], kernel[::-1], kernel[::-1, ::-1], kernel.T)
    )
    assert symmetry(Filter(column=column, row=row)) == expected
    assert symmetry(Filter(kernel)) == expected


def test_a_column_and_row_of_100_000_taps_are_never_multiplied_out() -> None:
    taps = np.full(100_001, 1.0)[:100_000]
    filter = Filter(column=taps, row=taps, divisor="sum", pad_mode="replicate")
    assert sums(filter) == pytest.approx(1)
    assert symmetry(filter) == (1, 1, 1, 1)
    down, across = axis_gains(filter, [0, 1e-5, 0.5])
    np.testing.assert_allclose([down[0], across[0]], [[1, 0, 0]] * 2, atol=1e-9)
    assert forecast(filter.override(pad="valid"), (110_000, 100_001)).method == "separable"


@pytest.mark.parametrize("name", ["sharpen", "sobel", "gaussian-blur-large", "sepia", "identity"])
def test_the_forecast_names_the_method_that_is_taken(name: str, monkeypatch) -> None:
    from convcli import Picture, apply_filters
    from convcli.images import Frame
    from convcli.kernel.engine.int16_bank import BlockFunction, Int16Bank
    from convcli.pipeline import interleaved_stages, operators, prepared

    taken: list[str] = []
    real = operators.prepare

    def prepare(problem, **given):
        method = real(problem, **given)
        taken.extend(key for key, kind in METHODS.items() if type(method) is kind)
        return method

    for_thread = Int16Bank.for_thread

    def in_integers(bank: Int16Bank, **given: bool) -> BlockFunction:
        taken.append("int16")
        return for_thread(bank, **given)

    for module in (operators, prepared, interleaved_stages):
        monkeypatch.setattr(module, "prepare", prepare)
    monkeypatch.setattr(Int16Bank, "for_thread", in_integers)
    size = (90, 120)
    samples = np.zeros((*size, 3), np.uint8)
    apply_filters(Picture((Frame.of(samples, "RGB"),)), [load_filter(name)])
    assert set(taken) == {forecast(load_filter(name), size).method}


def test_estimates_grow_with_the_picture() -> None:
    filter = load_filter("gaussian-blur")
    small, large = (forecast(filter, (1000, side)).seconds for side in (1000, 3000))
    assert large == pytest.approx(3 * small)
    assert PROCESSING.max_pixels < 9000 * 10_000
    assert forecast(filter, (9000, 10_000)).size == (9000, 10_000)


@pytest.fixture
def lines(run, tmp_path: Path):
    """The lines of ``filters info`` for a bundled filter, or for the entries of a filter file."""

    def report(filter: str | dict) -> list[str]:
        if isinstance(filter, dict):
            (tmp_path / "mine.json").write_text(json.dumps(filter))
            filter = str(tmp_path / "mine.json")
        ended = run("filters", "info", filter)
        assert ended.exit_code == 0, ended.output
        assert max(map(len, ended.stdout.splitlines())) <= 100
        return ended.stdout.splitlines()

    return report


def test_the_text_about_an_edge_filter(lines) -> None:
    text = lines("sobel-x")
    assert text[0].startswith("sobel-x: ")
    assert text[3:10] == [
        "  kernel     3×3, on each channel by itself",
        "  sum        0",
        "  flat area  becomes 0",
        "  ramp       across: becomes flat, 8 for a slope of 1 a pixel",
        "             down: becomes 0",
        "  rank       1: separable, a column times a row",
        "  symmetry   top-bottom; sign changes by left-right, half turn",
    ]
    assert text[-3:] == [
        "  gain at            0      1/4      1/2  Nyquist",
        "  across             0    5.657    8.000        0",
        "  down               0        0        0        0",
    ]
    (estimate,) = (line for line in text if "6000×4000 RGB of 8 bits" in line)
    assert " s " in estimate
    assert any("estimate" in line for line in text)


@pytest.mark.parametrize("name", bundled_filters())
def test_every_bundled_filter_is_described(name: str, lines) -> None:
    text = lines(name)
    assert text[0].startswith(f"{name}: ")
    assert sum(line.startswith("  gain at") for line in text) == 1


@pytest.mark.parametrize(
    ("entries", "label", "expected"),
    [
        (
            {"weight": [[2]], "bias": -0.5},
            "flat area",
            "v becomes 2·v - 0.5: white from v = 0.75 up",
        ),
        (
            {"weight": [[0, 0, 1]]},
            "ramp",
            "across: stays as it is, plus 1 for a slope of 1 a pixel",
        ),
        ({"weight": [[1, 1]], "divisor": 2}, "kernel", "2 wide, 1 high, on each channel by itself"),
        (
            {"column": [1, 2, 1], "row": [1, 2, 1]},
            "kernel",
            "3×3, on each channel by itself, given as column and row",
        ),
        ({"weight": [[[0.5]], [[0.5]], [[0]]]}, "flat area", "grey = 0.5·red + 0.5·green"),
        ({"weight": [[[[1]]], [[[-1]]], [[[1]]]], "groups": 3}, "", "green = -green"),
        (
            {"weight": [[[[1]]]] * 3, "groups": 3},
            "kernel",
            "1×1, from red, green, blue to red, green, blue in 3 groups",
        ),
        ({"weight": [[1, 2], [2, 1]]}, "rank", "2 of 2: not separable, full rank"),
        ({"weight": [[1, 2], [3, 5]]}, "symmetry", "none"),
        (
            {"weight": [[1]], "stride": [1, 2], "pad": [0, 1, 2, 3]},
            "settings",
            "stride 1,2, pad 0,1,2,3, pad mode zeros, dilation 1, range clip",
        ),
        (
            {"weight": [[1] * 7] * 7, "pad": "valid", "dilation": 1000},
            "computed",
            "does not fit a picture of 6000×4000:",
        ),
    ],
)
def test_single_facts(entries: dict, label: str, expected: str, lines) -> None:
    assert f"  {label:<11}{expected}" in lines(entries)


def test_of_a_large_bank_the_least_and_greatest_are_shown(lines) -> None:
    weight = RNG.normal(size=(64, 3, 7, 7))
    text = lines({"weight": weight.tolist()})
    totals = weight.sum((1, 2, 3))
    assert f"  sum        from {totals.min():.4g} to {totals.max():.4g}, by kernel" in text
    assert "  kernel     7×7, from red, green, blue to 64 channels" in text
    assert any(line.startswith("  across, greatest") for line in text)
    assert len(text) < 25


def test_an_unknown_filter_is_a_usage_error(run) -> None:
    ended = run("filters", "info", "sobell")
    assert ended.exit_code == 2
    assert "did you mean" in ended.stderr
    assert ended.stdout == ""


def test_control_characters_of_a_file_are_not_printed(lines) -> None:
    (first, *_) = lines({"weight": [[1]], "name": "a\x1b[31m", "description": "b\nc"})
    assert first == "a\\x1b[31m: b\\nc"


def test_kinds_are_described(run) -> None:
    ended = run("filters", "info", "gaussian:sigma=100")
    assert ended.exit_code == 0, ended.output
    text = ended.stdout.splitlines()
    assert text[0].startswith("gaussian:sigma=100: ")
    assert "  kernel     801×801, on each channel by itself, given as column and row" in text
    assert "  rank       1: separable, a column times a row" in text
    ended = run("filters", "info", "gaussian:sigma=-1")
    assert (ended.exit_code, ended.stdout) == (2, "")

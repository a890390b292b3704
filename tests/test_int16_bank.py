"""Banks of whole-number kernels in 16-bit passes: exact, and taken."""

from __future__ import annotations

import numpy as np
import pytest
from cases import MODES

from convcli import Filter, Picture, load_filter
from convcli.images import Frame
from convcli.kernel.engine import dispatch, int16_bank
from convcli.kernel.engine.int16_bank import Int16Bank
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.window import Window
from convcli.pipeline.operators import Convolution
from convcli.pipeline.process import Processing, process

BANKS = {
    "sobel": [[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]],
    "full rank": [[[1, -2, 0], [0, 3, 1], [5, 0, -7]], [[0, 0, 1], [0, 2, 0], [4, 0, 1]]],
    "three": np.random.default_rng(1).integers(-6, 7, (3, 3, 3)).tolist(),
    "one": [[[0, -1, 0], [-1, 4, -1], [0, -1, 0]]],
    "of quarters": [
        [[0.75, -1.25, 0], [1, 0.5, 0], [0, 2, 0]],
        [[0, 1, 0], [1.5, 0, -1.5], [0, 0, 1]],
    ],
    "nothing": [[[0, 0, 0], [0, 0, 0], [0, 0, 0]]],
}


def problem(kernel: object, mode: str = "zeros", bias: float = 0) -> ConvolutionProblem:
    weight = np.array(kernel, np.float32)[np.newaxis, np.newaxis, np.newaxis]
    window = Window((0, -2), (23, 17), weight.shape[3:], (1, 1), (2, 3), mode, 3)
    return ConvolutionProblem(weight, np.float32([[bias]]) if bias else None, window, 18)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("reduce", ["magnitude", "max", "sum", None])
@pytest.mark.parametrize("name", BANKS)
def test_samples_are_those_of_the_definition(name: str, reduce: str | None, mode: str) -> None:
    kernels = BANKS[name] if reduce else BANKS[name][:1]
    problems = [problem(kernel, mode) for kernel in kernels]
    source = np.random.default_rng(0).integers(0, 256, (1, 27, 54), np.uint8)
    values = np.empty((len(problems), 1, 23, 51))
    for each, into in zip(problems, values, strict=True):
        double = each._replace(weight=each.weight.astype(np.float64))
        dispatch.METHODS["direct"](double).rows(source, into, 0, 0, 23)
    exact = {
        "magnitude": np.sqrt((values**2).sum(0)),
        "max": values.max(0),
        "sum": values.sum(0),
        None: values[0],
    }[reduce][0]
    bank = Int16Bank.of(problems, reduce)
    assert bank is not None
    for is_absolute in (False, True):
        expected = np.abs(exact) if is_absolute else exact
        for block in (1, 120, 1 << 17):
            found = np.empty((23, 51), np.uint8)
            bank.for_thread(is_absolute=is_absolute, block_samples=block)(source, found)
            np.testing.assert_array_equal(found, np.floor(expected.clip(0, 255) + 0.5))


@pytest.mark.parametrize("mode", MODES)
def test_very_wide_rows_are_computed_some_columns_at_a_time(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = Int16Bank.of([problem(kernel, mode) for kernel in BANKS["sobel"]], "magnitude")
    assert bank is not None
    source = np.random.default_rng(0).integers(0, 256, (1, 27, 54), np.uint8)
    whole, in_parts = np.empty((2, 23, 51), np.uint8)
    bank.for_thread()(source, whole)
    widths = []
    columns = Int16Bank._columns
    monkeypatch.setattr(
        Int16Bank,
        "_columns",
        lambda bank, start, stop: (widths.append(stop - start), columns(bank, start, stop))[1],
    )
    monkeypatch.setattr(int16_bank, "MOST_SAMPLES", 21)
    bank.for_thread()(source, in_parts)
    assert widths == [7, 7, 3]
    np.testing.assert_array_equal(in_parts, whole)


def test_only_whole_numbers_whose_sums_fit_are_taken() -> None:
    fits = problem([[128]])
    assert Int16Bank.of([fits], None) is not None
    assert Int16Bank.of([problem([[129]])], None) is None
    assert Int16Bank.of([fits, fits], "magnitude") is None
    assert Int16Bank.of([fits, fits], "sum") is None
    assert Int16Bank.of([problem([[1.1]])], None) is None
    assert Int16Bank.of([fits, problem([[1.5]])], "max") is None
    assert Int16Bank.of([fits, problem([[1]], bias=3)], "max") is None


@pytest.mark.parametrize(
    ("filter", "is_taken"),
    [
        (load_filter("sobel"), True),
        (load_filter("edge-detect"), True),
        (load_filter("kirsch"), True),
        (load_filter("sobel").override(range="rescale"), False),
        (Filter([[0.3, 0.4]], range="abs"), False),
    ],
)
def test_pictures_are_filtered_by_it(
    filter: Filter, is_taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    rows = int16_bank._Thread.rows

    def counted(thread: object, *arguments: object) -> None:
        calls.append(1)
        rows(thread, *arguments)

    monkeypatch.setattr(int16_bank._Thread, "rows", counted)
    samples = np.random.default_rng(0).integers(0, 256, (30, 20, 3), np.uint8)
    process(Picture((Frame.of(samples, "RGB"),)), [Convolution(filter)], Processing())
    assert bool(calls) == is_taken

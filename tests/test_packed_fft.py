"""Means of 8-bit samples in packed transforms, against the definition in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import MODES

from convcli import Picture, make_filter
from convcli.filters.kinds.smoothing import disk, motion
from convcli.images import Frame
from convcli.kernel import reference
from convcli.kernel.engine import dispatch
from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.dispatch import METHODS, choose, costs, size_of
from convcli.kernel.engine.method import RowFunction
from convcli.kernel.engine.packed_fft import LONGEST, MOST_TILE, PLANES, PackedFFT, packed_kernel
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.engine.tiles import LENGTHS, even_tiles
from convcli.kernel.window import Window
from convcli.pipeline.operators import Convolution
from convcli.pipeline.process import Processing, process
from convcli.pipeline.strips import StripSizes

NOISE = 0.005
"""Levels that a sum may be off by rounded weights and transforms, besides the last rounding."""

KERNELS = {
    "disk": np.asarray(disk(6.3)["weight"]),
    "line": np.asarray(motion(21, 30)["weight"]),
    "even size": np.random.default_rng(5).random((8, 12)) / 97,
    "column": np.random.default_rng(6).random((61, 1)) / 61,
}


def problem(
    kernel: np.ndarray,
    size: tuple[int, int],
    mode: str = "zeros",
    channels: int = 1,
    dilation: tuple[int, int] = (1, 1),
) -> ConvolutionProblem:
    taps_y, taps_x = kernel.shape
    origin = -(taps_y // 2) * dilation[0], -(taps_x // 2) * dilation[1]
    window = Window(origin, size, (taps_y, taps_x), (1, 1), dilation, mode, channels)
    weight = kernel.astype(np.float32)[np.newaxis, np.newaxis, np.newaxis]
    return ConvolutionProblem(weight, None, window, size[1])


def computed(given: ConvolutionProblem, source: np.ndarray) -> np.ndarray:
    found = np.empty_like(source)
    dispatch.run(PackedFFT(given), source, found)
    return found


def sums(given: ConvolutionProblem, source: np.ndarray) -> np.ndarray:
    found = np.empty(source.shape)
    doubles = given._replace(weight=given.dense.astype(np.float64))
    dispatch.run(METHODS["direct"](doubles), source, found)
    return found


def pictures(size: tuple[int, int], channels: int) -> dict[str, np.ndarray]:
    """Return samples (1, 1, H, W·channels): noise, and what is as large and steep as can be."""
    shape = (1, 1, size[0], size[1] * channels)
    rng = np.random.default_rng(1)
    rows, columns = np.indices(shape[2:])
    return {
        "noise": rng.integers(0, 256, shape, np.uint8),
        "white": np.full(shape, 255, np.uint8),
        "extremes": rng.choice(np.array([0, 255], np.uint8), shape),
        "halves": np.where(columns < columns.mean(), 0, 255).astype(np.uint8).reshape(shape),
        "checks": ((rows + columns // channels) % 2 * 255).astype(np.uint8).reshape(shape),
    }


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("size", [(1, 1), (37, 29), (61, 140)])
@pytest.mark.parametrize("name", KERNELS)
def test_results_are_the_rounded_sums(
    name: str, size: tuple[int, int], channels: int, mode: str
) -> None:
    given = problem(KERNELS[name], size, mode, channels)
    for kind, source in pictures(size, channels).items():
        error = np.abs(computed(given, source) - sums(given, source)).max()
        assert error <= 0.5 + NOISE, kind


def test_results_are_those_of_the_loops() -> None:
    kernel, source = KERNELS["disk"], pictures((23, 26), 1)["noise"]
    given = problem(kernel, (23, 26))
    pads = kernel.shape[0] // 2, kernel.shape[1] // 2
    expected = reference.conv2d(
        source[0].astype(np.float64), kernel[np.newaxis, np.newaxis], pads=(*pads, *pads)
    )
    assert np.abs(computed(given, source)[0] - expected).max() <= 0.5 + NOISE


def test_several_tiles_each_way_are_the_rounded_sums() -> None:
    size = (700, 530)
    given = problem(KERNELS["line"], size, "reflect", 3)
    rows, columns = PackedFFT(given).tiles
    assert rows.number > 1
    assert columns.number > 1
    source = pictures(size, 3)["extremes"]
    assert np.abs(computed(given, source) - sums(given, source)).max() <= 0.5 + NOISE


@pytest.mark.parametrize("level", [1, 127, 128, 254, 255])
def test_flat_pictures_stay_flat(level: int) -> None:
    given = problem(np.asarray(disk(20)["weight"]), (50, 90), "replicate", 3)
    source = np.full((1, 1, 50, 270), level, np.uint8)
    np.testing.assert_array_equal(computed(given, source), source)


def test_dilated_kernels_are_the_rounded_sums() -> None:
    given = problem(KERNELS["even size"], (40, 53), "circular", 3, dilation=(3, 2))
    source = pictures((40, 53), 3)["noise"]
    assert np.abs(computed(given, source) - sums(given, source)).max() <= 0.5 + NOISE


def test_results_do_not_depend_on_threads() -> None:
    size = (300, 90)
    given = problem(KERNELS["disk"], size, "replicate", 3)
    source = pictures(size, 3)["noise"]
    found = [np.empty_like(source) for _ in range(3)]
    for threads, into in enumerate(found, 1):
        dispatch.run(PackedFFT(given), source, into, threads=threads)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_a_tile_shows_nothing_of_the_one_before() -> None:
    size = (300, 90)
    given = problem(KERNELS["disk"], size, "zeros", 3)
    method, noise = PackedFFT(given), pictures(size, 3)["noise"]
    method.rows(noise[0], np.empty_like(noise)[0], 0, 0, 300)
    found, fresh = np.empty_like(noise), computed(given, noise)
    for start in range(0, 300, method.step):  # the last tile is shorter
        method.rows(noise[0], found[0], 0, start, min(start + method.step, 300))
    np.testing.assert_array_equal(found, fresh)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["L", "RGB"])
def test_pictures_are_convolved_so(kind: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    class Watched(PackedFFT):
        @staticmethod
        def cost(size: ProblemSize) -> float | None:
            return 0.0 if size.is_packable else None  # chosen whatever is cheapest here

        def for_thread(self) -> RowFunction:
            taken.append(self)
            return super().for_thread()

    monkeypatch.setitem(METHODS, "packed fft", Watched)
    channels, size = len(kind), (150, 330 // len(kind))
    samples = pictures(size, channels)["extremes"].reshape(*size, channels)
    blur = make_filter("disk", radius=7.3).override(pad_mode=mode)
    given = problem(np.asarray(disk(7.3)["weight"]), size, mode, channels)
    exact = sums(given, _row(samples))
    for threads, reuse in ((1, False), (3, False), (3, True)):
        picture = Picture((Frame.of(samples.copy(), kind),))
        processing = Processing(reuse=reuse, strips=StripSizes(threads=threads))
        made = process(picture, [Convolution(blur)], processing).frames[0].samples
        assert taken
        assert np.abs(_row(made) - exact).max() <= 0.5 + NOISE


def _row(samples: np.ndarray) -> np.ndarray:
    return samples.reshape(1, 1, len(samples), -1)


@pytest.mark.parametrize("kernel", [disk(20), disk(60), motion(41, 30), motion(101, 17)])
def test_large_means_of_bytes_alone_are_packed(kernel: dict[str, Any]) -> None:
    given = problem(np.asarray(kernel["weight"]), (1000, 1500), "replicate", 3)
    assert choose(given, from_bytes=True) == "packed fft"
    assert choose(given) == "fft"
    assert choose(given, from_words=True) == "fft"
    assert choose(given, from_bytes=True, to_floats=True) == "fft"


def _not_means() -> dict[str, ConvolutionProblem]:
    given = problem(KERNELS["disk"], (40, 50))
    negative = given.dense.copy()
    negative[..., 0, 0] = -0.001
    return {
        "whole": given._replace(weight=np.rint(given.dense * 100) / np.float32(2**14)),
        "negative": given._replace(weight=negative),
        "sum": given._replace(weight=given.dense * np.float32(1.01)),
        "stride": given._replace(window=given.window._replace(stride=(1, 2))),
        "bias": given._replace(bias=np.zeros((1, 1), np.float32)),
        "two": given._replace(weight=np.concatenate([given.dense, given.dense], 1)),
        "small": problem(np.full((6, 8), 0.3 / 48), (40, 50)),
    }


@pytest.mark.parametrize("name", _not_means())
def test_other_kernels_are_not(name: str) -> None:
    given = _not_means()[name]
    assert packed_kernel(given) is None
    assert "packed fft" not in costs(size_of(given, from_bytes=True))
    with pytest.raises(ValueError, match="not the weights of a mean"):
        PackedFFT(given)


def test_rounded_weights_sum_to_the_same_and_are_near() -> None:
    kernel = np.asarray(disk(60)["weight"], np.float32)
    rounded = packed_kernel(problem(kernel, (9, 9)))
    assert rounded is not None
    assert abs(rounded.sum() - kernel.sum(dtype=np.float64)) <= 2.0**-25
    assert np.abs(rounded - kernel).max() < 2.0**-24
    # So many weights that their errors may add up to a tenth of a level.
    many = np.random.default_rng(0).random((200, 200))
    assert packed_kernel(problem(many / many.sum(), (9, 9))) is None


def test_kernels_that_take_large_tiles_are_left_to_others() -> None:
    taps = 1500
    assert even_tiles(taps, taps, PLANES, longest=LONGEST).length ** 2 > MOST_TILE
    weight = np.zeros((1, 1, 1, taps, taps), np.float32)
    given = problem(KERNELS["disk"], (taps, taps))
    window = given.window._replace(kernel=(taps, taps))
    size = ProblemSize.of(given._replace(weight=weight, window=window))
    assert PackedFFT.cost(size._replace(is_packable=True)) is None


@pytest.mark.parametrize("kernel", [1, 3, 41, 121, 400])
@pytest.mark.parametrize("size", [1, 40, 1536, 2048, 6000])
def test_tiles_cover_an_axis_evenly(size: int, kernel: int) -> None:
    for at_once, planes in ((1, 1), (2, 1), (4, 3), (4, 1)):
        longest = max(LONGEST, 4 * kernel)
        tiles = even_tiles(size, kernel, at_once, planes, longest=longest)
        assert tiles.length in LENGTHS
        assert tiles.valid + kernel - 1 <= tiles.length
        assert tiles.valid * (tiles.number - 1) < size <= tiles.valid * tiles.number
        assert tiles.length <= longest

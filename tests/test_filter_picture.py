"""``filters info --picture``: the kernel and its frequency response, probed pixel by pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import Filter, load_filter
from convcli.drawing.cells import cells
from convcli.drawing.colours import gain_colours, signed_colours
from convcli.drawing.kernels import GAP, LEFT, SIDE, TOP, filter_picture
from convcli.filters.bundled import bundled_filters

RESPONSE = LEFT + SIDE + GAP
"""The first column of the panel with the response."""

NEGATIVE, GREY, POSITIVE = (5, 41, 92), (237, 237, 237), (89, 0, 20)
LEAST, MOST = (0, 34, 78), (254, 232, 56)


def drawn(filter: Filter) -> np.ndarray:
    (frame,) = filter_picture(filter).frames
    assert (frame.mode, frame.raster.dtype) == ("RGB", np.uint8)
    return frame.samples


def pixel(page: np.ndarray, y: float, x: float) -> tuple[int, ...]:
    return tuple(page[round(y), round(x)].tolist())


def near(actual: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    return max(abs(a - b) for a, b in zip(actual, expected, strict=True)) <= 2


def test_colours_at_both_ends_and_in_the_middle() -> None:
    signed = signed_colours(np.array([[-2.0, 0, 2, np.nan]]), 2)[0].tolist()
    assert [tuple(c) for c in signed] == [NEGATIVE, GREY, POSITIVE, GREY]
    gains = gain_colours(np.array([[0.0, 3, 9]]), 3)[0].tolist()
    assert [tuple(c) for c in gains] == [LEAST, MOST, MOST]


def test_both_scales_are_read_without_colours_too() -> None:
    """The darkness of signed colours grows with the magnitude, the light of gains with the gain."""
    luma = np.array([0.299, 0.587, 0.114])
    signed = signed_colours(np.linspace(0, 1, 50)[np.newaxis], 1)[0] @ luma
    assert (np.diff(signed) < 0).all()
    assert (np.diff(signed_colours(np.linspace(0, -1, 50)[np.newaxis], 1)[0] @ luma) < 0).all()
    assert (np.diff(gain_colours(np.linspace(0, 1, 50)[np.newaxis], 1)[0] @ luma) > 0).all()


def test_cells_have_the_colours_of_their_weights() -> None:
    page = drawn(load_filter("sobel-x"))
    cell = SIDE // 3
    for row, weights in enumerate(([-1, 0, 1], [-2, 0, 2], [-1, 0, 1])):
        for column, weight in enumerate(weights):
            probe = pixel(page, TOP + (row + 0.1) * cell, LEFT + (column + 0.1) * cell)
            expected = signed_colours(np.array([[float(weight)]]), 2.0)[0, 0]
            assert near(probe, tuple(expected.tolist()))


def test_the_response_is_zero_in_the_middle_of_an_edge_filter_and_largest_where_it_should_be() -> (
    None
):
    page = drawn(load_filter("sobel-x"))
    middle = TOP + SIDE // 2
    assert near(pixel(page, middle, RESPONSE + SIDE // 2), LEAST)
    assert near(pixel(page, middle, RESPONSE + SIDE / 4), MOST)
    assert near(pixel(page, middle, RESPONSE + SIDE * 3 / 4), MOST)
    assert near(pixel(page, TOP, RESPONSE + SIDE / 4), LEAST)


def test_the_response_lies_as_the_picture_does() -> None:
    """Along the falling diagonal, motion blur passes waves whose crests fall: fy = -fx."""
    page = drawn(load_filter("motion-blur"))
    half, quarter = SIDE // 2, SIDE / 4
    assert near(pixel(page, TOP + half + quarter, RESPONSE + half - quarter), MOST)
    assert not near(pixel(page, TOP + half + quarter, RESPONSE + half + quarter), MOST)


def test_a_narrow_response_is_magnified() -> None:
    taps = np.exp(-(np.arange(-90, 91) ** 2) / (2 * 30.0**2))
    page = drawn(Filter(column=taps, row=taps, divisor="sum"))
    panel = page[TOP : TOP + SIDE, RESPONSE : RESPONSE + SIDE]
    bright = (panel == MOST).all(2) | (panel[..., 0] > 100)
    assert 0.01 < bright.mean() < 0.5
    assert near(pixel(page, TOP + SIDE // 2, RESPONSE + SIDE // 2), MOST)


def test_a_huge_separable_kernel_is_never_multiplied_out() -> None:
    taps = np.ones(50_000)
    page = drawn(Filter(column=taps, row=taps, divisor="sum"))
    assert near(pixel(page, TOP + SIDE // 2, LEFT + SIDE // 2), POSITIVE)


@pytest.mark.parametrize("name", bundled_filters())
def test_every_bundled_filter_is_drawn(name: str) -> None:
    filter = load_filter(name)
    page = drawn(filter)
    is_point = filter.kernel_shape[2:] == (1, 1)
    assert page.shape[1] == RESPONSE + SIDE + 28 - (GAP + SIDE) * is_point
    assert (page[:5] == 255).all()
    assert (page[:, -1] == 255).all()
    assert page[TOP : TOP + SIDE, LEFT : LEFT + SIDE].min() < 160


@pytest.mark.parametrize(
    "shape",
    [
        *((2, 3, 3, 3), (64, 3, 7, 7), (5, 1, 1, 9)),
        *((300, 64, 1, 1), (1, 900, 3, 3), (1, 1, 500, 3)),
    ],
)
def test_banks_of_every_shape_stay_in_their_panels(shape: tuple[int, ...]) -> None:
    page = drawn(Filter(np.random.default_rng(4).normal(size=shape)))
    assert (page[TOP : TOP + SIDE, :LEFT] == 255).all()
    if page.shape[1] > RESPONSE:
        assert (page[TOP : TOP + SIDE, LEFT + SIDE : RESPONSE - 60] == 255).all()
    assert (page[TOP : TOP + SIDE, LEFT : LEFT + SIDE] != 255).any()


def test_a_kernel_of_zeros_is_drawn() -> None:
    page = drawn(Filter([[0, 0], [0, 0]]))
    assert near(pixel(page, TOP + SIDE / 4, LEFT + SIDE / 4), GREY)


def test_numbers_are_left_out_of_small_cells() -> None:
    kernel = np.array([[1.0, -0.5]])
    small, large = cells(kernel, 1, 20), cells(kernel, 1, 40)
    assert len(np.unique(small.reshape(-1, 3), axis=0)) == 3  # two weights and the lines
    assert len(np.unique(large.reshape(-1, 3), axis=0)) > 5


def test_the_command_writes_text_and_picture(run, tmp_path: Path) -> None:
    target = tmp_path / "new" / "sobel.png"
    ended = run("filters", "info", "sobel", "--picture", target)
    assert ended.exit_code == 0, ended.output
    assert ended.stdout == run("filters", "info", "sobel").stdout
    with Image.open(target) as image:
        np.testing.assert_array_equal(np.asarray(image), drawn(load_filter("sobel")))
    for args, text in (
        (("--picture", target), "exists already"),
        (("--picture", tmp_path / "a.nix"), "image format that can be written"),
        (("--picture", "-"), "give --picture a file"),
    ):
        ended = run("filters", "info", "sobel", *args)
        assert (ended.exit_code, text in ended.stderr, ended.stdout) == (2, True, ""), ended.output
    ended = run("filters", "info", "sobel-x", "--picture", target, "--overwrite")
    assert ended.exit_code == 0

"""Fits of pictures that other tools made; ``tests/data/other_tools/make.sh`` has the commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convcli import Fit, fit_filter, read_image

FOLDER = Path(__file__).parent / "data" / "other_tools"


def fit_of(name: str, size: int) -> Fit:
    """Fit quickly: size and linear light are not searched for."""
    before, after = (read_image(FOLDER / f"{which}.png") for which in ("before", name))
    return fit_filter(before, after, size=size, linear=False)


@pytest.mark.parametrize(
    ("picture", "name", "weight", "divisor"),
    [
        ("vips-conv", "binomial:order=2", [[1, 2, 1], [2, 4, 2], [1, 2, 1]], 16),
        ("gm-convolve", "sharpen", [[0, -1, 0], [-1, 5, -1], [0, -1, 0]], 1),
        ("pillow-SMOOTH", "Pillow's SMOOTH", [[1, 1, 1], [1, 5, 1], [1, 1, 1]], 13),
        (
            "pillow-EDGE_ENHANCE",
            "Pillow's EDGE_ENHANCE",
            [[-1, -1, -1], [-1, 10, -1], [-1, -1, -1]],
            2,
        ),
        (
            "pillow-FIND_EDGES",
            "Pillow's FIND_EDGES",
            [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
            1,
        ),
    ],
)
def test_kernels_of_whole_numbers_come_out_exactly(
    picture: str, name: str, weight: list[list[int]], divisor: int
) -> None:
    fit = fit_of(picture, 5)
    assert (fit.name, fit.is_snapped) == (name, True)
    np.testing.assert_array_equal(fit.filter.weight, weight)
    assert fit.filter.divisor == divisor


def test_the_blur_of_graphicsmagick_is_a_gaussian() -> None:
    """Its ``-blur 0x2`` averages a Gaussian of sigma 2 over thirds of pixels: sqrt(4 + 2/27)."""
    fit = fit_of("gm-blur", 13)
    assert fit.name == "gaussian:sigma=2.02"
    assert fit.size == (13, 13)
    steps = np.arange(-6.5 + 1 / 6, 6.5, 1 / 3)
    line = np.exp(-(steps**2) / 8).reshape(13, 3).sum(1)
    line /= line.sum()
    np.testing.assert_allclose(fit.filter.kernel[0, 0], np.outer(line, line), atol=5e-4)


def test_the_sharpening_of_imagemagick_is_an_unsharp_mask() -> None:
    """Its ``-sharpen 0x1`` is a negative Gaussian whose centre makes up for its sum, twice."""
    fit = fit_of("convert-sharpen", 7)
    assert fit.name == "unsharp:sigma=1,amount=0.86"
    assert fit.is_rounding_alone
    assert fit.size == (7, 7)
    line = np.exp(-(np.arange(-3.0, 4) ** 2) / 2)
    expected = -np.outer(line, line)
    expected[3, 3] = -2 * expected.sum()
    np.testing.assert_allclose(fit.filter.kernel[0, 0], expected / expected.sum(), atol=1e-3)

"""Stages, linear light and filters across channels on samples as they lie, against planes."""

from __future__ import annotations

import numpy as np
import pytest
from cases import MODES

from convcli import Filter, Picture, load_filter
from convcli.images import Frame
from convcli.pipeline import interleaved_stages
from convcli.pipeline import process as process_module
from convcli.pipeline.operators import Convolution
from convcli.pipeline.process import Processing, process
from convcli.pipeline.strips import StripSizes

BLUR, SHARPEN, SEPIA = (load_filter(name) for name in ("gaussian-blur", "sharpen", "sepia"))
SOBEL, GREY = load_filter("sobel"), load_filter("grayscale")
UNEVEN = Filter([[0.3, -0.7, 0.11], [0.2, 0.5, -0.31]], bias=0.2, dilation=(2, 1), pad="valid")
EVERY_OTHER_ROW = Filter([[0.2], [0.5]], stride=(2, 1))
GROUPS = Filter([[[[1.0, 2.0]]], [[[0.5, 0.2]]], [[[3.0, 1.0]]]], groups=3, divisor=4, bias=0.1)
CHAINS = {
    "two": [SHARPEN, BLUR],
    "three": [UNEVEN, BLUR, UNEVEN],
    "bank first": [SOBEL, BLUR],
    "bank last": [BLUR, SOBEL],
    "channels": [SEPIA],
    "channels within": [BLUR, SEPIA, SHARPEN],
    "fewer channels": [GREY, SOBEL],
    "groups": [GROUPS, BLUR],
    "absolute": [BLUR, load_filter("edge-detect")],
    "channels, absolute": [GROUPS.override(range="abs", bias=-0.3)],
    "stride": [EVERY_OTHER_ROW, BLUR],
}


def frame_of(dtype: type, size: tuple[int, int] = (37, 23)) -> Frame:
    top = np.iinfo(dtype).max
    samples = np.random.default_rng(5).integers(0, top + 1, (*size, 3), dtype)
    samples[:, :7] = samples[:, :7] // (top // 2 + 1) * top
    return Frame.of(samples, "RGB")


def exact(filters: list[Filter], frame: Frame, *, linear: bool) -> np.ndarray:
    """Return the unrounded result (H, W, C) on the scale of samples, computed in planes."""
    operators = [Convolution(filter) for filter in filters]
    result = process(Picture((frame,)), operators, Processing(as_float=True, linear=linear))
    values = result.frames[0].samples.astype(np.float64)
    if filters[-1].range == "abs":
        values = np.abs(values)
    values = np.clip(values, 0, 1)
    if linear:
        curve = 1.055 * values ** (1 / 2.4) - 0.055
        values = np.where(values <= 0.0031308, values * 12.92, curve)
    return values * np.iinfo(frame.raster.dtype).max


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", CHAINS)
def test_samples_are_nearest_to_what_planes_have(
    name: str, dtype: type, linear: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame, filters = frame_of(dtype), CHAINS[name]
    expected = exact(filters, frame, linear=linear)
    operators = [Convolution(filter) for filter in filters]
    top = np.iinfo(dtype).max
    for block, strips in ((1 << 19, StripSizes()), (1, StripSizes(rows=5, least_samples=1))):
        monkeypatch.setattr(interleaved_stages, "BLOCK_SAMPLES", block)
        monkeypatch.setattr(interleaved_stages, "HALO_MULTIPLE", 0)
        processing = Processing(linear=linear, strips=strips)
        found = process(Picture((frame,)), operators, processing).frames[0].samples
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=0, atol=0.5 + 2e-5 * top)


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("mapping", ["clip", "abs"])
def test_sums_beyond_every_number_are_white_or_black(mapping: str, linear: bool) -> None:
    huge = Filter([[1e30, -1e30]], range=mapping)
    samples = np.zeros((4, 40, 3), np.uint8)
    samples[:, 20:] = 255
    operators = [Convolution(huge), Convolution(huge)]
    result = process(Picture((Frame.of(samples, "RGB"),)), operators, Processing(linear=linear))
    found = result.frames[0].samples
    assert set(np.unique(found)) <= {0, 255}
    assert (found[:, :18] == 0).all()
    assert (found[:, 22:-2] == 0).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["two", "channels within"])
def test_pictures_overwritten_in_place_are_the_same(name: str, mode: str) -> None:
    operators = [Convolution(filter.override(pad_mode=mode)) for filter in CHAINS[name]]
    strips = StripSizes(rows=4, least_samples=1)
    frame = frame_of(np.uint8)
    apart = process(Picture((frame,)), operators, Processing(strips=strips)).frames[0].samples
    in_place = process(Picture((frame,)), operators, Processing(strips=strips, reuse=True))
    np.testing.assert_array_equal(in_place.frames[0].samples, apart)


@pytest.mark.parametrize(
    ("filters", "mode", "options", "is_taken"),
    [
        ([SHARPEN, BLUR], "RGB", {}, True),
        ([BLUR], "RGB", {"linear": True}, True),
        ([SEPIA], "RGB", {}, True),
        ([BLUR], "RGB", {}, False),  # which is faster alone
        ([SHARPEN, BLUR], "RGBA", {}, False),
        ([SHARPEN, BLUR.override(range="rescale")], "RGB", {}, False),
        ([SHARPEN, BLUR.override(stride=2)], "RGB", {}, False),
        ([SHARPEN, BLUR], "RGB", {"as_float": True}, False),
        ([SHARPEN, BLUR], "RGB", {"depth": "16"}, False),
    ],
)
def test_the_route_is_taken(
    filters: list[Filter],
    mode: str,
    options: dict[str, object],
    is_taken: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[object] = []

    def counted(*arguments: object, **named: object) -> None:
        calls.append(arguments)
        interleaved_stages.convolve_stages(*arguments, **named)

    monkeypatch.setattr(process_module, "convolve_stages", counted)
    samples = np.random.default_rng(0).integers(0, 256, (9, 8, len(mode)), np.uint8)
    operators = [Convolution(filter) for filter in filters]
    process(Picture((Frame.of(samples, mode),)), operators, Processing(**options))
    assert bool(calls) == is_taken

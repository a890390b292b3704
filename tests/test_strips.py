"""Pictures cut into strips of odd sizes, held against whole arrays through the kernel's verbs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from cases import MODES

from convcli import Filter, Picture, ShapeError, apply_filters, conv2d, conv_transpose2d
from convcli import upsample as upsample_picture
from convcli.images import Frame
from convcli.kernel.geometry import conv_geometry, conv_transpose_geometry, span
from convcli.pipeline.evaluate import strips

CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


@dataclass(frozen=True)
class Case:
    """A picture, the filters that it goes through, and how it is cut."""

    samples: np.ndarray = field(repr=False)
    mode: str
    filters: tuple[Filter, ...]
    rows: int
    transposed: bool

    @property
    def picture(self) -> Picture:
        return Picture((Frame.of(self.samples.copy(), self.mode),), "PNG")

    def result(self, **options: bool) -> np.ndarray:
        """Return the samples (H, W, C) of the result."""
        if self.transposed:
            options.pop("reuse", None)
            return upsample_picture(self.picture, self.filters[0], **options).frames[0].samples
        return apply_filters(self.picture, self.filters, **options).frames[0].samples


def random_filter(rng: np.random.Generator, transposed: bool) -> Filter:
    kernel = rng.integers(1, 7, 2)
    weight = rng.random(kernel) + 0.1
    reach = [int(n) for n in rng.integers(0, rng.choice([2, 4, 40]), 4)]
    pad = rng.choice(np.array(["same", "valid", reach], object))
    stride = [int(n) for n in rng.integers(1, rng.choice([2, 4, 9]), 2)]
    return Filter(
        weight,
        divisor=float(weight.sum()),
        stride=stride[0] if transposed else stride,
        dilation=[int(n) for n in rng.integers(1, 4, 2)],
        pad=pad,
        pad_mode=str(rng.choice(MODES)),
        preserve_alpha=bool(rng.random() < 0.5),
    )


def case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    mode, transposed = str(rng.choice(list(CHANNELS))), bool(rng.random() < 0.3)
    size = rng.integers(1, 60), rng.integers(1, 12)
    samples = rng.integers(60, 256, (*size, CHANNELS[mode]), np.uint8)
    count = 1 if transposed else int(rng.choice([1, 1, 2, 3]))
    filters = tuple(random_filter(rng, transposed) for _ in range(count))
    return Case(samples, mode, filters, int(rng.integers(1, 9)), transposed)


def whole(one: Case) -> np.ndarray:
    """Return what the kernel's verbs make of the whole array, (H, W, C) on the 0-1 scale."""
    planes = one.samples.transpose(2, 0, 1) / 255
    has_alpha = one.mode.endswith("A")
    for chosen in one.filters:

        def convolved(planes: np.ndarray, chosen: Filter = chosen) -> np.ndarray:
            options = {"pad": chosen.pad, "pad_mode": chosen.pad_mode, "dilation": chosen.dilation}
            verb = conv_transpose2d if one.transposed else conv2d
            stride = chosen.stride or (2 if one.transposed else 1)
            return verb(planes[:, None], chosen.kernel, stride=stride, **options)[:, 0]

        colour, alpha = planes[: len(planes) - has_alpha], planes[len(planes) - has_alpha :]
        if not has_alpha:
            planes = convolved(colour)
        elif chosen.preserve_alpha:
            planes = np.concatenate([convolved(colour), sampled(alpha, chosen, one.transposed)])
        else:
            weight = convolved(alpha)
            visible = weight > 1e-6
            colour = convolved(colour * alpha) / np.where(visible, weight, 1) * visible
            planes = np.concatenate([colour, weight])
    return planes.transpose(1, 2, 0)


def sampled(alpha: np.ndarray, chosen: Filter, transposed: bool) -> np.ndarray:
    """Return alpha as it stands under the kernel's centre."""
    size, kernel = alpha.shape[1:], chosen.kernel.shape[2:]
    if transposed:
        settled = conv_transpose_geometry(
            size, kernel, chosen.stride or 2, chosen.pad, 0, chosen.dilation
        )
        index = []
        for k in (0, 1):
            centre = (span(kernel[k], settled.dilation[k]) - 1) / 2 - settled.pads[k]
            nearest = (np.arange(settled.image[k]) - centre) / settled.stride[k] + 0.5
            index.append(np.clip(np.floor(nearest).astype(int), 0, size[k] - 1))
        return alpha[:, index[0]][:, :, index[1]]
    settled = conv_geometry(size, kernel, chosen.stride or 1, chosen.pad, chosen.dilation)
    spans = [span(kernel[k], settled.dilation[k]) for k in (0, 1)]
    centre = np.zeros((1, 1, *spans))
    centre[0, 0, (spans[0] - 1) // 2, (spans[1] - 1) // 2] = 1
    options = {"stride": settled.stride, "pad": settled.pads, "pad_mode": chosen.pad_mode}
    return conv2d(alpha[:, None], centre, **options)[:, 0]


@pytest.mark.parametrize("start", range(0, 160, 10))
def test_strips_of_every_shape_are_the_whole_picture(
    start: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strips, "STRIP_SAMPLES", 0)
    done = 0
    for seed in range(start, start + 10):
        one = case(seed)
        try:
            expected = whole(one)
        except ShapeError:  # nothing would be left of the picture
            continue
        done += 1
        for least in ("STRIP_ROWS", "LAYERED_ROWS"):
            monkeypatch.setattr(strips, least, one.rows)
        monkeypatch.setattr(strips, "WORTH_A_THREAD", 0 if seed % 4 == 0 else 10**9)
        for reach_is_kept in (False, True):
            with monkeypatch.context() as patch:
                if not reach_is_kept:
                    patch.setattr(strips, "_reach", lambda stages: 0)
                note = f"seed {seed}: {one}"
                raw = one.result(as_float=True)
                assert raw.shape == expected.shape, note
                np.testing.assert_allclose(raw, expected, atol=1e-4, err_msg=note)
                made = one.result(reuse=reach_is_kept)
                assert made.dtype == np.uint8, note
                clipped = np.clip(expected, 0, 1) * 255
                np.testing.assert_allclose(made, clipped, atol=0.53, err_msg=note)
    assert done > 3


WALKS = {
    "backwards": [Filter([[1.0]], pad=(20, 0, 19, 0), stride=(2, 1))],
    "away": [Filter(np.ones((5, 1)), pad="valid"), Filter([[1.0]], pad=(0, 0, 4, 0))],
    "up": [Filter(np.ones((9, 1)), pad=(0, 0, 8, 0)), Filter([[1.0]], pad=(0, 0, 0, 0))],
    "down and up": [Filter(np.ones((9, 1)), pad=pad) for pad in ((0, 0, 8, 0), (8, 0, 0, 0))],
}


@pytest.mark.parametrize("walk", list(WALKS))
@pytest.mark.parametrize("pad_mode", MODES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_result_in_its_pictures_own_memory_is_that_in_fresh_memory(
    walk: str, pad_mode: str, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = np.iinfo(dtype).max
    samples = np.random.default_rng(3).integers(0, top // 20, (40, 5, 1)).astype(dtype)
    filters = [one.override(pad_mode=pad_mode) for one in WALKS[walk]]
    expected = apply_filters(Picture((Frame.of(samples.copy(), "L"),)), filters).frames[0].samples
    for rows in (1, 3, 7, 13):
        for least in ("STRIP_ROWS", "LAYERED_ROWS"):
            monkeypatch.setattr(strips, least, rows)
        monkeypatch.setattr(strips, "STRIP_SAMPLES", 0)
        picture = Picture((Frame.of(samples.copy(), "L"),))
        result = apply_filters(picture, filters, reuse=True).frames[0].samples
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("taps", [3, 9, 31])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_results_do_not_depend_on_the_number_of_processors(
    taps: int, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(taps)
    samples = rng.integers(0, 256, (700, 300, len(mode)), np.uint8)
    blur = Filter(rng.random((taps, taps)), divisor="sum", pad_mode="reflect")
    results = []
    for count in (1, 2, 7):
        monkeypatch.setattr(strips, "processors", lambda count=count: count)
        picture = Picture((Frame.of(samples.copy(), mode),))
        results.append(apply_filters(picture, [blur]).frames[0].samples)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)

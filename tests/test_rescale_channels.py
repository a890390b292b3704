"""``range: rescale-channels``: min and max of each channel become 0 and 1."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from convcli import Filter, Picture, apply_filters, read_image, write_image
from convcli.images import Frame
from convcli.kernel.reference import conv2d as loops
from convcli.pipeline.operators import Convolution, TransposedConvolution
from convcli.pipeline.process import Processing, process
from convcli.pipeline.strips import StripSizes


def picture(samples: np.ndarray, mode: str) -> Picture:
    return Picture((Frame.of(samples, mode),))


def only(result: Picture) -> Frame:
    (frame,) = result.frames
    return frame


def noise(*shape: int, dtype: type = np.uint8, top: int = 256) -> np.ndarray:
    return np.random.default_rng(11).integers(0, top, shape, dtype)


def stretched(plane: np.ndarray, visible: np.ndarray | None = None) -> np.ndarray:
    """Return a plane (H, W) with the min and max of its visible values at 0 and 1, by loops."""
    values = [
        plane[i, j]
        for i in range(plane.shape[0])
        for j in range(plane.shape[1])
        if visible is None or visible[i, j]
    ]
    low, high = min(values), max(values)
    return (plane - low) / (high - low)


def assert_samples(actual: np.ndarray, values: np.ndarray, full: int = 255) -> None:
    expected = np.clip(values, 0, 1) * full
    np.testing.assert_allclose(actual, expected, atol=0.5 + 1e-4 * full)


@pytest.mark.parametrize("strips", [StripSizes(), StripSizes(layered_rows=2, least_samples=1)])
@pytest.mark.parametrize(("dtype", "mode"), [(np.uint8, "RGB"), (np.uint16, "")])
def test_each_channel_is_rescaled_by_itself(dtype: type, mode: str, strips: StripSizes) -> None:
    full = np.iinfo(dtype).max
    samples = noise(9, 7, 3, dtype=dtype, top=full)
    samples[..., 1] //= 5
    kernel = Filter([[1, -2, 0.5], [3, 1, -1]], range="rescale-channels")
    given = Processing(strips=strips)
    result = process(picture(samples, mode), [Convolution(kernel)], given)
    tensor = (samples / full).transpose(2, 0, 1)
    answers = [loops(plane[np.newaxis], kernel.kernel, pads=(0, 1, 1, 1)) for plane in tensor]
    actual = only(result).samples
    assert actual.dtype == dtype
    for k in range(3):
        assert (actual[..., k].min(), actual[..., k].max()) == (0, full)
        assert_samples(actual[..., k], stretched(answers[k][0]), full)


def test_maps_of_a_bank_are_rescaled_by_themselves() -> None:
    weight = np.random.default_rng(3).normal(size=(6, 3, 3, 3))
    weight *= np.array([1e-6, 1e-3, 1, 10, 1e3, 1e6]).reshape(-1, 1, 1, 1)
    samples = noise(8, 9, 3)
    bank = Filter(weight, range="rescale-channels", bias=[0, 1, -1, 0, 5, 0])
    actual = only(apply_filters(picture(samples, "RGB"), [bank])).samples
    padded = (samples / 255).transpose(2, 0, 1)
    answers = loops(padded, weight, pads=(1, 1, 1, 1))
    assert actual.shape == (8, 9, 6)
    assert_samples(actual[..., 1:], stretched_all(answers)[..., 1:])
    # The weights of the first are a trillionth of the last's, and are stretched nevertheless.
    assert (actual[..., 0].min(), actual[..., 0].max()) == (0, 255)


def stretched_all(planes: np.ndarray) -> np.ndarray:
    return np.stack([stretched(plane) for plane in planes], -1)


def test_a_flat_channel_is_kept_and_the_others_are_stretched() -> None:
    samples = np.full((5, 5, 3), 90, np.uint8)
    samples[..., 2] = np.arange(25).reshape(5, 5)
    mean = Filter([[1, 1, 1]], divisor=3, pad_mode="replicate", range="rescale-channels")
    actual = only(apply_filters(picture(samples, "RGB"), [mean])).samples
    assert (actual[..., :2] == 90).all()
    assert (actual[..., 2].min(), actual[..., 2].max()) == (0, 255)


@pytest.mark.parametrize("keeps", [False, True])
def test_invisible_pixels_do_not_affect_it_and_alpha_is_not_rescaled(keeps: bool) -> None:
    samples = np.array([[[0, 0, 0, 0], [100, 120, 110, 200], [150, 150, 130, 128]]], np.uint8)
    one = Filter([[1.0]], range="rescale-channels", preserve_alpha=keeps)
    result = only(apply_filters(picture(samples, "RGBA"), [one])).samples
    assert result[0, 1].tolist() == [0, 0, 0, 200]
    assert result[0, 2].tolist() == [255, 255, 255, 128]


def test_nan_and_infinity_are_ignored_in_their_channel_alone() -> None:
    values = np.array(
        [[[1, np.nan, 3], [np.inf, 5, -np.inf]], [[0, 10, 20], [30, 40, 50]]], np.float32
    )
    values = np.concatenate([values, np.full((1, 2, 3), np.nan, np.float32)])
    one = Filter([[1.0]], range="rescale-channels")
    result = apply_filters(Picture.from_array(values), [one]).tensor
    expected = [
        [[0, np.nan, 0.5], [np.inf, 1, -np.inf]],
        [[0, 0.2, 0.4], [0.6, 0.8, 1]],
        np.full((2, 3), np.nan),
    ]
    np.testing.assert_allclose(result, np.array(expected, np.float32), rtol=1e-6)


def test_upsampled_pictures_are_rescaled_too() -> None:
    samples = noise(4, 5, 3) // 4
    kernel = Filter([[1, 1], [1, 1]], stride=2, pad="valid", range="rescale-channels")
    result = process(picture(samples, "RGB"), [TransposedConvolution(kernel)])
    actual = only(result).samples
    assert actual.shape == (8, 10, 3)
    assert_samples(
        actual, stretched_all((samples / 255).repeat(2, 0).repeat(2, 1).transpose(2, 0, 1))
    )


def test_linear_light_is_rescaled_before_it_becomes_srgb() -> None:
    samples = noise(4, 5, 3)
    one = Filter([[1.0]], range="rescale-channels")
    actual = only(apply_filters(picture(samples, "RGB"), [one], linear=True)).samples
    assert (actual.min((0, 1)) == 0).all()
    assert (actual.max((0, 1)) == 255).all()


def test_the_option_beats_the_file_and_the_file_is_read(run, tmp_path: Path) -> None:
    samples = noise(6, 6, 3) // 2 + np.array([0, 60, 120], np.uint8)
    write_image(picture(samples.astype(np.uint8), "RGB"), tmp_path / "a.png")
    file = tmp_path / "f.json"
    file.write_text(json.dumps({"weight": [[1]], "range": "rescale-channels"}))
    assert run("apply", "-f", file, tmp_path / "a.png", "-o", tmp_path / "b.png").exit_code == 0
    by_file = only(read_image(tmp_path / "b.png")).samples
    assert (by_file.max((0, 1)) == 255).all()
    assert (by_file.min((0, 1)) == 0).all()
    file.write_text('{"weight": [[1]]}')
    args = ("apply", "-f", file, "--range", "rescale-channels", tmp_path / "a.png")
    assert run(*args, "-o", tmp_path / "c.png").exit_code == 0
    np.testing.assert_array_equal(only(read_image(tmp_path / "c.png")).samples, by_file)


def test_feature_maps_are_written_one_a_file_and_foreseen(run, tmp_path: Path) -> None:
    weight = np.random.default_rng(5).normal(size=(64, 3, 7, 7))
    file = tmp_path / "first.json"
    file.write_text(json.dumps({"weight": weight.tolist()}))
    write_image(picture(noise(20, 30, 3), "RGB"), tmp_path / "a.png")
    args = ("apply", "-f", file, "--range", "rescale-channels", tmp_path / "a.png")
    target = tmp_path / "map{channel}.png"
    dry = run(*args, "-o", target, "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "30x20" in dry.stdout
    assert not list(tmp_path.glob("map*"))
    report = tmp_path / "report.jsonl"
    ended = run(*args, "-o", target, "--report", report)
    assert ended.exit_code == 0, ended.output
    maps = sorted(tmp_path.glob("map*"))
    assert len(maps) == 64
    for path in maps:
        samples = only(read_image(path)).samples
        assert samples.shape == (20, 30, 1)
        assert (samples.min(), samples.max()) == (0, 255)
    entry = json.loads(report.read_text())
    assert (entry["status"], entry["output_shape"]) == ("ok", [64, 20, 30])


def test_an_unknown_range_lists_the_known_ones(run, tmp_path: Path) -> None:
    args = ("apply", "-f", "sobel", "--range", "stretch", "a.png", "-o", tmp_path / "b.png")
    ended = run(*args)
    assert ended.exit_code == 2
    assert "'rescale-channels'" in ended.stderr

"""16-bit colour through every route of filters, from file to file, against float64 oracles."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from deep_files import png16, samples_of_png, tiff16
from PIL import Image

from convcli.kernel import reference

SIZE = (9, 11)
MODES = {"LA": 2, "RGB": 3, "RGBA": 4}
STEP = 0.5 + 0.2
"""Half a step of rounding, and what float32 sums are off by at 65535."""

BLUR = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
SLOPES = np.array([[[-1, 0, 1]] * 3, [[-1] * 3, [0] * 3, [1] * 3]]) / 3


def drawn(mode: str) -> np.ndarray:
    """Return uint16 samples (H, W, C) without symmetry; alpha is nowhere 0."""
    samples = np.random.default_rng(7).integers(0, 65536, (*SIZE, MODES[mode]))
    if mode.endswith("A"):
        samples[..., -1] = samples[..., -1] // 2 + 20_000
    return samples.astype(np.uint16)


def planes(mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Return colours and alpha (C, H, W) in float64 on the 0-1 scale."""
    values = drawn(mode).transpose(2, 0, 1) / 65535
    return (values[:-1], values[-1:]) if mode.endswith("A") else (values, values[:0])


def convolved(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return each channel of (C, H, W) convolved by one kernel, its border replicated."""
    weight = np.asarray(kernel, float)[np.newaxis, np.newaxis]
    sides = [taps // 2 for taps in kernel.shape]
    pads = (sides[0], sides[1], kernel.shape[0] - 1 - sides[0], kernel.shape[1] - 1 - sides[1])
    return np.concatenate(
        [
            reference.conv2d(one[np.newaxis], weight, pads=pads, pad_mode="replicate")
            for one in image
        ]
    )


def by_alpha(colour: np.ndarray, alpha: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return colours weighted by alpha, and alpha, after a blur."""
    seen = convolved(alpha, kernel)
    return np.concatenate([convolved(colour * alpha, kernel) / seen, seen])


@pytest.fixture
def filtered(run, tmp_path: Path):
    """Return a function that runs a command on 16-bit colour, and returns the samples (C, H, W)."""

    def filtered(mode: str, *flags: object, command: str = "apply") -> np.ndarray:
        (tmp_path / "in.png").write_bytes(png16(drawn(mode)))
        target = tmp_path / "out.png"
        done = run(command, *flags, tmp_path / "in.png", "-o", target, "--overwrite")
        assert (done.exit_code, done.stderr) == (0, "")
        return samples_of_png(target.read_bytes()).transpose(2, 0, 1)

    return filtered


@pytest.fixture
def mine(tmp_path: Path):
    """Return a function that writes a filter file."""

    def mine(weight: np.ndarray, **keys: object) -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
        path.write_text(
            json.dumps({"weight": np.asarray(weight).tolist(), "pad_mode": "replicate", **keys})
        )
        return path

    return mine


def check(found: np.ndarray, exact: np.ndarray) -> None:
    np.testing.assert_allclose(found, np.clip(exact, 0, 1) * 65535, rtol=0, atol=STEP)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("preserves", [True, False])
def test_alpha_is_kept_or_weighs(filtered, mine, mode: str, preserves: bool) -> None:
    colour, alpha = planes(mode)
    policy = "--preserve-alpha" if preserves else "--no-preserve-alpha"
    found = filtered(mode, "-f", mine(BLUR), policy)
    if preserves or not len(alpha):
        check(found, np.concatenate([convolved(colour, BLUR), alpha]))
    else:
        check(found, by_alpha(colour, alpha, BLUR))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("reduce", ["magnitude", "max", "sum"])
@pytest.mark.parametrize("value_range", ["clip", "abs", "rescale", "rescale-channels"])
def test_banks_are_reduced_and_brought_into_range(
    filtered, mine, mode: str, reduce: str, value_range: str
) -> None:
    bank = mine(SLOPES[:, np.newaxis], reduce=reduce, preserve_alpha=True, range=value_range)
    colour, alpha = planes(mode)
    x, y = (convolved(colour, kernel) for kernel in SLOPES)
    exact = {"magnitude": np.hypot(x, y), "max": np.maximum(x, y), "sum": x + y}[reduce]
    if value_range == "abs":
        exact = np.abs(exact)
    elif value_range != "clip":
        axes = (1, 2) if value_range == "rescale-channels" else None
        least, most = exact.min(axes, keepdims=True), exact.max(axes, keepdims=True)
        exact = (exact - least) / (most - least)
    check(filtered(mode, "-f", bank), np.concatenate([exact, alpha]))


@pytest.mark.parametrize("mode", MODES)
def test_a_chain_is_rounded_and_clipped_once(filtered, mine, mode: str) -> None:
    sharpen = 2 * np.eye(3)[1][:, np.newaxis] * np.eye(3)[1] - BLUR
    colour, alpha = planes(mode)
    exact = convolved(convolved(convolved(colour, sharpen), sharpen), BLUR)
    flags = [flag for one in (sharpen, sharpen, BLUR) for flag in ("-f", mine(one))]
    found = filtered(mode, *flags, "--preserve-alpha")
    check(found, np.concatenate([exact, alpha]))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", [[[0, -1, 0], [-1, 5, -1], [0, -1, 0]], [[0.3, 0.5, 0.1]]])
def test_whole_and_other_weights_stride_and_shrink(filtered, mine, mode: str, method) -> None:
    colour, alpha = planes(mode)
    found = filtered(mode, "-f", mine(method), "-s", "2", "--preserve-alpha")
    exact = np.concatenate([convolved(colour, np.array(method)), alpha])[:, ::2, ::2]
    if mode.endswith("A"):
        exact[-1] = alpha[0, ::2, ::2]
    check(found, exact)


def to_light(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def to_srgb(light: np.ndarray) -> np.ndarray:
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("preserves", [True, False])
def test_linear_light(filtered, mine, mode: str, preserves: bool) -> None:
    colour, alpha = planes(mode)
    policy = "--preserve-alpha" if preserves else "--no-preserve-alpha"
    found = filtered(mode, "-f", mine(BLUR), "--linear", policy)
    if preserves or not len(alpha):
        exact = np.concatenate([to_srgb(convolved(to_light(colour), BLUR)), alpha])
    else:
        light = by_alpha(to_light(colour), alpha, BLUR)
        exact = np.concatenate([to_srgb(light[:-1]), light[-1:]])
    np.testing.assert_allclose(found, exact * 65535, rtol=0, atol=1)


@pytest.mark.parametrize("preset", ["nearest", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("mode", MODES)
def test_enlarging_is_as_pillow_does_it_in_floats(
    filtered, preset: str, scale: int, mode: str
) -> None:
    colour, alpha = planes(mode)
    size = (scale * SIZE[1], scale * SIZE[0])

    def resized(image: np.ndarray) -> np.ndarray:
        method = Image.Resampling[preset.upper()]
        return np.stack(
            [
                np.asarray(Image.fromarray(one.astype(np.float32)).resize(size, method))
                for one in image
            ]
        )

    found = filtered(mode, "-f", preset, "--scale", scale, command="upsample")
    if len(alpha):
        seen = resized(alpha)
        exact = np.concatenate([np.divide(resized(colour * alpha), seen), seen])
    else:
        exact = resized(colour)
    np.testing.assert_allclose(found, np.clip(exact, 0, 1) * 65535, rtol=0, atol=2)


def test_every_channel_of_every_page_goes_to_a_file(run, tmp_path: Path) -> None:
    (tmp_path / "in.png").write_bytes(png16(drawn("RGBA")))
    run("apply", "-f", "identity", tmp_path / "in.png", "-o", tmp_path / "c{channel}.png")
    for number in range(4):
        with Image.open(tmp_path / f"c{number}.png") as image:
            assert image.mode == "I;16"
            np.testing.assert_array_equal(np.asarray(image), drawn("RGBA")[..., number])
    run("apply", "-f", "identity", tmp_path / "in.png", "-o", tmp_path / "f{frame}.png")
    found = samples_of_png((tmp_path / "f0.png").read_bytes())
    np.testing.assert_array_equal(found, drawn("RGBA"))


@pytest.mark.skipif(not find_spec("tifffile"), reason="needs the extra deep")
def test_pages_become_files_and_channels_of_16_bits(run, tmp_path: Path) -> None:
    import tifffile

    stack = np.stack([drawn("RGB"), drawn("RGB")[::-1]])
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="rgb")
    mine = tmp_path / "mine.json"
    mine.write_text('{"weight": [[1]]}')
    for suffix in ("png", "tif"):
        target = tmp_path / f"f{{frame}}.{suffix}"
        done = run("apply", "-f", mine, tmp_path / "in.tif", "-o", target)
        assert (done.exit_code, done.stderr) == (0, "")
        for number, page in enumerate(stack):
            path = tmp_path / f"f{number}.{suffix}"
            found = tifffile.imread(path) if suffix == "tif" else samples_of_png(path.read_bytes())
            np.testing.assert_array_equal(found, page)
    run("apply", "-f", mine, tmp_path / "in.tif", "-o", tmp_path / "p{frame}-{channel}.tif")
    for number, page in enumerate(stack):
        for channel in range(3):
            with Image.open(tmp_path / f"p{number}-{channel}.tif") as image:
                np.testing.assert_array_equal(np.asarray(image), page[..., channel])


def test_a_16_bit_tiff_is_filtered_as_a_png_is(run, mine, tmp_path: Path) -> None:
    (tmp_path / "in.tif").write_bytes(tiff16(drawn("RGB"), "<", 8))
    (tmp_path / "in.png").write_bytes(png16(drawn("RGB")))
    found = []
    for suffix in ("tif", "png"):
        target = tmp_path / f"from-{suffix}.png"
        run("apply", "-f", mine(BLUR), tmp_path / f"in.{suffix}", "-o", target)
        found.append(samples_of_png(target.read_bytes()))
    np.testing.assert_array_equal(*found)

"""Mode × format × filter × alpha policy from file to file, each held against naive loops.

What is expected comes from the numbers that the pictures were drawn with, in float64, and is
rounded once: a sample may be half a step away from it, and no more.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
from deep_files import png16, samples_of_png, tiff16
from PIL import Image, features

from convcli.kernel import reference

SIZE = (5, 6)

FORMATS = {
    ".png": ("1", "L", "LA", "P", "P+alpha", "RGB", "RGBA", "I;16", "16LA", "16RGB", "16RGBA"),
    ".tif": ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16", "F"),
    ".webp": ("RGB", "RGBA"),
    ".gif": ("1", "P", "P+alpha"),
    ".bmp": ("1", "L", "P", "RGB"),
    ".ppm": ("1", "L", "RGB", "I;16"),
    ".tga": ("L", "LA", "RGB", "RGBA"),
    ".jp2": ("L", "LA", "RGB", "RGBA", "I;16"),
    ".jpg": ("L", "RGB", "CMYK"),
}
INEXACT = {(".jpg", "L"), (".jpg", "RGB"), (".jpg", "CMYK"), (".gif", "P+alpha")}
"""Where only mode and size are compared: a GIF has no partial transparency."""

if not features.check("jpg_2000"):
    del FORMATS[".jp2"]
if find_spec("tifffile"):
    FORMATS[".tif"] += ("16LA", "16RGB", "16RGBA", "16CMYK")

BECOMES = {"1": "L", "P": "RGB", "P+alpha": "RGBA", "PA": "RGBA"}
"""The mode that a picture is filtered in, where that is not the file's."""

HELD = {
    ".webp": {"L": "RGB", "LA": "RGBA"},
    ".ppm": {"I;16": "I"},  # as Pillow reads it
}
"""What a result's mode becomes in formats that do not have it."""

SAVE = {".webp": {"lossless": True, "exact": True}}


class Kind(NamedTuple):
    """A filter, for pictures of so many colours, and whether transparency is one of them."""

    weight: Callable[[int], np.ndarray]
    options: Mapping[str, Any] = MappingProxyType({})
    takes_alpha: bool = False


def weights(*shape: int) -> np.ndarray:
    """Return weights that add up to 0.9 for each filter, without any symmetry."""
    drawn = np.random.default_rng(shape).random((*shape, 3, 2)) + 0.05
    axes = tuple(range(max(0, len(shape) - 1), drawn.ndim))
    return np.round(0.9 * drawn / drawn.sum(axes, keepdims=True), 4)


KINDS = {
    "2-D": Kind(lambda colours: weights(), {"bias": 0.05}),
    "2-D halving": Kind(lambda colours: weights(), {"stride": 2}),
    "bank": Kind(lambda colours: weights(2, 1), {"reduce": "magnitude"}),
    "3-D": Kind(lambda colours: weights(colours)),
    "3-D halving": Kind(lambda colours: weights(colours), {"stride": 2}),
    "4-D to 3": Kind(lambda colours: weights(3, colours), {"bias": [0.0, 0.1, -0.1]}),
    "4-D as stored": Kind(lambda channels: weights(channels, channels), takes_alpha=True),
}


def drawn_samples(mode: str) -> np.ndarray:
    """Return a picture of 16 bits (H, W, C), of which Pillow has no image."""
    channels = len(mode.removeprefix("16"))
    samples = np.random.default_rng(13).integers(0, 65536, (*SIZE, channels)).astype(np.uint16)
    if mode.endswith("A"):
        samples[:2, :2, -1] = 0
    return samples


def save(mode: str, path: Path, **options: object) -> None:
    """Write the picture of ``mode`` to a file."""
    if mode.startswith("16") and path.suffix == ".png":
        path.write_bytes(png16(drawn_samples(mode)))
    elif mode == "16LA":
        import tifffile

        kind = {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": [2]}
        tifffile.imwrite(path, drawn_samples(mode), **kind)
    elif mode.startswith("16"):
        extra = 2 if mode.endswith("A") else None
        path.write_bytes(tiff16(drawn_samples(mode), ">", 8, extra=extra))
    else:
        drawn(mode).save(path, **options)


def drawn(mode: str) -> Image.Image:
    """Return a picture of ``mode`` without symmetry, drawn from a seed."""
    rng = np.random.default_rng(12)
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 65536, SIZE).astype(np.uint16))
    if mode == "F":
        return Image.fromarray(rng.random(SIZE, np.float32))
    if mode == "1":
        return Image.fromarray(rng.integers(0, 2, SIZE).astype(bool))
    if mode.startswith("P"):
        index = rng.integers(0, 9, SIZE).astype(np.uint8)
        image = Image.frombytes("P", SIZE[::-1], index.tobytes())
        image.putpalette(rng.integers(0, 256, 27, np.uint8).tobytes())
        if mode == "PA":
            image = image.convert("PA")
            image.putalpha(Image.fromarray(rng.integers(0, 256, SIZE, np.uint8)))
        elif mode == "P+alpha":
            image.info["transparency"] = 3
        return image
    bands = len(Image.new(mode, (1, 1)).getbands())
    samples = rng.integers(0, 256, (*SIZE, bands), np.uint8)
    if mode.endswith("A"):
        samples[:2, :2, -1] = 0  # enough to make a window see nothing
    return Image.frombytes(mode, SIZE[::-1], samples.tobytes())


@cache
def planes(mode: str) -> np.ndarray:
    """Return what was drawn as (C, H, W) float64 on the 0-1 scale."""
    if mode.startswith("16"):
        values = drawn_samples(mode)
    else:
        image = drawn(mode)
        values = np.asarray(image.convert(BECOMES[mode]) if mode in BECOMES else image)
    top = {"uint8": 255, "uint16": 65535}.get(values.dtype.name, 1)
    return values.reshape(*SIZE, -1).transpose(2, 0, 1) / top


def convolved(image: np.ndarray, weight: np.ndarray, stride: int) -> np.ndarray:
    """Return (F, …) of (C, H, W) with ``pad`` same and replicated borders, by naive loops."""
    pads = []
    for length, taps in zip(image.shape[1:], weight.shape[2:], strict=True):
        total = max(0, (-(-length // stride) - 1) * stride + taps - length)
        pads.append((total // 2, total - total // 2))
    (top, bottom), (left, right) = pads
    return reference.conv2d(
        image,
        weight,
        stride=(stride, stride),
        pads=(top, left, bottom, right),
        pad_mode="replicate",
    )


@cache
def expected(mode: str, kind: str, preserve_alpha: bool) -> tuple[np.ndarray, str]:
    """Return the exact result (C, H, W), unclipped, and its mode."""
    image, becomes = planes(mode), BECOMES.get(mode, mode)
    chosen, has_alpha = KINDS[kind], becomes.endswith("A")
    colour, alpha = (image[:-1], image[-1:]) if has_alpha else (image, image[:0])
    stride = chosen.options.get("stride", 1)
    bias = np.asarray(chosen.options.get("bias", 0.0)).reshape(-1, 1, 1)
    weight = chosen.weight(len(image) if chosen.takes_alpha else len(colour))
    # The centre of a kernel of 3×2 taps is the tap (1, 0), which "same" puts on each pixel.
    still = alpha[:, ::stride, ::stride]

    if weight.ndim == 2 or "reduce" in chosen.options:

        def each(channels: np.ndarray) -> np.ndarray:
            kernels = weight.reshape(-1, 1, *weight.shape[-2:])
            outputs = [convolved(one[None], kernels, stride) for one in channels]
            return np.array(
                [np.sqrt((one**2).sum(0)) if len(one) > 1 else one[0] for one in outputs]
            )

        if not has_alpha:
            return each(colour) + bias, becomes
        if preserve_alpha:
            return np.concatenate([each(colour) + bias, still]), becomes
        seen = each(alpha)
        weighed = np.divide(
            each(colour * alpha), seen, out=seen * colour[:, :1, :1] * 0, where=seen > 0
        )
        return np.concatenate([weighed + bias, seen]), becomes

    kernels = weight.reshape(-1, *weight.shape[-3:])
    if chosen.takes_alpha:
        return convolved(image, kernels, stride) + bias, becomes
    outputs = convolved(colour, kernels, stride) + bias
    wide = "16" if mode.startswith("16") or mode == "I;16" else ""
    grey = "I;16" if wide else "F" if becomes == "F" else "L"
    if not has_alpha or (stride > 1 and not preserve_alpha):
        return outputs, {1: grey, 3: f"{wide}RGB"}[len(outputs)]
    return np.concatenate([outputs, still]), wide + {1: "LA", 3: "RGBA"}[len(outputs)]


def written_as(path: Path, mode: str, suffix: str) -> np.ndarray:
    """Return the samples (C, H, W) of a file, which has to be of ``mode`` as its format has it."""
    if mode.startswith("16") and suffix == ".png":
        samples = samples_of_png(path.read_bytes())
        assert samples.shape[2] == len(mode.removeprefix("16"))
        return samples.transpose(2, 0, 1)
    if mode.startswith("16") and suffix == ".tif":
        import tifffile

        samples = tifffile.imread(path)
        assert (samples.dtype, samples.shape[2]) == (np.uint16, len(mode.removeprefix("16")))
        return samples.transpose(2, 0, 1)
    if mode.startswith("16") and suffix == ".ppm":
        head, size, top, data = path.read_bytes().split(b"\n", 3)
        assert (head, size, top) == (b"P6", b"%d %d" % SIZE[::-1], b"65535")
        return np.frombuffer(data, ">u2").reshape(*SIZE, 3).transpose(2, 0, 1)
    mode = mode.removeprefix("16")
    held = HELD.get(suffix, {}).get(mode, mode)
    with Image.open(path) as image:
        if suffix == ".gif":
            assert image.mode in ("L", "P")
        else:
            assert image.mode == held
        values = np.asarray(image if held == "I" else image.convert(mode))
    values = values.astype(np.uint16) if held == "I" else values
    return values.reshape(*values.shape[:2], -1).transpose(2, 0, 1)


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda file: None)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize(
    ("suffix", "mode"), [(suffix, mode) for suffix, modes in FORMATS.items() for mode in modes]
)
def test_every_picture_agrees_with_naive_loops(
    run, tmp_path: Path, suffix: str, mode: str, kind: str
) -> None:
    path, mine, target = tmp_path / f"in{suffix}", tmp_path / "f.json", tmp_path / f"out{suffix}"
    is_deep = suffix == ".tif" and mode in ("I;16", "F") and kind == "4-D to 3"
    if is_deep and (mode == "F" or not find_spec("tifffile")):
        pytest.skip("it needs the extra, as tests/test_deep_tiff.py does")
    save(mode, path, **SAVE.get(suffix, {}))
    options = [text for key in SAVE.get(suffix, {}) for text in ("--save", f"{key}=true")]
    has_alpha = BECOMES.get(mode, mode).endswith("A")
    chosen, channels = KINDS[kind], len(planes(mode))
    weight = chosen.weight(channels - (has_alpha and not chosen.takes_alpha))
    filter_text = {"weight": weight.tolist(), "pad_mode": "replicate", **chosen.options}
    mine.write_text(json.dumps(filter_text))
    for preserve_alpha in (True, False) if has_alpha else (False,):
        policy = "--preserve-alpha" if preserve_alpha else "--no-preserve-alpha"
        done = run("apply", "-f", mine, policy, "--overwrite", *options, path, "-o", target)
        assert done.exit_code == 0, done.stderr
        exact, becomes = expected(mode, kind, preserve_alpha)
        found = written_as(target, becomes, suffix)
        assert found.shape == exact.shape
        if (suffix, mode) not in INEXACT:
            check(found, exact, becomes)


def check(found: np.ndarray, exact: np.ndarray, mode: str) -> None:
    """Compare samples with what is exact: rounded once, and clipped unless they are floats."""
    if mode == "F":
        np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-6)
        return
    top = np.iinfo(found.dtype).max
    exact = np.clip(exact, 0, 1) * top
    np.testing.assert_allclose(found, exact, rtol=0, atol=0.5 + 2e-6 * top)


def filtered(run, path: Path, *flags: object, suffix: str = "") -> Path:
    """Apply what ``flags`` say to a file from the shell, and return where the result is."""
    target = path.with_name(f"result{suffix or path.suffix}")
    done = run("apply", *flags, path, "-o", target, "--overwrite")
    assert (done.exit_code, done.stderr) == (0, "")
    return target


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("preserve_alpha", ["--preserve-alpha", "--no-preserve-alpha"])
@pytest.mark.parametrize("filters", [1, 3])
def test_the_identity_returns_every_mode_bit_for_bit(
    run, tmp_path: Path, suffix: str, preserve_alpha: str, filters: int
) -> None:
    for mode in FORMATS[suffix]:
        path = tmp_path / f"in{suffix}"
        save(mode, path)
        flags = ["-f", "identity"] * filters
        result = filtered(run, path, *flags, preserve_alpha)
        becomes = BECOMES.get(mode, mode)
        found = written_as(result, becomes, suffix)
        if mode.startswith("16"):
            original = drawn_samples(mode)
        else:
            original = np.asarray(drawn(mode).convert(becomes))
        original = original.reshape(*SIZE, -1).transpose(2, 0, 1)
        if becomes.endswith("A") and preserve_alpha.startswith("--no"):
            # What is seen of colours stays within a step; what is not seen becomes black.
            np.testing.assert_array_equal(found[-1], original[-1])
            seen = np.where(original[-1] > 0, original[:-1], 0).astype(int)
            np.testing.assert_allclose(found[:-1].astype(int), seen, atol=1)
        else:
            np.testing.assert_array_equal(found, original)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".tga"])
def test_hidden_colour_does_not_leak_at_a_strip_boundary(run, tmp_path: Path, suffix: str) -> None:
    row = [[0, 255, 0, 0]] * 4 + [[255, 0, 0, 255]] * 4
    path = tmp_path / f"in{suffix}"
    Image.fromarray(np.array([row] * 5, np.uint8)).save(path, **SAVE.get(suffix, {}))
    options = ["--save", "lossless=true"] if suffix == ".webp" else []
    result = filtered(run, path, "-f", "box-blur", "--pad-mode", "replicate", *options)
    with Image.open(result) as image:
        assert image.mode == "RGBA"
        assert [image.getpixel((x, 2)) for x in (3, 4)] == [(255, 0, 0, 85), (255, 0, 0, 170)]
        assert not np.asarray(image)[..., 1].any()


@pytest.mark.parametrize("top", [255, 65535])
@pytest.mark.parametrize(("value_range", "share"), [("clip", 0), ("abs", 1)])
def test_a_falling_edge_is_black_clipped_and_white_as_absolute_value(
    run, tmp_path: Path, top: int, value_range: str, share: int
) -> None:
    edge = np.array([[top, top, 0, 0]] * 3, np.uint8 if top == 255 else np.uint16)
    Image.fromarray(edge).save(tmp_path / "in.png")
    result = filtered(run, tmp_path / "in.png", "-f", "sobel-x", "--range", value_range)
    with Image.open(result) as image:
        np.testing.assert_array_equal(np.asarray(image), [[0, share * top, share * top, 0]] * 3)


def blurred(colour: np.ndarray, times: int) -> np.ndarray:
    """Return (C, H, W) blurred by 1/3 along x, so many times, in floating point."""
    for _ in range(times):
        colour = np.stack(
            [convolved(one[None], np.full((1, 1, 1, 3), 1 / 3), 1)[0] for one in colour]
        )
    return colour


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16", "16RGB"])
def test_a_chain_is_rounded_once(run, tmp_path: Path, mode: str) -> None:
    save(mode, tmp_path / "in.png")
    third = tmp_path / "third.json"
    third.write_text('{"weight": [[1, 1, 1]], "divisor": 3, "pad_mode": "replicate"}')
    result = filtered(run, tmp_path / "in.png", *["-f", third] * 3)
    check(written_as(result, mode, ".png"), blurred(planes(mode), 3), mode)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_a_chain_is_rounded_once_in_every_frame(run, tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(8)
    frames = rng.integers(0, 256, (4, *SIZE, 3), np.uint8)
    first, *others = map(Image.fromarray, frames)
    path, third = tmp_path / f"in{suffix}", tmp_path / "third.json"
    first.save(path, save_all=True, append_images=others, **SAVE.get(suffix, {}))
    third.write_text('{"weight": [[1, 1, 1]], "divisor": 3, "pad_mode": "replicate"}')
    options = ["--save", "lossless=true"] if suffix == ".webp" else []
    with Image.open(filtered(run, path, *["-f", third] * 3, *options)) as image:
        assert image.n_frames == 4
        for number, frame in enumerate(frames):
            image.seek(number)
            assert image.convert("RGB").size == SIZE[::-1]
            exact = blurred(frame.transpose(2, 0, 1) / 255, 3)
            check(np.asarray(image.convert("RGB")).transpose(2, 0, 1), exact, "RGB")


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
def test_an_animation_keeps_frames_timing_and_loop_and_looks_the_same(
    run, tmp_path: Path, suffix: str
) -> None:
    # A square that walks over a ground, drawn as changes of the frame before.
    frames = []
    for number in range(5):
        frame = Image.new("RGB", (24, 16), (200, 40, 90))
        frame.paste((20, 150 + 20 * number, 30), (4 * number, 3, 4 * number + 6, 11))
        frames.append(frame)
    path, durations = tmp_path / f"in{suffix}", [40, 80, 120, 40, 200]
    timing = {} if suffix == ".tif" else {"duration": durations, "loop": 3}
    frames[0].save(path, save_all=True, append_images=frames[1:], **timing, **SAVE.get(suffix, {}))
    options = ["--save", "lossless=true"] if suffix == ".webp" else []
    with Image.open(filtered(run, path, "-f", "identity", *options)) as image:
        assert image.n_frames == len(frames)
        for number, frame in enumerate(frames):
            image.seek(number)
            image.load()
            if timing:
                assert (image.info["duration"], image.info["loop"]) == (durations[number], 3)
            shown = np.asarray(image.convert("RGB")).astype(int)
            np.testing.assert_allclose(shown, np.asarray(frame).astype(int), atol=2)

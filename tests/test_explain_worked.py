"""The sum behind a pixel comes to what apply writes there, whatever the picture and the filter."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import (
    Filter,
    ImageWarning,
    Picture,
    apply_filters,
    load_filter,
    read_image,
    write_image,
)
from convcli.explain.text import plain
from convcli.explain.worked import Worked, worked_sum
from convcli.explain.worked_text import worked_lines
from convcli.images import Frame

RANDOM = np.random.default_rng(11)


def picture(kind: str) -> Picture:
    """Return a small picture without symmetry; a fifth of its pixels are transparent."""
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}
    if kind == "L16":
        samples = RANDOM.integers(0, 65536, (6, 7, 1)).astype(np.uint16)
        return Picture((Frame.of(samples, "L"),))
    if kind == "F":
        return Picture((Frame.of(RANDOM.normal(size=(6, 7, 1)).astype(np.float32), "L"),))
    if kind == "array":
        return Picture.from_array(RANDOM.normal(size=(5, 6, 7)))
    samples = RANDOM.integers(0, 256, (6, 7, channels[kind])).astype(np.uint8)
    if kind in ("LA", "RGBA"):
        samples[..., -1] *= RANDOM.random((6, 7)) > 0.2
    return Picture((Frame.of(samples, kind),))


PICTURES = {kind: picture(kind) for kind in ("L", "LA", "RGB", "RGBA", "CMYK", "L16", "F", "array")}


def places(size: tuple[int, int]) -> list[tuple[int, int]]:
    return [(0, 0), (size[0] - 1, size[1] - 1), (0, size[1] - 1), (size[0] // 2, size[1] // 2)]


def check(image: Picture, filter: Filter, *, linear: bool = False) -> list[Worked]:
    result = apply_filters(image, [filter], linear=linear).frames[0]
    found = []
    for at in places(result.size):
        worked = worked_sum(image, filter, at, linear=linear)
        written = result.samples[at]
        assert [sample.written for sample in worked.samples] == written.tolist()
        for sample in worked.samples:
            if worked.window.full == 1:
                assert sample.ranged == pytest.approx(sample.written, rel=1e-4, abs=1e-5)
            else:
                # Rounded to nearest once, from a sum in 32-bit floats.
                ranged = min(max(sample.ranged, 0), worked.window.full)
                assert abs(ranged - sample.written) <= 0.5 + 1e-5 * worked.window.full
        text = plain(worked_lines(worked, "a.png"))
        assert max(map(len, text.splitlines())) <= 100
        found.append(worked)
    return found


KERNEL = [[1, -2, 0.5], [3, 1, -1]]


@pytest.mark.parametrize("range_", ["clip", "abs", "rescale", "rescale-channels"])
@pytest.mark.parametrize("kind", PICTURES)
def test_every_range_and_depth(kind: str, range_: str) -> None:
    for preserve in (False, True):
        check(
            PICTURES[kind],
            Filter(KERNEL, divisor=3, bias=0.1, range=range_, preserve_alpha=preserve),
        )


@pytest.mark.parametrize("pad_mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("kind", ["L", "RGBA", "L16"])
def test_every_border(kind: str, pad_mode: str) -> None:
    for pad, preserve in itertools.product(("same", 4, (0, 1, 2, 3)), (False, True)):
        check(PICTURES[kind], Filter(KERNEL, pad=pad, pad_mode=pad_mode, preserve_alpha=preserve))


@pytest.mark.parametrize("kind", ["RGB", "LA"])
def test_stride_dilation_and_flip(kind: str) -> None:
    for stride, dilation, flip in itertools.product((1, (2, 3)), (1, (1, 2)), (False, True)):
        check(PICTURES[kind], Filter(KERNEL, stride=stride, dilation=dilation, flip=flip))


@pytest.mark.parametrize("reduce", ["magnitude", "max", "sum"])
@pytest.mark.parametrize("kind", ["L", "RGBA", "F"])
def test_banks(kind: str, reduce: str) -> None:
    bank = [[KERNEL], [[[0, 1, 0], [1, -4, 2]]]]
    for bias, preserve in itertools.product((0, [0.1, -0.2]), (False, True)):
        check(PICTURES[kind], Filter(bank, reduce=reduce, bias=bias, preserve_alpha=preserve))


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("RGB", (1, 3)),
        ("RGB", (3, 3)),
        ("RGBA", (3, 3)),
        ("RGBA", (1, 3)),
        ("RGBA", (4, 4)),
        ("CMYK", (4, 4)),
        ("CMYK", (3, 4)),
        ("LA", (2, 2)),
        ("array", (2, 5)),
    ],
)
def test_filters_across_channels(kind: str, shape: tuple[int, int]) -> None:
    weight = np.random.default_rng(2).normal(size=(*shape, 2, 3))
    for divisor in (1, "sum"):
        for range_ in ("clip", "rescale-channels"):
            bias = [0.2] * shape[0]
            check(PICTURES[kind], Filter(weight, divisor=divisor, bias=bias, range=range_))


def test_dropped_transparency_is_warned_of_once() -> None:
    one = Filter(np.ones((1, 3, 1, 1)), stride=2)
    with pytest.warns(ImageWarning, match="transparency is dropped") as caught:
        worked = worked_sum(PICTURES["RGBA"], one, (0, 0))
    assert len(caught) == 1
    assert [sample.name for sample in worked.samples] == ["grey"]


@pytest.mark.parametrize("kind", ["L", "RGBA", "L16", "RGB"])
def test_linear_light(kind: str) -> None:
    for range_, preserve in itertools.product(
        ("clip", "rescale", "rescale-channels"), (False, True)
    ):
        one = Filter(KERNEL, divisor=2, range=range_, preserve_alpha=preserve, pad_mode="reflect")
        check(PICTURES[kind], one, linear=True)


def test_a_flat_picture_is_not_stretched() -> None:
    flat = Picture((Frame.of(np.full((4, 4, 1), 90, np.uint8), "L"),))
    (worked, *_) = check(
        flat, Filter([[1, 1, 1]], divisor=3, pad_mode="replicate", range="rescale")
    )
    assert worked.samples[0].written == 90


def test_the_text_shows_window_kernel_products_and_the_way_to_the_sample(
    run, tmp_path: Path
) -> None:
    samples = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 255]], np.uint8)
    Image.fromarray(samples).save(tmp_path / "a.png")
    text = run("explain", "-f", "sharpen", tmp_path / "a.png", "--at", "0,0").stdout
    assert "  [ 10*  10*  20* ]   [  0  -1   0 ]   [   0  -10    0 ]\n" in text
    assert "  [ 40*  40   50  ]   [  0  -1   0 ]   [   0  -40    0 ]\n" in text
    assert "  sum -10 - 10 + 50 - 20 - 40 = -30\n" in text
    assert "  clipped to 0 … 255; written 0\n" in text
    assert text.endswith("  row 0, column 0: grey 0, as `convcli apply` writes it\n")


def test_the_command_agrees_with_the_file_that_apply_writes(run, tmp_path: Path) -> None:
    write_image(PICTURES["RGBA"], tmp_path / "a.png")
    flags = ("-f", "emboss", "--stride", "2", "--pad-mode", "circular", "--flip", "--range", "abs")
    flags = (*flags, "--preserve-alpha", "--mode", "RGBA", "--linear", "--pad", "1,2,0,1")
    run("apply", *flags, tmp_path / "a.png", "-o", tmp_path / "b.png")
    text = run("explain", *flags, tmp_path / "a.png", "--at", "1,2").stdout
    red, green, blue, alpha = read_image(tmp_path / "b.png").frames[0].samples[1, 2]
    assert f"column 2: red {red}, green {green}, blue {blue}, alpha {alpha}, as" in text


def test_a_picture_comes_from_standard_input(run, photo: Path) -> None:
    text = run("explain", "-f", "sobel", "-", "--at", "3,3", stdin=photo.read_bytes()).stdout
    assert text.startswith("sobel at row 3, column 3 of standard input\n")
    assert "magnitude √(" in text


def test_a_rescaled_range_is_written_out(run, tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 30, 10]], np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "d.json").write_text('{"weight": [[-1, 0, 1]], "range": "rescale"}')
    text = run("explain", "-f", tmp_path / "d.json", tmp_path / "a.png", "--at", "0,1").stdout
    assert "  rescale (10 + 30) / (30 + 30) · 255 = 170; written 170\n" in text


def test_a_large_kernel_shows_its_largest_products(photo: Path) -> None:
    worked = worked_sum(read_image(photo), load_filter("gaussian-blur-large"), (0, 0))
    text = plain(worked_lines(worked, "photo.png"))
    assert "The kernel is 13×13; its 12 largest products:" in text
    assert "sum of 169 products" in text


def test_only_the_first_frame_is_explained(samples: Path) -> None:
    moving = read_image(samples / "pulse.gif")
    worked = worked_sum(moving, load_filter("box-blur"), (5, 5))
    expected = apply_filters(moving, [load_filter("box-blur")]).frames[0].samples[5, 5]
    assert [sample.written for sample in worked.samples] == expected.tolist()

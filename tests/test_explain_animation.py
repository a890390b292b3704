"""Animations as GIF and SVG: their steps, their shapes, and that they can be read."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, ImageSequence

from convcli import ConvcliError, conv2d, conv_transpose2d
from convcli.explain import gif
from convcli.explain.animation import write_animation
from convcli.explain.drawing import Label, film, sum_lines
from convcli.explain.forms import parts_of
from convcli.explain.palette import TEXT_ON, TONES
from convcli.explain.settle import settle

CASES = [
    ("5x5", "3x3", {"stride": 2, "pad": 1}),
    ("7x6", "3x2", {"dilation": 2, "pad": (1, 0), "pad_mode": "replicate", "flip": True}),
    ("a b c d", "x y z", {"pad": 1}),
    ("2x2", "3x3", {"stride": 2, "pad": 1, "output_padding": 1, "transpose": True}),
    ("3x2", "2x3", {"stride": (3, 1), "dilation": (1, 2), "transpose": True}),
    ("4", "3", {"stride": 2, "pad": "same", "transpose": True}),
]


@pytest.mark.parametrize(("input", "kernel", "options"), CASES)
def test_the_last_step_of_each_part_shows_the_result(input, kernel, options) -> None:
    setting = settle(input, kernel, **options).with_numbers()
    letters = {name: k + 2.0 for k, name in enumerate("abcdxyz")}
    x, w = (np.vectorize(lambda cell: cell.value(letters))(grid) for grid in setting.cells)
    options = {key: value for key, value in options.items() if key not in ("flip", "transpose")}
    if setting.is_row:
        options |= {"pad": setting.pads, "stride": setting.stride}
    compute = conv_transpose2d if setting.transpose else conv2d
    expected = compute(x, w, **options)[0]
    for part in parts_of(setting):
        last = part.steps[-1].results
        top, left = setting.pads[:2] if part.form == "scatter" else (0, 0)
        for (i, j), value in np.ndenumerate(expected):
            shown = last.get((i + top, j + left), "0")
            product = re.sub(r"(?<=[a-z])(?=[a-z])", "*", shown)
            assert eval(product, {}, letters) == pytest.approx(value)


def test_reads_and_writes_of_a_step_are_those_of_the_sum() -> None:
    (part,) = parts_of(settle("5x5", "3x3", stride=2, pad=1))
    step = part.steps[4]
    assert set(step.read) == {(y, x) for y in (2, 3, 4) for x in (2, 3, 4)}
    assert set(step.written) == {(1, 1)}
    assert step.sums[0].endswith(f" = {step.results[1, 1]}")
    assert [row.count("pad") for row in part.left.kinds] == [7, 2, 2, 2, 2, 2, 7]


def test_output_padding_and_crop_are_marked() -> None:
    options = {"stride": 2, "pad": 1, "transpose": True}
    scatter, gather = parts_of(settle("2x2", "3x3", output_padding=1, **options))
    assert scatter.right.kinds[0] == ("crop",) * 5
    assert scatter.right.kinds[1] == ("crop", "output", "output", "output", "extra")
    assert gather.right.kinds[0] == ("output", "output", "output", "extra")
    assert gather.left.kinds[1] == ("pad", "input", "hole", "input", "pad", "pad")


def test_parts_of_an_animation_can_be_chosen(run, tmp_path: Path) -> None:
    arguments = ("explain", "--input", "2x2", "--kernel", "3x3", "--transpose", "--animate")
    for by, steps in (("both", 20), ("scatter", 4), ("gather", 16)):
        result = run(*arguments, tmp_path / f"{by}.svg", "--by", by)
        assert result.stdout == f"{tmp_path / by}.svg: {steps} steps\n"


@pytest.mark.parametrize(("input", "kernel", "options"), CASES)
def test_a_gif_has_a_frame_for_each_step(tmp_path: Path, input, kernel, options) -> None:
    setting = settle(input, kernel, **options)
    target = tmp_path / "a.gif"
    steps = write_animation(setting, target, milliseconds=500)
    with Image.open(target) as image:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(image)]
        assert image.info["loop"] == 0
        assert image.width == 720
    # A step without a visible change would be merged with the one before.
    assert len(frames) == steps
    assert len({frame.tobytes() for frame in frames}) == steps
    expected = film(parts_of(setting), setting.title)
    drawn = gif._drawn(expected, expected.frames[-1])
    difference = np.abs(np.asarray(drawn, int) - np.asarray(frames[-1], int))
    assert difference.mean() < 1.5


def test_a_gif_is_drawn_without_freetype_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gif, "font", lambda _: None)
    setting = settle("2x2", "2x2", transpose=True)
    assert gif.gif_bytes(film(parts_of(setting), setting.title), 500).startswith(b"GIF89a")


def test_every_letter_of_a_gif_has_a_glyph() -> None:
    texts = set()
    for input, kernel, options in CASES:
        setting = settle(input, kernel, **options)
        for frame in film(parts_of(setting), setting.title).frames:
            texts |= {shape.text for shape in frame.shapes if isinstance(shape, Label)}
    font = gif.font(20.0)
    assert font is not None
    missing = bytes(font.getmask("\uffff"))
    letters = set("".join(texts).translate(gif._PLAIN).translate(gif.SPELLED)) - {" "}
    assert {one for one in letters if bytes(font.getmask(one)) == missing} == set()


@pytest.mark.parametrize(("input", "kernel", "options"), CASES)
def test_an_svg_shows_each_step_once(tmp_path: Path, input, kernel, options) -> None:
    target = tmp_path / "a.svg"
    steps = write_animation(settle(input, kernel, **options), target)
    text = target.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img"
    assert root.get("aria-label")
    labels = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert sum(label.startswith("step ") for label in labels if label) == steps
    assert "prefers-color-scheme:dark" in text
    assert "prefers-reduced-motion:reduce" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_shapes_and_texts_lie_inside() -> None:
    for input, kernel, options in CASES:
        setting = settle(input, kernel, **options)
        made = film(parts_of(setting), setting.title)
        for frame in made.frames:
            for shape in frame.shapes:
                if isinstance(shape, Label):
                    assert shape.size >= 9
                    assert 0 < shape.y < made.height
                    # The wide fonts of browsers take some 0.57 of the size a letter.
                    length = 0.57 * shape.size * len(shape.text)
                    assert shape.anchor != "start" or shape.x + length < made.width
                else:
                    assert 0 <= shape.x <= shape.x + shape.width <= made.width
                    assert 0 <= shape.y <= shape.y + shape.height <= made.height


def test_a_long_sum_keeps_its_result() -> None:
    lines = sum_lines(["out[0] = " + " + ".join(f"{k}·{k}" for k in range(200)) + " = 2646700"])
    assert len(lines) == 3
    assert max(map(len, lines)) <= 76
    assert lines[-1].endswith("… = 2646700")


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_enough_contrast(scheme: str) -> None:
    for text, fills in TEXT_ON.items():
        for fill in fills:
            one, two = (luminance(getattr(TONES[name], scheme)) for name in (text, fill))
            ratio = (max(one, two) + 0.05) / (min(one, two) + 0.05)
            assert ratio >= 4.5, f"{text} on {fill}: {ratio:.2f}"


def test_an_animation_that_exists_is_kept(run, tmp_path: Path) -> None:
    target = tmp_path / "a.svg"
    target.write_text("mine")
    arguments = ("explain", "--input", "3x3", "--kernel", "2x2", "--animate", target)
    result = run(*arguments)
    assert result.exit_code == 2
    assert "exists already" in result.stderr
    assert target.read_text() == "mine"
    assert run(*arguments, "--overwrite").exit_code == 0
    assert target.read_text().startswith("<svg")


@pytest.mark.parametrize("side", [13, 41])
def test_animations_too_large_to_draw_are_refused(side: int) -> None:
    with pytest.raises(ConvcliError, match="the most"):
        parts_of(settle(f"{side}x{side}", "1x1"))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("convolution", {"input": "5x5"}),
        ("transposed", {"input": "2x2", "output_padding": 1, "transpose": True}),
    ],
)
def test_the_animations_that_are_shown_are_what_the_tool_makes(
    samples: Path, tmp_path: Path, name: str, options: dict
) -> None:
    write_animation(settle(kernel="3x3", stride=2, pad=1, **options), tmp_path / "made.svg")
    shown = (samples / "results" / f"{name}.svg").read_bytes()
    assert (tmp_path / "made.svg").read_bytes() == shown

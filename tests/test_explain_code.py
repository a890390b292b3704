"""Lines of code that explain prints: NumPy's and convcli's run, PyTorch's parse."""

from __future__ import annotations

import ast
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import (
    ConvcliError,
    Filter,
    apply_filters,
    conv2d,
    conv_transpose2d,
    load_filter,
    read_image,
)
from convcli.explain.code import setting_code
from convcli.explain.picture_code import picture_code
from convcli.explain.settle import settle

CASES = [
    ("5x5", "3x3", {"stride": 2, "pad": 1}),
    ("a b c; d e f", "x y; -z 2", {"pad": (0, 1, 2, 0), "pad_mode": "reflect", "flip": True}),
    ("2x6x5", "3x2x2x3", {"dilation": 2, "pad": 2, "pad_mode": "circular"}),
    ("7", "3", {"pad": "same", "stride": 2}),
    ("0.5 1/3 a'", "x1 2x1", {"pad_mode": "replicate", "pad": 1}),
    ("2x2", "3x3", {"stride": 2, "pad": 1, "output_padding": 1, "transpose": True}),
    ("2x3x2", "2x3x2x3", {"stride": (3, 2), "dilation": (2, 1), "transpose": True}),
    ("4x4", "2x2", {"stride": 3, "pad": "same", "transpose": True}),
    ("4x4", "3x3", {"stride": 2, "pad": "same", "transpose": True}),
    ("3", "2", {"stride": 3, "dilation": 2, "output_padding": 2, "transpose": True}),
]


def expected(setting) -> np.ndarray:
    names: dict[str, None] = {}
    for grid in setting.with_numbers().cells:
        for cell in grid.flat:
            names |= dict.fromkeys(sorted(cell.symbols))
    numbers = {name: k + 1.0 for k, name in enumerate(names)}
    x, w = (
        np.vectorize(lambda cell: cell.value(numbers))(grid)
        for grid in setting.with_numbers().cells
    )
    options = {"stride": setting.stride, "dilation": setting.dilation, "pad": setting.pads}
    if setting.transpose:
        return conv_transpose2d(x, w, output_padding=setting.output_padding, **options)
    return conv2d(x, w, pad_mode=setting.pad_mode, **options)


@pytest.mark.parametrize("language", ["numpy", "convcli"])
@pytest.mark.parametrize(("input", "kernel", "options"), CASES)
def test_the_lines_give_the_same_numbers(
    input, kernel, options, language, capsys: pytest.CaptureFixture[str]
) -> None:
    setting = settle(input, kernel, **options)
    names: dict = {}
    exec("\n".join(setting_code(setting, language)), names)
    np.testing.assert_allclose(names["out"], expected(setting), rtol=1e-12)
    assert capsys.readouterr().out


@pytest.mark.parametrize(("input", "kernel", "options"), CASES)
def test_the_lines_for_pytorch_parse(input, kernel, options) -> None:
    lines = setting_code(settle(input, kernel, **options), "pytorch")
    tree = ast.parse("\n".join(lines))
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert imported <= used


FILTERS = {
    "sharpen": load_filter("sharpen"),
    "sobel": load_filter("sobel").override(stride=2),
    "sepia": load_filter("sepia"),
    "grayscale": load_filter("grayscale").override(pad=(1, 2, 0, 1)),
    "laplacian-of-gaussian": load_filter("laplacian-of-gaussian").override(range="rescale"),
    "emboss": Filter([[1, -2], [3, 0.3]], bias=0.13, dilation=(1, 2), flip=True, range="abs"),
    "sobel-x": load_filter("sobel-x").override(range="rescale-channels"),
    "apart": Filter([[[[1, -2]]], [[[0.3, 0.5]]], [[[0, 1]]]], groups=3, bias=(0, 0.1, 0)),
    "box:size=3": load_filter("box:size=3"),
    "bank": Filter([[[[1, -1]]], [[[2, -1]]]], reduce="max", pad_mode="circular"),
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_the_numpy_lines_for_a_picture_write_what_apply_writes(
    photo: Path, monkeypatch: pytest.MonkeyPatch, name: str, mode: str
) -> None:
    monkeypatch.chdir(photo.parent)
    chosen = FILTERS[name]
    if chosen.is_cross_channel and mode == "L":
        with pytest.raises(ConvcliError, match="reads 3 channels"):
            picture_code(
                read_image(photo, mode=mode), "photo.png", chosen, name, "numpy", overrides={}
            )
        return
    picture = read_image(photo, mode=mode)
    for language in ("numpy", "pytorch"):
        lines = picture_code(picture, "photo.png", chosen, name, language, overrides={}, mode=mode)
        ast.parse("\n".join(lines))
        if language == "numpy":
            exec("\n".join(lines), {})
    wanted = apply_filters(picture, [chosen]).frames[0].samples
    with Image.open("result.png") as image:
        found = np.asarray(image).reshape(wanted.shape)
    # Sums that end at a half may be rounded to either side.
    assert np.abs(found.astype(int) - wanted).max() <= 1
    assert (found != wanted).mean() < 0.02


def test_the_convcli_lines_for_a_picture_run_in_shell_and_python(
    run, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photo.parent)
    flags = ("-f", "emboss", "--stride", "1,2", "--no-flip", "--pad-mode", "reflect", "--linear")
    lines = run("explain", *flags, "photo.png", "--code", "convcli").stdout.splitlines()
    shell = shlex.split(lines[0].removeprefix("# in a shell: "))
    assert run(*shell[1:]).exit_code == 0
    by_shell = read_image("result.png").tensor
    Path("result.png").unlink()
    exec("\n".join(lines), {})
    np.testing.assert_array_equal(read_image("result.png").tensor, by_shell)


@pytest.mark.parametrize("language", ["numpy", "pytorch"])
def test_filters_needing_more_than_a_few_lines_are_refused(
    run, samples: Path, language: str
) -> None:
    result = run("explain", "-f", "sharpen", samples / "badge.png", "--code", language)
    assert result.exit_code == 2
    assert "use --mode L or RGB, or --code convcli" in result.stderr


def test_the_command_prints_the_lines_alone(run) -> None:
    text = run("explain", "--input", "3x3", "--kernel", "2x2", "--code", "numpy").stdout
    ast.parse(text)
    assert text.startswith("import numpy as np\n")
    assert "torch" not in sys.modules

"""What explain says of a convolution, held against the kernel's own numbers."""

from __future__ import annotations

import doctest
import itertools
from pathlib import Path

import numpy as np
import pytest

from convcli import (
    ConvcliError,
    conv2d,
    conv2d_backward,
    conv_matrix,
    conv_output_size,
    conv_transpose2d,
    conv_transpose_output_size,
    load_filter,
)
from convcli.explain.algebra import Expression
from convcli.explain.cells import cell_lines
from convcli.explain.coverage import coverage_lines, terms_at, terms_by_phase
from convcli.explain.explanation import explanation
from convcli.explain.gradients import gradients
from convcli.explain.matrix import matrix_of, numeric_matrix
from convcli.explain.notation import parse_input, parse_kernel
from convcli.explain.setting import Setting, output_cells
from convcli.explain.settle import kernel_of, settle
from convcli.explain.sizes import size_lines
from convcli.explain.text import Line, plain


def cells_text(rows: int, columns: int, seed: int) -> str:
    numbers = np.random.default_rng(seed).integers(-4, 6, (rows, columns))
    return "; ".join(" ".join(map(str, row)) for row in numbers)


def values(cells: np.ndarray, numbers: dict[str, float] | None = None) -> np.ndarray:
    return np.array([cell.value(numbers) for cell in cells.flat]).reshape(cells.shape)


def section(lines: list[Line], name: str) -> str:
    text = plain(lines)
    return text.partition(f"\n{name}")[2].partition("\n\n")[0]


FORWARD = [
    {"stride": s, "pad": p, "dilation": d, "pad_mode": m, "flip": f}
    for (s, p, d), m, f in [
        ((1, 0, 1), "zeros", False),
        ((2, 1, 1), "zeros", True),
        (((1, 2), (0, 1), (2, 1)), "reflect", False),
        ((3, (2, 1, 0, 3), 2), "circular", True),
        ((2, "same", 1), "replicate", False),
        ((1, "same", (1, 2)), "zeros", False),
    ]
]
TRANSPOSED = [
    {"stride": s, "pad": p, "dilation": d, "output_padding": o}
    for s, p, d, o in [
        (1, 0, 1, 0),
        (2, 1, 1, 1),
        ((3, 2), (0, 1), (1, 2), (2, 0)),
        (2, "same", 1, 0),
        (3, "same", 1, 0),
        ((2, 3), (1, 0, 0, 1), 2, (1, 2)),
    ]
]


@pytest.mark.parametrize("options", FORWARD)
def test_cells_are_what_conv2d_computes(options: dict) -> None:
    x, w = cells_text(5, 6, 1), cells_text(3, 2, 2)
    setting = settle(x, w, **options)
    options = dict(options)
    kernel = np.array([[[int(n) for n in row.split()] for row in w.split(";")]], float)
    if options.pop("flip"):
        kernel = kernel[..., ::-1, ::-1]
    image = np.array([[[int(n) for n in row.split()] for row in x.split(";")]][0], float)[None]
    expected = conv2d(image, kernel[None][0][None], **options)
    np.testing.assert_array_equal(values(output_cells(setting)), expected)


@pytest.mark.parametrize("options", TRANSPOSED)
def test_transposed_cells_are_what_conv_transpose2d_computes(options: dict) -> None:
    setting = settle(cells_text(3, 4, 3), cells_text(3, 2, 4), transpose=True, **options)
    image, kernel = (values(cells) for cells in setting.cells)
    np.testing.assert_array_equal(
        values(output_cells(setting)), conv_transpose2d(image, kernel, **options)
    )


def symbols_of(setting: Setting) -> dict[str, float]:
    names = sorted({name for grid in setting.cells for cell in grid.flat for name in cell.symbols})
    return dict(zip(names, np.random.default_rng(5).normal(size=len(names)), strict=True))


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("input", ["4x3", "2x4x3"])
def test_letters_stand_for_any_numbers(input: str, transpose: bool) -> None:
    kernel = "2x3x2x2" if transpose and input[0] == "2" else f"3x{1 + (len(input) > 3)}x2x2"
    if transpose and input == "4x3":
        kernel = "1x3x2x2"
    setting = settle(input, kernel, stride=2, pad=1, transpose=transpose).with_letters()
    numbers = symbols_of(setting)
    x, w = (values(cells, numbers) for cells in setting.cells)
    compute = conv_transpose2d if transpose else conv2d
    expected = compute(x, w, stride=2, pad=1)
    np.testing.assert_allclose(values(output_cells(setting), numbers), expected, atol=1e-12)


@pytest.mark.parametrize("options", FORWARD[:3])
def test_the_matrix_is_conv_matrix(options: dict) -> None:
    setting = settle(cells_text(4, 5, 1), cells_text(2, 3, 2), **options)
    kernel = values(setting.cells[1])
    options = {key: value for key, value in options.items() if key != "flip"}
    np.testing.assert_array_equal(
        values(matrix_of(setting)), conv_matrix(kernel, (1, 4, 5), **options)
    )


def test_the_matrix_of_a_transposed_one_is_the_transpose() -> None:
    setting = settle("3x2", cells_text(3, 3, 2), stride=2, pad=1, transpose=True).with_numbers()
    forward = conv_matrix(values(setting.cells[1]), (1, *setting.output[1:]), stride=2, pad=1)
    np.testing.assert_array_equal(values(matrix_of(setting)), forward.T)


@pytest.mark.parametrize("options", [FORWARD[1], FORWARD[2], FORWARD[4]])
def test_gradients_are_those_of_conv2d_backward(options: dict) -> None:
    setting = settle("4x4", "2x1x2x3", **options).with_letters()
    to_input, to_kernel, to_bias = gradients(setting)
    numbers = symbols_of(setting)
    g = np.random.default_rng(1).normal(size=setting.output)
    names = {name for cell in to_bias.flat for name in cell.symbols}
    small = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
    for name in names:
        f, i, j = (int(digit) for digit in name[1:].translate(small))
        numbers[name] = g[f, i, j]
    x, w = (values(cells, numbers) for cells in setting.cells)
    options = {key: value for key, value in options.items() if key != "flip"}
    expected = conv2d_backward(g, x, w, **options)
    for found, wanted in zip((to_input, to_kernel, to_bias), expected, strict=True):
        np.testing.assert_allclose(values(found, numbers), wanted, atol=1e-12)


def test_sizes_agree_with_the_kernel() -> None:
    for size, kernel, stride, pad, dilation in itertools.product(
        (5, 8), (1, 2, 3), (1, 2, 3), (0, 1), (1, 2)
    ):
        options = {"stride": stride, "pad": pad, "dilation": dilation}
        setting = settle(f"{size}x{size}", f"{kernel}x{kernel}", **options)
        assert setting.output[1:] == conv_output_size(size, kernel, **options)
        assert f"= {setting.output[1]}" in plain(size_lines(setting))
        if (size - 1) * stride + dilation * (kernel - 1) + 1 > 2 * pad:
            back = settle(f"{size}x{size}", f"{kernel}x{kernel}", transpose=True, **options)
            assert back.output[1:] == conv_transpose_output_size(size, kernel, **options)


@pytest.mark.parametrize("options", TRANSPOSED)
def test_overlaps_are_the_transposed_convolution_of_ones(options: dict) -> None:
    setting = settle("4x5", "3x4", transpose=True, **options)
    ones = conv_transpose2d(np.ones((1, 4, 5)), np.ones((1, 1, 3, 4)), **options)[0]
    counts = [[len(terms_at(axis, k)) for k in range(axis.output)] for axis in setting.axes]
    np.testing.assert_array_equal(np.outer(*counts), ones)


def test_the_forecast_is_even_where_the_inside_is() -> None:
    for kernel, stride, dilation in itertools.product(range(1, 7), range(1, 5), (1, 2, 3)):
        setting = settle("20", str(kernel), stride=stride, dilation=dilation, transpose=True)
        (axis,) = setting.axes
        span = axis.span
        inside = [len(terms_at(axis, k)) for k in range(span, axis.output - span)]
        assert (len(set(terms_by_phase(axis))) == 1) == (len(set(inside)) == 1)
        text = plain(coverage_lines(setting))
        assert ("Uneven" in text) == (len(set(inside)) > 1)


# The lesson's own examples, as they are written there.


def test_the_1d_example_in_letters() -> None:
    setting = settle("a b", "x y z", stride=2, transpose=True)
    assert section(explanation(setting), "Result\n") == "  [ax, ay, az + bx, by, bz]"
    assert str(output_cells(setting)[0, 0, 2]) == "az + bx"


def test_the_matrix_on_the_padded_input_ends_with_dz() -> None:
    text = plain(explanation(settle("0 a b c d 0", "x y z"), matrix=True))
    assert "M (4×6)                Mᵀ (6×4)" in text
    assert "[ x  y  z  0  0  0 ]   [ x  0  0  0 ]" in text
    assert "row 5: d'z" in text


def test_padding_makes_a_transposed_result_smaller_and_output_padding_restores_it() -> None:
    small = settle("2x2", "3x3", stride=2, pad=1, transpose=True)
    assert small.output == (1, 3, 3)
    text = " ".join(plain(explanation(small)).split())
    assert "Padding makes this result smaller" in text
    assert "= 5 - 2 + 0 = 3" in text
    assert "S times the input, 4: that needs output padding 1" in text
    assert "Which map is the input?" in text
    assert settle("2x2", "3x3", stride=2, pad=1, transpose=True, output_padding=1).output[1] == 4
    assert settle("2x2", "3x3", stride=2, pad="same", transpose=True).output[1] == 4


def test_windows_are_drawn_with_their_padding() -> None:
    text = plain(coverage_lines(settle("5x5", "3x3", stride=2, pad=1)))
    assert "  output row 0  o  #  #\n" in text
    assert "  output row 2              #  #  o\n" in text


def test_dropped_rows_are_reported_with_sizes_that_fit() -> None:
    text = " ".join(plain(size_lines(settle("8x8", "3x3", stride=2))).split())
    assert "floor drops 1/2" in text
    assert "Inputs of 7 or 9 fit exactly" in text


def test_sums_show_their_products() -> None:
    text = plain(cell_lines(settle("1 2 3 4", "1 0 -1", pad=1).with_letters()))
    assert "  out[0] = 0·1 + 1·0 + 2·(-1) = -2\n" in text
    assert "  [-2, -2, -2, 3]\n" in text
    text = plain(cell_lines(settle("a b c d", "x y z", pad=1).with_letters()))
    assert "  out[0] = 0·x + ay + bz = ay + bz\n" in text
    assert "  out[1] = ax + by + cz\n" in text


def test_exact_numbers_stay_exact() -> None:
    setting = settle("0.1 0.2 1/3", "1 1 1")
    assert str(output_cells(setting)[0, 0, 0]) == "19/30"
    setting = settle("0.1 0.2", "1 1")
    assert str(output_cells(setting)[0, 0, 0]) == "0.3"


def test_expressions_are_polynomials() -> None:
    a, x = Expression.symbol("a"), Expression.symbol("x")
    assert str(a * a + x * Expression.number(2) + -x) == "a² + x"
    assert str(a + -a) == "0"
    assert a * x == x * a
    assert hash(a * x) == hash(x * a)
    assert str(Expression.symbol("x1") * a) == "x1·a"


def test_the_examples_in_docstrings_are_true() -> None:
    from convcli.explain import algebra, positions

    for module in (algebra, positions):
        result = doctest.testmod(module)
        assert result.attempted
        assert not result.failed


def test_letters_of_the_kernel_are_not_those_of_a_numbered_input() -> None:
    input, kernel = settle("5x5", "3x3").with_letters().cells
    assert str(input[0, 4, 4]) == "x₄₄"
    assert "x" not in {str(cell) for cell in kernel.flat}


def test_lists_and_sizes_are_read_as_they_are_typed() -> None:
    expected = [[["1", "2"], ["3", "-a"]]]
    for text in ("1 2; 3 -a", "[[1, 2], [3, -a]]", "1,2;3,-a", "[1 2; 3 -a]"):
        assert [[list(map(str, row)) for row in c] for c in parse_input(text).cells] == expected
    assert parse_input("3x5x7").shape == (3, 5, 7)
    assert parse_kernel("3").shape == (1, 1, 1, 3)
    assert parse_kernel("1 2|3 4||5 6|7 8").shape == (2, 2, 1, 2)
    assert parse_kernel("[[[[1,2]],[[3,4]]],[[[5,6]],[[7,8]]]]").shape == (2, 2, 1, 2)
    assert str(parse_kernel("[[[[1,2]],[[3,4]]],[[[5,6]],[[7,8]]]]").cells[1, 0, 0, 1]) == "6"


@pytest.mark.parametrize(
    "options",
    [
        {"input": "5x5", "kernel": "3x3", "stride": 2, "pad": 1},
        {"input": "6x6", "kernel": "4x4", "stride": 2, "pad": 1, "transpose": True},
        {"input": "3x300x400", "kernel": "16x3x7x7", "stride": 2, "pad": "same"},
        {"input": "1 2 3; 4 5 6", "kernel": "0.25 -1; 1/3 2", "pad": 1, "flip": True},
        {"input": "5x5", "kernel": "2x2", "transpose": True, "stride": 7, "dilation": 3},
        {"input": "999999999", "kernel": "999", "stride": 3, "transpose": True},
    ],
)
def test_lines_fit_a_hundred_columns(options: dict) -> None:
    setting = settle(**options)
    small = setting.input.count <= 9
    lines = explanation(setting, matrix=small, gradients=small)
    assert max(len(line.text) for line in lines) <= 100


def test_a_filter_can_be_the_kernel(run) -> None:
    text = run("explain", "--input", "1 2 3; 4 5 6; 7 8 9", "-f", "sharpen").stdout
    assert text.startswith("Convolution: input 3×3, kernel 3×3, stride 1, pad 1, pad mode replica")
    result = text.partition("\nResult\n")[2].split("\n\n")[0]
    image = np.arange(1, 10.0).reshape(1, 3, 3)
    kernel = load_filter("sharpen").kernel
    expected = conv2d(image, kernel, pad="same", pad_mode="replicate")[0]
    found = [[float(number) for number in line.strip(" []").split()] for line in result.split("\n")]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["gaussian-blur", "sobel", "sepia", "channel-swap", "motion-blur"])
def test_a_filters_weights_are_exact(name: str) -> None:
    kernel = parse_kernel(kernel_of(load_filter(name)))
    np.testing.assert_allclose(values(kernel.cells), load_filter(name).kernel, rtol=1e-15)


WRONG = [
    (["--input", "2x2", "--kernel", "5x5"], "floor((2 + 0 - 5) / 1) + 1 is below 1"),
    (["--input", "2x2", "--kernel", "5x5"], "kernel 2, or pad 2, or input 5"),
    (["--input", "1", "--kernel", "2", "--pad", "2", "--transpose"], "nearest that fits: pad 0"),
    (["--input", "30x30", "--kernel", "3x3", "--gradients"], "the alphabet has 26"),
    (["--input", "8x8", "--kernel", "3x3", "--matrix"], "36×64"),
    (["--input", "8x8", "--kernel", "3x3", "--matrix"], ".npy"),
    (["--input", "1 2; 3", "--kernel", "2x2"], "row 2 has 1 cells and the first has 2"),
    (["--input", "ab c", "--kernel", "x"], "'ab' is not a cell"),
    (["--input", "", "--kernel", "x"], "--input: channel 1, row 1 is empty"),
    (["--input", "1/0 2", "--kernel", "x"], "divides by zero"),
    (["--input", "0x5", "--kernel", "3x3"], "numbers from 1 up"),
    (["--input", "5x5"], "give --input and --kernel"),
    (["--input", "2x5x5", "--kernel", "3x3x3"], "the input has 2 channels and the kernel 3"),
    (["--input", "5x5", "--kernel", "3x3", "--output-padding", "1"], "add --transpose"),
    (
        ["--input", "5x5", "--kernel", "3x3", "--transpose", "--output-padding", "1"],
        "must be smaller than the stride",
    ),
    (["--input", "5x5", "--kernel", "3x3", "--animate", "x.mp4"], ".gif, .svg, .html"),
    (["--input", "5x5", "--kernel", "3x3", "--animate", "x"], "no extension"),
    (["--input", "50x50", "--kernel", "3x3", "--animate", "x.gif"], "too many to draw"),
    (["--input", "2x5x5", "--kernel", "2x3x3", "--animate", "x.gif"], "one channel"),
    (["--input", "5x5", "--kernel", "3x3", "-o", "m.npy"], "--matrix"),
    (["--input", "3x3", "--kernel", "2x2", "--matrix", "-o", "m.txt"], ".npy"),
    (["--input", "4000x4000", "--kernel", "3x3", "--code", "numpy"], "10,000 are the most"),
    (["--input", "90x90", "--kernel", "3x3", "--matrix", "-o", "m.npy"], "7,744×8,100"),
    (["--input", "3x3", "--kernel", "a b", "--matrix", "-o", "m.npy"], "weights as numbers"),
    (["--input", "3x3", "--kernel", "2x2", "--at", "1,1"], "add -f"),
    (["--input", "3x3", "--kernel", "2x2", "--by", "gather", "--animate", "x.gif"], "--transpose"),
    (["photo.png"], "-f NAME IMAGE --at Y,X"),
    (["-f", "sharpen", "photo.png"], "give --at Y,X"),
    (["-f", "sharpen", "photo.png", "--at", "9,0"], "rows 0 to 8, columns 0 to 11"),
    (["-f", "sharpen", "photo.png", "--at", "1"], "is not Y,X"),
    (["-f", "sharpen", "photo.png", "--at", "1,1", "--transpose"], "leave --transpose out"),
    (["-f", "sharpen", "gone.png", "--at", "1,1"], "no such file"),
    (["-f", "sharpn", "photo.png", "--at", "1,1"], "did you mean sharpen"),
    (["-f", "sharpen", "--input", "3x3", "--kernel", "2x2"], "either -f NAME or --kernel"),
    (["-f", "gaussian-blur-large", "--input", "3x3", "--mode", "L"], "add -f NAME IMAGE"),
    (["--input", "5", "--kernel", "99999", "--transpose"], "up to 10,000"),
    (["--input", "5", "--kernel", "3", "--gradients", "--code", "numpy"], "leave --gradients out"),
    (["--input", "5", "--kernel", "3", "--matrix", "--animate", "x.gif"], "leave --matrix out"),
    (["lesson", "11"], "no topic 11"),
    (["lesson", "four"], "number of one topic"),
]


@pytest.mark.parametrize(("arguments", "fault"), WRONG, ids=[" ".join(a)[:60] for a, _ in WRONG])
def test_mistakes_are_one_clear_error_and_exit_code_2(
    run, photo: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], fault: str
) -> None:
    monkeypatch.chdir(photo.parent)
    before = sorted(Path().iterdir())
    result = run("explain", *arguments)
    assert result.exit_code == 2, result.output
    assert fault in " ".join(result.stderr.split())
    assert result.stdout == ""
    assert sorted(Path().iterdir()) == before


def test_no_input_ends_in_a_traceback() -> None:
    texts = [
        "|",
        "||",
        ";",
        "[",
        "]][[",
        "a||b",
        "1..2",
        "-",
        "1/",
        "x'''",
        "₁",
        "é b",
        "1e5",
        "x1x",
    ]
    for text, other in itertools.product(texts, ["2", "x y"]):
        for transpose in (False, True):
            try:
                explanation(settle(text, other, transpose=transpose))
                explanation(settle(other, text, transpose=transpose))
            except ConvcliError:
                pass


def test_colour_is_used_on_terminals_unless_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from convcli.cli import cli

    arguments = ["explain", "--input", "3", "--kernel", "2"]
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[1m" in CliRunner().invoke(cli, arguments, color=True).stdout
    assert "\x1b" not in CliRunner().invoke(cli, arguments).stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in CliRunner().invoke(cli, arguments, color=True).stdout


def test_the_matrix_goes_to_an_array(run, tmp_path: Path) -> None:
    target = tmp_path / "m.npy"
    arguments = ("explain", "--input", "6x7", "--kernel", "1 2; 3 4", "--pad", "1", "--matrix")
    assert run(*arguments, "-o", target).exit_code == 0
    expected = conv_matrix([[[[1, 2], [3, 4]]]], (1, 6, 7), pad=1)
    np.testing.assert_array_equal(np.load(target), expected)
    again = run(*arguments, "-o", target)
    assert again.exit_code == 2
    assert "exists already" in again.stderr
    assert run(*arguments, "-o", target, "--overwrite").exit_code == 0


@pytest.mark.parametrize("options", [*FORWARD, *({"transpose": True, **o} for o in TRANSPOSED)])
def test_the_array_is_the_printed_matrix(options: dict) -> None:
    setting = settle("6x5", "3x2", **options)
    np.testing.assert_array_equal(
        numeric_matrix(setting), values(matrix_of(setting.with_numbers()))
    )


def test_the_whole_lesson_is_computed_and_its_commands_print_it(run) -> None:
    import shlex

    from convcli.explain.lesson_topics import TOPICS

    whole = run("explain", "lesson").stdout
    assert max(map(len, whole.splitlines())) <= 100
    for number, topic in enumerate(TOPICS, 1):
        page = run("explain", "lesson", number).stdout
        assert page.startswith(f"{number}. {topic.title}\n")
        assert page.partition("\n  Next:")[0].rstrip() in whole
        examples = page.split("  $ ")[1:]
        assert examples
        for example in examples:
            command, _, shown = example.partition("\n")
            printed = run(*shlex.split(command)[1:]).stdout.splitlines()
            titled = shown.strip().splitlines()[0].strip()
            assert titled == printed[0]


def test_the_lesson_corrects_common_mistakes(run) -> None:
    whole = " ".join(run("explain", "lesson").stdout.split())
    assert "give 3×3, not 4×4 as is often drawn" in whole
    assert "the last is d'z" in whole
    assert "holds for stride 1 only" in whole

"""Filters by other ways than a JSON file: arrays, text, standard input; all problems of a file."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLES
from PIL import Image

from convcli import Filter, FilterError, Picture, apply_filters, load_filter
from convcli.filters.bundled import bundled_filters
from convcli.filters.check import file_problems

WEIGHT = np.array([[0.0, 0.25, 0.5], [0.25, 0.0, 0.0]])


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    with Image.open(SAMPLES / "landscape.jpg") as image:
        image.resize((40, 30)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "i1", "u2"])
def test_weights_come_from_an_array_by_its_path(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "k.npy", (WEIGHT * 4).astype(dtype))
    loaded = load_filter(tmp_path / "k.npy")
    assert loaded == Filter(WEIGHT * 4, name="k")
    assert loaded.weight.dtype == np.float64


def test_the_weight_of_a_file_may_be_an_array_beside_it(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "deep").mkdir()
    np.save(tmp_path / "deep" / "conv1.npy", WEIGHT[None, None])
    (tmp_path / "mine.json").write_text('{"weight": "deep/conv1.npy", "divisor": 2}')
    assert load_filter(tmp_path / "mine.json") == Filter(WEIGHT[None, None], divisor=2, name="mine")
    monkeypatch.chdir(tmp_path / "deep")
    text = '{"weight": "conv1.npy", "groups": 1}'
    assert load_filter(text) == Filter(WEIGHT[None, None])


def test_a_depthwise_layer_of_pytorch_is_applied(photo: Path, tmp_path: Path, run) -> None:
    kernels = np.stack([WEIGHT, WEIGHT[::-1], WEIGHT[:, ::-1]])[:, None]
    np.save(tmp_path / "layer.npy", kernels)
    refused = run("apply", "-f", tmp_path / "layer.npy", photo, "-o", tmp_path / "a.png")
    assert refused.exit_code == 1
    assert 'add "groups": 3 to the filter' in refused.stderr
    assert "--mode" not in refused.stderr
    (tmp_path / "layer.json").write_text('{"weight": "layer.npy", "groups": 3}')
    assert (
        run("apply", "-f", tmp_path / "layer.json", photo, "-o", tmp_path / "a.npy").exit_code == 0
    )
    pixels = np.asarray(Image.open(photo), np.float32).transpose(2, 0, 1) / 255
    expected = [
        apply_filters(Picture.from_array(plane[None]), [Filter(kernel[0])]).tensor[0]
        for plane, kernel in zip(pixels, kernels, strict=True)
    ]
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), expected, atol=1e-6)


def test_a_first_layer_makes_a_map_for_each_filter(photo: Path, tmp_path: Path, run) -> None:
    layer = np.random.default_rng(1).standard_normal((16, 3, 7, 7)).astype(np.float32)
    np.save(tmp_path / "conv1.npy", layer)
    done = run("apply", "-f", tmp_path / "conv1.npy", "-s", 2, photo, "-o", tmp_path / "maps.npy")
    assert (done.exit_code, done.stderr) == (0, "")
    assert np.load(tmp_path / "maps.npy").shape == (16, 15, 20)


@pytest.mark.parametrize(
    ("array", "fault"),
    [
        (np.ones(3), r"weight has 1 dimension: \(Hf, Wf\), \(C, Hf, Wf\) and \(F, C, Hf, Wf\)"),
        (np.ones((1,) * 5), "weight has 5 dimensions"),
        (np.float64(3), "weight has 0 dimensions"),
        (np.array([[None]], object), "it holds objects of Python, which are not loaded"),
        (np.array([["a"]]), "it holds str32, where real numbers belong"),
        (np.ones((2, 2), complex), "it holds complex128, where real numbers belong"),
        (np.ones((2, 2), bool), "it holds bool, where real numbers belong"),
        (np.ones((0, 3)), r"weight is empty: its shape is \(0, 3\)"),
        (np.array([[1, np.nan], [np.inf, 1]]), r"weight\[0\]\[1\] is NaN: use a finite number"),
        (np.array([[1, 1e39]]), r"weight\[0\]\[1\] is 1e\+39: give a number from -1e\+38"),
        (np.ones((1001, 1000), "u1"), "it has 1,001,000 numbers: 1,000,000 are the most"),
    ],
    ids=str,
)
def test_arrays_that_are_no_weights_are_refused(tmp_path: Path, array, fault: str) -> None:
    np.save(tmp_path / "k.npy", array, allow_pickle=True)
    with pytest.raises(FilterError, match=rf"filter .*k\.npy: {fault}"):
        load_filter(tmp_path / "k.npy")
    (tmp_path / "mine.json").write_text('{"weight": "k.npy"}')
    with pytest.raises(FilterError, match=rf"filter .*mine\.json: .*{fault}"):
        load_filter(tmp_path / "mine.json")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "it cannot be read: No such file"),
        (b"\x93NUMPY", "not a NumPy array that can be read"),
        (b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f8',", "not a NumPy array that can be read"),
        (b"PK\x03\x04", "an archive of arrays"),
        (pickle.dumps([[1]]), "it is no NumPy array: save one array by numpy.save"),
    ],
)
def test_files_that_are_no_arrays_are_refused(
    tmp_path: Path, content: bytes | None, fault: str
) -> None:
    if content is not None:
        (tmp_path / "k.npy").write_bytes(content)
    (tmp_path / "mine.json").write_text('{"weight": "k.npy"}')
    with pytest.raises(FilterError, match=rf'mine\.json: weight "k.npy": .*{fault}'):
        load_filter(tmp_path / "mine.json")


def test_a_truncated_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "k.npy", np.ones((9, 9)))
    whole = (tmp_path / "k.npy").read_bytes()
    (tmp_path / "k.npy").write_bytes(whole[:-8])
    with pytest.raises(FilterError, match=r"k\.npy: it is not a NumPy array that can be read"):
        load_filter(tmp_path / "k.npy")


def test_the_json_itself_is_a_filter_unless_a_file_has_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = '{"weight": [[1, 2]]}'
    assert load_filter(text) == Filter([[1, 2]])
    Path(text).write_text('{"weight": [[9]], "name": "file"}')
    assert load_filter(text).name == "file"
    with pytest.raises(FilterError, match=r"^the JSON given: weight\[0\]\[0\] is true"):
        load_filter('{"weight": [[true]]}')
    with pytest.raises(FilterError, match=r"JSON begins with \{, as in"):
        load_filter("[[1, 2]]")


def test_a_filter_comes_from_standard_input(run, photo: Path, tmp_path: Path) -> None:
    text = b'{"weight": [[0, 0, 1]]}'
    for command in (["apply"], ["upsample", "--scale", 1]):
        target = tmp_path / f"{command[0]}.png"
        done = run(*command, "-f", "-", photo, "-o", target, stdin=text)
        assert (done.exit_code, done.stderr) == (0, "")
    expected = np.asarray(Image.open(photo))[:, 1:]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "apply.png"))[:, :-1], expected)
    wrong = run("apply", "-f", "-", photo, "-o", tmp_path / "no.png", stdin=b"{")
    assert wrong.exit_code == 2
    assert "the filter on standard input: it is not valid JSON" in wrong.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["-f", "-", "-", "-o", "out.png"],
        ["-f", "-", "--files-from", "-", "-d", "out"],
        ["-f", "-", "-f", "-", "in.png", "-o", "out.png"],
    ],
)
def test_standard_input_is_used_once(run, arguments: list[str]) -> None:
    done = run("apply", *arguments, stdin=b"{}")
    assert done.exit_code == 2
    assert "standard input is an image, a list or one filter: use - once" in done.stderr


def test_a_schema_is_for_editors_and_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"$schema": "filter.schema.json", "weight": [[2]]}')
    assert load_filter(tmp_path / "a.json") == Filter([[2]], name="a")
    (tmp_path / "a.json").write_text('{"$schema": 7, "weight": [[2]]}')
    with pytest.raises(FilterError, match=r"\$schema must be text"):
        load_filter(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("kernel", "weight"),
        ("Weights", "weight"),
        ("padding", "pad"),
        ("pad-mode", "pad_mode"),
        ("border_mode", "pad_mode"),
        ("offset", "bias"),
        ("scale", "divisor"),
        ("strides", "stride"),
        ("alpha", "preserve_alpha"),
        ("Flip", "flip"),
    ],
)
def test_other_words_for_a_key_find_it(key: str, meant: str) -> None:
    with pytest.raises(FilterError, match=f"unknown key \"{key}\": did you mean '{meant}'"):
        load_filter(json.dumps({key: [[1]], "row": [1]}))


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("blurr", ["gaussian-blur", "box-blur", "motion-blur", "gaussian:sigma=2"]),
        ("blur", ["gaussian-blur", "box-blur", "motion-blur", "gaussian:sigma=2", "disk"]),
        ("gausian:sigma=3", ["gaussian:sigma=2", "gaussian-blur"]),
        ("edges", ["sobel", "edge-detect", "laplacian"]),
        ("bokeh", ["disk:radius=4.5"]),
        ("sharpening", ["sharpen", "unsharp:sigma=2"]),
        ("mine", ["mine.json"]),
        ("sub/weights.npz", ["sub/weights.npy"]),
        ("Sobel", ["sobel"]),
    ],
)
def test_near_misses_are_files_filters_kinds_and_families(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, near: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    np.save(tmp_path / "sub" / "weights.npy", WEIGHT)
    (tmp_path / "mine.json").write_text('{"weight": [[1]]}')
    with pytest.raises(FilterError) as raised:
        load_filter(name)
    hint = str(raised.value).partition("did you mean ")[2].partition("?")[0]
    assert all(each in hint for each in near), hint


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"weight": [[1, 1], [1, 1]]}', "its weights sum to 4, so most results are white"),
        ('{"column": [1, 1], "row": [1, 1]}', "its weights sum to 4"),
        ('{"weight": [[1]], "bias": 128}', "its bias is 128 .*: 128 of 255 levels are 0.502"),
        ('{"weight": [[1]], "bias": -2}', "its bias is -2 .* most results are black"),
        ('{"weight": [[-0.2, 0.2]], "range": "abs"}', "0.2 is left at most, so results are nearly"),
        (
            '{"weight": [[[[2]]], [[[1]]]], "reduce": "max", "bias": [0, -5]}',
            "sum to 2.*|bias is -5",
        ),
    ],
)
def test_white_and_black_pictures_are_warned_of_once(
    run, photo: Path, tmp_path: Path, text: str, fault: str
) -> None:
    others = [tmp_path / f"{number}.png" for number in range(3)]
    for other in others:
        other.write_bytes(photo.read_bytes())
    import re

    for flags in (["-d", tmp_path / "out"], ["-d", tmp_path / "dry", "--dry-run"]):
        done = run("apply", "-f", text, "-f", text, *others, *flags)
        assert done.exit_code == 0
        warned = [line for line in done.stderr.splitlines() if line.startswith("Warning: filter")]
        assert len(warned) == len(fault.split("|")), done.stderr
        assert re.search(fault, done.stderr)
    quiet = run("apply", "-f", text, *others, "-d", tmp_path / "quiet", "-q")
    assert (quiet.exit_code, quiet.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["apply"], '{"weight": [[1, 1]], "divisor": 1.5}'),
        (["apply"], '{"weight": [[3, -1]]}'),
        (["apply"], '{"weight": [[1.49]], "bias": 1}'),
        (["apply"], '{"weight": [[9]], "bias": 5, "range": "rescale"}'),
        (["upsample", "--scale", 2], '{"weight": [[1, 2, 1], [0, 1, 0]]}'),
        (["upsample", "--normalize"], '{"weight": [[9, 9], [9, 9]]}'),
    ],
)
def test_what_is_meant_is_not_warned_of(
    run, photo: Path, tmp_path: Path, arguments: list[object], text: str
) -> None:
    done = run(*arguments, "-f", text, photo, "-o", tmp_path / "out.png")
    assert (done.exit_code, done.stderr) == (0, "")


def test_arrays_may_have_any_values(run, photo: Path, tmp_path: Path) -> None:
    done = run("apply", "-f", '{"weight": [[9]], "bias": 7}', photo, "-o", tmp_path / "out.npy")
    assert (done.exit_code, done.stderr) == (0, "")


def test_transposed_filters_are_warned_of_by_their_stride(run, photo: Path, tmp_path: Path) -> None:
    text = '{"weight": [[3, 3], [3, 3]]}'
    done = run("upsample", "-f", text, photo, "-o", tmp_path / "out.png", "--scale", 2)
    assert "its weights sum to 12, so most results are white" in done.stderr


BROKEN = """{
  "wieght": [[1]],
  "weight": [[1, true], ["2", 3], [4]],
  "bias": "dark",
  "divisor": 0,
  "stride": 0, "dilation": [1, 2, 3], "pad": -1, "pad_mode": "mirror",
  "flip": 1, "range": "wrap", "preserve_alpha": null, "reduce": "mean", "groups": 0,
  "name": 3, "name": "twice"
}"""


def test_check_lists_every_problem_of_every_file(run, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text(BROKEN)
    (tmp_path / "good.json").write_text('{"weight": [[1]]}')
    (tmp_path / "text.json").write_text("{")
    np.save(tmp_path / "cube.npy", np.ones(3))
    names = ("broken.json", "good.json", "text.json", "cube.npy", "none.json")
    done = run("filters", "check", *(tmp_path / name for name in names))
    assert done.exit_code == 1
    found: dict[str, list[str]] = {name: [] for name in names}
    for line in done.stdout.splitlines():
        path, _, problem = line.partition(": ")
        found[Path(path).name].append(problem)
    expected = (
        'duplicate key "name"',
        "unknown key \"wieght\": did you mean 'weight'",
        "preserve_alpha is null",
        "weight[0][1] is true",
        'weight[1][0] is "2"',
        "weight[2] has 1 entries, but its neighbours have 2",
        "groups must be",
        'bias is "dark"',
        "divisor is 0",
        "stride must be",
        "dilation must be",
        "pad must be",
        'pad_mode is "mirror"',
        'range is "wrap"',
        'reduce is "mean"',
        "flip must be true or false",
    )
    assert len(found["broken.json"]) == len(expected)
    for problem, start in zip(found["broken.json"], expected, strict=True):
        assert problem.startswith(start)
    assert found["good.json"] == []
    assert found["text.json"][0].startswith("it is not valid JSON")
    assert found["cube.npy"][0].startswith("weight has 1 dimension")
    assert found["none.json"] == ["it cannot be read: No such file or directory"]


def test_check_is_quiet_where_all_is_well(run, tmp_path: Path) -> None:
    done = run("filters", "check", *bundled_filters().values())
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    (tmp_path / "white.json").write_text('{"weight": [[9]]}')
    white = run("filters", "check", tmp_path / "white.json")
    assert (white.exit_code, white.stdout) == (0, "")
    assert "its weights sum to 9" in white.stderr


def test_check_and_loading_agree(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    for text in ("{}", '{"kernel": [[1]]}', '{"weight": null}', '{"column": [1]}', "[]", "\0"):
        path.write_text(text)
        problems = file_problems(path)
        with pytest.raises(FilterError) as raised:
            load_filter(path)
        assert str(raised.value) == f"filter {path}: {problems[0]}"
        assert len(problems) == 1


def test_many_wrong_numbers_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"weight": [["x"] * 50]}))
    problems = file_problems(path)
    assert (len(problems), problems[-1]) == (21, "weight has 30 problems more")
    np.save(tmp_path / "k.npy", np.full((5, 5), np.nan))
    assert file_problems(tmp_path / "k.npy")[-1] == "weight has 5 problems more"


@pytest.mark.parametrize(
    "command",
    [
        ["filters", "info", "-"],
        ["filters", "invert", "-"],
        ["explain", "-f", "-", "--input", "5x5"],
    ],
)
def test_other_commands_take_a_filter_from_standard_input(run, command: list[str]) -> None:
    done = run(*command, stdin=b'{"weight": [[1, 2, 1]], "divisor": 4}')
    assert (done.exit_code, done.stderr) == (0, "")


def test_groups_are_explained_on_a_picture_alone(run, photo: Path) -> None:
    text = json.dumps({"weight": [[[[1]]], [[[2]]], [[[0.5]]]], "groups": 3})
    refused = run("explain", "-f", text, "--input", "5x5")
    assert refused.exit_code == 2
    assert "has 3 groups" in refused.stderr
    red, green, blue = Image.open(photo).getpixel((4, 3))
    shown = run("explain", "-f", text, photo, "--at", "3,4").stdout
    assert f"red {red}, green {min(2 * green, 255)}, blue {int(blue / 2 + 0.5)}" in shown


def test_a_filter_saves_itself(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    for chosen in (
        Filter(rng.standard_normal((2, 1, 3, 4)), bias=(0.1, -2.0), divisor=3.7, reduce="max"),
        Filter(rng.standard_normal((4, 2, 1, 3)), groups=2, pad=(1, 2, 3, 4), stride=(1, 2)),
        Filter(column=rng.standard_normal(300), row=[1, -0.0, 1e300 / 1e270], divisor="sum"),
        Filter([[0.1 + 0.2]], dilation=(3, 1), pad=(2, 2), flip=True, range="abs"),
        Filter([[2.0**60, 1e-300]], pad_mode="circular", preserve_alpha=True, description="ü\n"),
        *map(load_filter, bundled_filters()),
    ):
        named = chosen.override(name=chosen.name or "one", source="test")
        path = tmp_path / "saved.json"
        named.save(path, overwrite=True)
        assert load_filter(path) == named
        assert file_problems(path) == []
    with pytest.raises(ValueError, match="exists already"):
        named.save(path)

"""Filters: the bundled ones, what makes a file a filter, and what is said of one that is none."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import (
    Filter,
    FilterError,
    Picture,
    ShapeError,
    apply_filters,
    load_filter,
    read_image,
)
from convcli.filters.bundled import bundled_filters

BUNDLED = {
    "identity", "box-blur", "gaussian-blur", "gaussian-blur-large", "motion-blur", "sharpen",
    "unsharp-mask", "high-pass", "edge-detect", "laplacian-of-gaussian", "sobel-x", "sobel-y",
    "sobel", "prewitt", "scharr", "emboss", "grayscale", "sepia", "channel-swap",
}  # fmt: skip


def save(folder: Path, text: str | bytes) -> Path:
    path = folder / "mine.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_every_promised_filter_is_bundled() -> None:
    assert set(bundled_filters()) == BUNDLED


@pytest.mark.parametrize("name", sorted(BUNDLED))
def test_a_bundled_filter_carries_its_name_a_purpose_and_a_sum_that_suits_it(name: str) -> None:
    loaded = load_filter(name)
    assert loaded.name == name
    assert loaded.description.endswith(".")
    sums = loaded.kernel.sum((1, 2, 3))
    if loaded.preserve_alpha and name != "emboss":
        np.testing.assert_allclose(sums, 0, atol=1e-12)
    elif name != "sepia":
        np.testing.assert_allclose(sums, 1, atol=1e-12)
    if loaded.weight.shape[-1] > 1:
        assert loaded.pad_mode == "replicate"


def test_a_file_has_these_defaults(tmp_path: Path) -> None:
    loaded = load_filter(save(tmp_path, '{"weight": [[1, 2, 3]]}'))
    assert loaded == Filter(np.array([[1.0, 2, 3]]), name="mine")
    assert (loaded.bias, loaded.divisor, loaded.stride, loaded.dilation) == (0, 1, None, (1, 1))
    assert (loaded.pad, loaded.pad_mode, loaded.flip, loaded.range) == (
        "same",
        "zeros",
        False,
        "clip",
    )
    assert (loaded.preserve_alpha, loaded.reduce, loaded.description) == (False, None, "")


def test_a_file_overrides_every_default(tmp_path: Path) -> None:
    text = """{"name": "n", "description": "d", "source": "s", "weight": [[[[1, 2]]], [[[3, 4]]]],
        "bias": [0.5, -1], "divisor": 2, "stride": [1, 2], "dilation": 3, "pad": [1, 2, 3, 4],
        "pad_mode": "reflect", "flip": true, "range": "abs", "preserve_alpha": true,
        "reduce": "max"}"""
    loaded = load_filter(save(tmp_path, "\ufeff" + text))
    assert (loaded.name, loaded.description, loaded.source) == ("n", "d", "s")
    assert (loaded.stride, loaded.dilation, loaded.pad) == ((1, 2), (3, 3), (1, 2, 3, 4))
    assert (loaded.pad_mode, loaded.range, loaded.reduce) == ("reflect", "abs", "max")
    np.testing.assert_array_equal(loaded.kernel, [[[[1, 0.5]]], [[[2, 1.5]]]])
    np.testing.assert_array_equal(loaded.offsets, [0.5, -1])


def test_divisor_sum_is_per_filter_and_1_where_the_sum_is_0() -> None:
    bank = Filter([[[[1, 3]]], [[[-1, 1]]]], divisor="sum")
    np.testing.assert_array_equal(bank.kernel, [[[[0.25, 0.75]]], [[[-1, 1]]]])


def test_the_bias_is_not_divided() -> None:
    assert Filter([[4.0]], divisor=4, bias=0.5).offsets[0] == 0.5


def test_a_filter_is_a_value() -> None:
    one = load_filter("sobel")
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.name = "other"
    with pytest.raises(ValueError, match="read-only"):
        one.weight[0] = 1
    assert one == load_filter("sobel")
    assert hash(one) == hash(load_filter("sobel"))
    assert one != one.override(pad_mode="zeros")
    assert one.override(pad_mode=None) is one
    assert pickle.loads(pickle.dumps(one)) == one


def test_a_path_wins_over_a_bundled_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sharpen").write_text('{"weight": [[2]]}')
    assert load_filter("sharpen").weight.shape == (1, 1)
    (tmp_path / "sobel").mkdir()
    assert load_filter("sobel").reduce == "magnitude"


def test_a_million_weights_are_accepted(tmp_path: Path) -> None:
    path = save(tmp_path, json.dumps({"weight": [[1] * 1000] * 1000}))
    assert load_filter(path).weight.size == 1_000_000


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not valid JSON"),
        ('{"weight": [[1, 2],]}', "line 1, column (19|20)"),
        ("[[1]]", "one JSON object"),
        ("{}", "a filter needs a weight, or a column and a row"),
        (b'{"weight": [[1]], "name": "\xff"}', "not UTF-8"),
        ('{"weight": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deep"),
        ("[" * 100_000, "nested too deep"),
        ('{"weight": [[1, 2], [3]]}', r"weight\[1\] has 1 entries, but its neighbours have 2"),
        ('{"weight": [[1, 2], 3]}', r"weight\[1\] is 3, where a list of 2 belongs"),
        ('{"weight": [[1, [2]], [3, 4]]}', r"weight\[0\]\[1\] is \[2\], where a number belongs"),
        ('{"weight": []}', "weight is empty"),
        ('{"weight": [[]]}', r"weight\[0\] is empty"),
        ('{"weight": [[1], []]}', r"weight\[1\] has 0 entries"),
        ('{"weight": 3}', r"weight is 3, where a list of rows belongs, such as \[\[0, 1, 0\]"),
        ('{"weight": null}', "weight is null: leave the key out instead"),
        ('{"weight": "k.npz"}', r'weight is "k.npz", where a list of rows'),
        ('{"weight": [1, 2]}', "weight is one list of numbers, where a list of rows belongs"),
        ('{"weight": [[[[[1]]]]]}', "more than 4 levels"),
        ('{"weight": [[[[[[1]]]]]]}', "more than 4 levels"),
        ('{"weight": [[1, NaN]]}', r"weight\[0\]\[1\] is NaN: use a finite number"),
        ('{"weight": [[1], [-Infinity]]}', r"weight\[1\]\[0\] is -Infinity"),
        ('{"weight": [[1]], "bias": [NaN]}', r"bias\[0\] is NaN"),
        ('{"weight": [[1, -Infinity]]}', "-Infinity"),
        ('{"weight": [[1, 1e999]]}', r"weight\[0\]\[1\].*finite"),
        ('{"weight": [[1' + "0" * 400 + "]]}", r"weight\[0\]\[0\].*finite"),
        ('{"weight": [[1' + "0" * 5000 + "]]}", "finite"),
        ('{"weight": [[1, 1e300]]}', r"weight\[0\]\[1\] is 1e\+300: .* from -1e\+38 to 1e\+38"),
        ('{"weight": [[1]], "divisor": -1e300}', "divisor is -1e.300: .* from -1e.38 to 1e.38"),
        ('{"weight": [[1]], "divisor": -1e-300}', "divisor is -1e-300: give a number of 1e-38 or"),
        (
            '{"weight": [[1e20]], "divisor": 1e-20}',
            "divided by divisor .* 1e.40: 1e.30 is the most",
        ),
        ('{"weight": [[1e-20]], "divisor": 1e30}', "1e-50 at most, which is 0 .* smaller divisor"),
        ('{"weight": [[true]]}', r"weight\[0\]\[0\] is true, where a number belongs"),
        ('{"weight": [["1"]]}', r"weight\[0\]\[0\] is \"1\", where a number belongs"),
        ('{"weight": [[null]]}', r"weight\[0\]\[0\] is null"),
        ('{"weights": [[1]]}', "did you mean 'weight'"),
        ('{"weight": [[1]], "xyz": 1}', 'unknown key "xyz": known are weight'),
        ('{"weight": [[1]], "weight": [[2]]}', 'duplicate key "weight": remove one'),
        ('{"weight": [[1]], "bias": "0"}', "bias is"),
        ('{"weight": [[1]], "bias": [0, 1]}', "2 numbers for 1 filter"),
        ('{"weight": [[1]], "bias": 1e999}', "bias is"),
        ('{"weight": [[1]], "bias": 1e300}', r"bias is 1e\+300: .* from -1e\+09 to 1e\+09"),
        ('{"weight": [[1]], "bias": [-2e9]}', r"bias\[0\] is -2000000000.0: give a number from"),
        ('{"weight": [[1]], "divisor": 0}', "divisor is 0"),
        ('{"weight": [[1]], "divisor": "mean"}', 'divisor is "mean".*or "sum"'),
        ('{"weight": [[1]], "stride": 0}', "stride"),
        ('{"weight": [[1]], "stride": null}', "stride is null"),
        ('{"weight": [[1]], "stride": [1, 2, 3]}', "stride"),
        ('{"weight": [[1]], "stride": true}', "stride"),
        ('{"weight": [[1]], "stride": 1000000000000000000}', "stride .* from 1 to 2,147,483,647"),
        ('{"weight": [[1]], "stride": [1, 9223372036854775808]}', "stride .*: got .*5808"),
        ('{"weight": [[1]], "dilation": 2147483648}', "dilation .* from 1 to 2,147,483,647"),
        ('{"weight": [[1]], "dilation": 1' + "0" * 5000 + "}", "dilation .*: got inf"),
        ('{"weight": [[1]], "pad": [0, 0, 0, 2147483648]}', "pad .* from 0 to 2,147,483,647"),
        ('{"weight": [[1]], "dilation": 1.5}', "dilation"),
        ('{"weight": [[1]], "pad": "full"}', "pad must be"),
        ('{"weight": [[1]], "pad": -1}', "pad must be"),
        ('{"weight": [[1]], "pad": {}}', "pad must be"),
        ('{"weight": [[1]], "pad_mode": "mirror"}', "zeros, reflect, replicate, circular"),
        ('{"weight": [[1]], "pad_mode": []}', "pad_mode"),
        ('{"weight": [[1]], "range": "wrap"}', "clip, abs, rescale"),
        ('{"weight": [[1]], "flip": 1}', "flip must be true or false"),
        ('{"weight": [[1]], "reduce": "max"}', r"\[F\]\[1\]\[Hf\]\[Wf\]"),
        ('{"weight": [[[[1]]]], "reduce": "mean"}', "magnitude, max, sum"),
        ('{"weight": [[1]], "name": 3}', "name must be text"),
        (json.dumps({"weight": [[1] * 1001] * 1000}), "1,001,000"),
    ],
)
def test_an_error_in_a_file_has_its_name_the_place_and_the_remedy(
    tmp_path: Path, text: str | bytes, fault: str
) -> None:
    path = save(tmp_path, text)
    with pytest.raises(FilterError, match=fault) as raised:
        load_filter(path)
    assert str(path) in str(raised.value)
    assert len(str(raised.value)) < 500


def test_the_largest_numbers_are_accepted() -> None:
    largest = 2**31 - 1
    one = Filter(
        [[1e38, -1e38]], bias=1e9, divisor=1e8, stride=largest, dilation=largest, pad=largest
    )
    assert (one.stride, one.dilation, one.pad) == ((largest,) * 2, (largest,) * 2, (largest,) * 4)
    assert np.isfinite(one.kernel.astype(np.float32)).all()
    assert Filter([[1e-38]], divisor=-1e-38).kernel == -1
    assert Filter([[0.0]], divisor=1e38).kernel == 0


def test_tiny_weights_beside_large_ones_are_accepted() -> None:
    np.testing.assert_array_equal(Filter([[1e-300, 1]]).kernel[0, 0], [[1e-300, 1]])


def test_opposite_sums_of_the_greatest_weights_cancel_without_a_warning() -> None:
    white = Picture.from_array(np.full((5, 9), 255, np.uint8))
    row = [1e30] * 40 + [-1e30] * 40
    result = apply_filters(white, [Filter([row], pad_mode="replicate")]).tensor
    assert result.shape == (1, 5, 9)


@pytest.mark.parametrize(("mode", "filters"), [("RGB", 3), ("RGBA", 3), ("RGBA", 4)])
def test_a_depthwise_weight_is_recognized(tmp_path: Path, mode: str, filters: int) -> None:
    Image.new(mode, (5, 4)).save(tmp_path / "in.png")
    picture = read_image(tmp_path / "in.png")
    fault = (
        rf"the picture has {filters}: its weight \[{filters}\]\[1\]\[1\]\[2\] looks like that of a "
        rf'depthwise convolution in PyTorch: add "groups": {filters} to the filter.* as '
        r"\[Hf\]\[Wf\]"
    )
    with pytest.raises(ShapeError, match=fault) as raised:
        apply_filters(picture, [Filter([[[[0, 1]]]] * filters)])
    assert "--mode" not in str(raised.value)


def test_a_depthwise_weight_with_groups_filters_each_channel_by_its_own_kernel(
    pixels: np.ndarray,
) -> None:
    picture = Picture.from_array(pixels.transpose(2, 0, 1))
    kernels = [[[1.0, 2, 1]], [[0.0, 4, 0]], [[4.0, 0, 0]]]
    together = Filter([[kernel] for kernel in kernels], groups=3, divisor=4)
    alone = [apply_filters(picture, [Filter(kernel, divisor=4)]).tensor for kernel in kernels]
    expected = [alone[channel][channel] for channel in range(3)]
    np.testing.assert_array_equal(apply_filters(picture, [together]).tensor, expected)


@pytest.mark.parametrize(
    ("weight", "groups", "fault"),
    [
        ([[1, 2]], 3, r"groups needs a weight \[F\]\[C/groups\].*: it is \[1\]\[2\]"),
        ([[[[1.0]]]] * 4, 3, "4 filters do not divide into 3 groups"),
        ([[[[1.0]]]], 0, "groups must be a whole number from 1 up: got 0"),
        ([[[[1.0]]]], True, "groups must be a whole number"),
        ([[[[1.0]]]], 1.0, "groups must be a whole number"),
    ],
)
def test_groups_that_do_not_suit_the_weight_are_refused(
    weight: object, groups: object, fault: str
) -> None:
    with pytest.raises(FilterError, match=fault):
        Filter(weight, groups=groups)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("sharpn", "did you mean sharpen"),
        ("Sobel_X", "did you mean sobel-x"),
        ("missing/blur.json", "no filter file, bundled filter or kind"),
        ("qqq", "'convcli filters list' shows"),
        ("x" * 5000, "no filter file"),
        ("a\0b", "no filter file"),
        ("/", "is a folder"),
    ],
)
def test_an_unknown_filter_lists_near_misses(name: str, fault: str) -> None:
    with pytest.raises(FilterError, match=fault):
        load_filter(name)


def test_an_unreadable_filter_is_reported(tmp_path: Path) -> None:
    (tmp_path / "loop.json").symlink_to("loop.json")
    with pytest.raises(FilterError, match="no filter file"):
        load_filter(tmp_path / "loop.json")


def test_filter_files_without_end_are_refused() -> None:
    with pytest.raises(FilterError, match="MiB"):
        load_filter("/dev/zero")

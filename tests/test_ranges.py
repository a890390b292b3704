"""Numbers that no memory holds: refused before an array is made, or where it cannot be made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convcli import (
    ShapeError,
    conv2d,
    conv2d_backward,
    conv_matrix,
    conv_output_size,
    conv_transpose2d,
    conv_transpose_output_size,
)
from convcli.kernel import reference
from convcli.kernel.geometry import PAD_MODES
from convcli.kernel.limits import memory_checked

LARGEST = 2**31 - 1
BEYOND = {"2^31": 2**31, "10^18": 10**18, "2^63": 2**63, "10^5000": 10**5000}
X = np.arange(35, dtype=np.float32).reshape(1, 5, 7)
W = np.array([[[[1, 2, 3], [4, 5, 6], [7, 8, 10]]]], np.float32)

VERBS: dict[str, Callable[..., Any]] = {
    "conv2d": lambda **given: conv2d(X, W, **given),
    "conv2d_backward": lambda **given: conv2d_backward(X[:, :1, :1], X, W, **given),
    "conv_transpose2d": lambda **given: conv_transpose2d(X, W, **given),
    "conv_matrix": lambda **given: conv_matrix(W, (1, 5, 7), **given),
    "conv_output_size": lambda **given: conv_output_size(5, 3, **given),
    "conv_transpose_output_size": lambda **given: conv_transpose_output_size(5, 3, **given),
}


@pytest.mark.parametrize("value", BEYOND.values(), ids=BEYOND.keys())
@pytest.mark.parametrize("key", ["stride", "dilation", "pad"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_number_beyond_the_range_is_refused(verb: str, key: str, value: int) -> None:
    for given in (value, (1, value)):
        with pytest.raises(ShapeError, match=rf"^{key} must be .* to 2,147,483,647.*got") as raised:
            VERBS[verb](**{key: given})
        assert len(str(raised.value)) < 300


@pytest.mark.parametrize("verb", ["conv_transpose2d", "conv_transpose_output_size"])
def test_output_padding_beyond_the_range_is_refused(verb: str) -> None:
    with pytest.raises(ShapeError, match=r"^output_padding must be .* from 0 to 2,147,483,647"):
        VERBS[verb](output_padding=2**63)


@pytest.mark.parametrize("verb", ["conv2d", "conv2d_backward", "conv_transpose2d", "conv_matrix"])
def test_groups_beyond_the_filters_are_refused(verb: str) -> None:
    with pytest.raises(ShapeError, match="1 filters do not divide into an integer of thousands"):
        VERBS[verb](groups=10**5000)


@pytest.mark.parametrize(
    ("verb", "given"),
    [
        ("conv2d", {"pad": 10**6}),
        ("conv2d", {"pad": LARGEST, "pad_mode": "reflect"}),
        ("conv2d", {"dilation": LARGEST, "pad": "same"}),
        ("conv2d", {"dilation": 10**6, "pad": 10**6, "stride": 10**6, "pad_mode": "circular"}),
        ("conv2d_backward", {"dilation": LARGEST, "pad": LARGEST, "stride": LARGEST}),
        ("conv_transpose2d", {"stride": 10**6}),
        ("conv_transpose2d", {"stride": LARGEST, "pad": "same"}),
        ("conv_transpose2d", {"dilation": LARGEST, "pad": LARGEST}),
        ("conv_transpose2d", {"stride": LARGEST, "output_padding": LARGEST - 1}),
        ("conv_matrix", {"pad": LARGEST, "pad_mode": "replicate"}),
    ],
)
def test_more_samples_than_any_memory_holds_are_refused(verb: str, given: dict[str, Any]) -> None:
    with pytest.raises(ShapeError, match="more than 1,099,511,627,776: use a smaller pad"):
        VERBS[verb](**given)


def test_a_matrix_that_no_memory_holds_is_refused() -> None:
    with pytest.raises(
        ShapeError, match=r"matrix would be 3,992,004×4,000,000: use a smaller image"
    ):
        conv_matrix(W, (1, 2000, 2000))
    with pytest.raises(ShapeError, match="shape must be a whole number from 1 to"):
        conv_matrix(W, (1, 5, 2**63))


def test_a_failed_allocation_is_reported_with_what_was_asked_for() -> None:
    with pytest.raises(ShapeError, match=r"fit into memory \(.*EiB.*\): use a smaller image"):
        memory_checked()(np.empty)((2**30, 2**30, 2), np.uint8)


@pytest.mark.parametrize("mode", PAD_MODES)
@pytest.mark.parametrize("stride", [7, 9, 10, LARGEST])
def test_a_stride_beyond_the_image_takes_one_sample(stride: int, mode: str) -> None:
    pads = (1, 0, 2, 1)
    given = {"stride": (stride, stride), "pad_mode": mode, "dilation": (2, 1), "pads": pads}
    y = conv2d(X, W, stride=stride, pad=pads, pad_mode=mode, dilation=(2, 1))
    np.testing.assert_array_equal(y, reference.conv2d(X, W, **given))
    gradients = conv2d_backward(y, X, W, stride=stride, pad=pads, pad_mode=mode, dilation=(2, 1))
    for found, expected in zip(gradients, reference.conv2d_backward(y, X, W, **given), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("mode", PAD_MODES)
@pytest.mark.parametrize("stride", [1, 2, 3, 4, 5, 6, 99, LARGEST])
@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (3, 0, 1, 0), (0, 1, 3, 1)])
def test_a_single_sample_transposed_takes_no_stride(
    pads: tuple[int, int, int, int], stride: int, mode: str
) -> None:
    x = np.array([[[3]]], np.float32)
    y = conv_transpose2d(x, W, stride=stride, pad=pads, pad_mode=mode, dilation=(2, 1))
    size = 5 - pads[0] - pads[2], 3 - pads[1] - pads[3]
    given = {"stride": (stride, stride), "pad_mode": mode, "dilation": (2, 1), "pads": pads}
    np.testing.assert_array_equal(y, reference.conv_transpose2d(x, W, size=size, **given))


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_side_longer_than_any_picture_is_refused_whatever_the_limit(
    run, photo: Path, dry: list[str]
) -> None:
    mine = photo.with_name("mine.json")
    mine.write_text('{"weight": [[1]], "pad": 0}')
    flags = ["-f", mine, "--scale", "1,999999999", "--max-pixels", 10**30, *dry]
    done = run("upsample", *flags, photo, "-o", photo.with_name("out.png"))
    assert done.exit_code == 1
    assert "photo.png: the result would have 10999999990×9 pixels, and no side" in done.stderr


def test_the_largest_scale_of_a_single_pixel_is_computed(run, tmp_path: Path) -> None:
    Image.new("L", (1, 1), 200).save(tmp_path / "in.png")
    (tmp_path / "mine.json").write_text('{"weight": [[0.5, 1], [1, 0.25]], "pad": 0}')
    flags = ["-f", tmp_path / "mine.json", "--scale", "999999999", "-o", tmp_path / "out.png"]
    assert run("upsample", *flags, tmp_path / "in.png").exit_code == 0
    with Image.open(tmp_path / "out.png") as image:
        np.testing.assert_array_equal(np.asarray(image), [[100, 200], [200, 50]])

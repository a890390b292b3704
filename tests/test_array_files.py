"""Arrays and floats: what is said of them when they are read, and where they do not fit."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from convcli import ImageWarning, Picture, read_image, write_image
from convcli.images import Frame, read_header


@pytest.mark.parametrize(
    ("shape", "looks", "repaired"),
    [
        ((9, 12, 3), r"\(9, 12, 3\) looks like \(H, W, C\) .*9 channels", (3, 9, 12)),
        ((9, 12, 1), r"looks like \(H, W, C\)", (1, 9, 12)),
        ((5, 1, 4), r"looks like \(H, W, C\)", (4, 5, 1)),
        ((2, 9, 12, 4), r"looks like \(N, H, W, C\) .*9 channels", (2, 4, 9, 12)),
        ((3, 9, 12), "", None),
        ((3, 9, 1), "", None),
        ((4, 9, 3), "", None),
        ((9, 12, 2), "", None),
        ((9, 12, 5), "", None),
        ((9, 3), "", None),
        ((9, 3, 12, 4), "", None),
    ],
)
def test_an_array_with_channels_last_is_warned_of(
    tmp_path: Path, shape: tuple[int, ...], looks: str, repaired: tuple[int, ...] | None
) -> None:
    array = np.zeros(shape, np.float32)
    np.save(tmp_path / "in.npy", array)
    for read in (read_image, read_header, lambda _: Picture.from_array(array)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            read(tmp_path / "in.npy")
        messages = [str(warning.message) for warning in caught]
        assert len(messages) == bool(looks)
        if looks:
            assert re.search(looks, messages[0])
            advice = messages[0].split(": ")[-1].removesuffix(" moves the channels to their place")
            assert eval(advice, {"numpy": np, "array": array}).shape == repaired


@pytest.mark.parametrize(
    ("suffix", "channels", "values", "text"),
    [
        (".tif", 1, 2.0, ""),
        (".im", 3, 2.0, "are clipped: IM holds floats of grey pictures only; .npy holds all"),
        (".png", 3, 2.0, "are clipped: PNG holds no floats; .npy holds all"),
        (".png", 1, 0.5, "floats become 16 bits: PNG holds no floats; .npy and tif do"),
        (".jpg", 1, 0.5, "floats become 8 bits: JPEG holds no floats; .npy and tif do"),
    ],
)
def test_floats_that_a_format_does_not_hold_are_warned_of(
    tmp_path: Path, suffix: str, channels: int, values: float, text: str
) -> None:
    samples = np.full((5, 6, channels), values, np.float32)
    picture = Picture((Frame.of(samples, {1: "L", 3: "RGB"}[channels]),))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write_image(picture, tmp_path / f"out{suffix}")
    messages = [str(one.message) for one in caught if issubclass(one.category, ImageWarning)]
    assert len(messages) == bool(text)
    assert text in "".join(messages)

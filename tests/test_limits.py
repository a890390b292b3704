"""Absurd sizes are refused before memory is allocated, with a message and exit code 1."""

from __future__ import annotations

import struct
import threading
import tracemalloc
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import ImageError, Picture, apply_filters, load_filter, read_image, upsample
from convcli.filters import Filter
from convcli.images import read_header

PLENTY = 100_000_000
"""Bytes that no refusal needs: the most is set aside, and not used, to read a filter file."""


def png_that_says(path: Path, width: int, height: int) -> Path:
    """Write a PNG whose header promises more than its data hold."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )
    return path


def array_that_says(path: Path, shape: tuple[int, ...]) -> Path:
    """Write a .npy file of whose array only the header is there."""
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
    return path


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
@pytest.mark.parametrize("size", [(10_000, 10_000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_by_its_header(
    run, tmp_path: Path, size: tuple[int, int], dry: list[str]
) -> None:
    bomb = png_that_says(tmp_path / "bomb.png", *size)
    tracemalloc.start()
    done = run("apply", "-f", "sharpen", bomb, "-o", tmp_path / "out.png", *dry)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert done.exit_code == 1
    assert "bomb.png: it is too large" in done.stderr
    assert "limit of 89,478,485 pixels (--max-pixels N)" in done.stderr
    assert peak < PLENTY


@pytest.mark.parametrize("shape", [(100_000, 100_000), (1, 100_000, 1_000), (10**6, 3, 100, 100)])
def test_an_array_is_refused_by_its_header(run, tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = array_that_says(tmp_path / "in.npy", shape)
    done = run("apply", "-f", "sharpen", array, "-o", tmp_path / "out.npy")
    assert done.exit_code == 1
    assert "in.npy: it is too large" in done.stderr


def test_an_array_shorter_than_its_header_says_is_refused(run, tmp_path: Path) -> None:
    array = array_that_says(tmp_path / "in.npy", (3, 1000, 1000))
    done = run("apply", "-f", "sharpen", array, "-o", tmp_path / "out.npy")
    assert done.exit_code == 1
    assert "in.npy: not a NumPy array that can be read" in done.stderr


ABSURD = [
    ["upsample", "-f", "MINE", "--scale", "100000"],
    ["upsample", "-f", "MINE", "--scale", "1,999999999"],
    ["upsample", "-f", "MINE", "--dilation", "99999999"],
    ["upsample", "-f", "MINE", "--output-padding", "99999999"],
    ["upsample", "-f", "MINE", "-s", "999999999", "-p", "1", "--output-padding", "999999998"],
    ["apply", "-f", "MINE", "--pad", "999999999"],
    ["apply", "-f", "MINE", "--pad", "999999999,0", "--pad-mode", "circular"],
    ["apply", "-f", "MINE", "--dilation", "99999999"],
    ["apply", "-f", "MINE", "--dilation", "99999999", "--pad", "valid"],
    ["apply", "-f", "MINE", "-f", "MINE", "--pad", "9000"],
]


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
@pytest.mark.parametrize("arguments", ABSURD, ids=" ".join)
def test_absurd_geometry_is_an_error_message(
    run, photo: Path, arguments: list[str], dry: list[str]
) -> None:
    mine = photo.with_name("mine.json")
    mine.write_text('{"weight": [[1, 2, 1], [2, 4, 2], [1, 2, 1]]}')
    given = [str(mine) if one == "MINE" else one for one in arguments]
    tracemalloc.start()
    done = run(*given, photo, "-o", photo.with_name("out.png"), *dry)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert done.exit_code == 1
    assert "photo.png: " in done.stderr
    assert peak < PLENTY
    assert not photo.with_name("out.png").exists()


def test_an_absurd_stride_leaves_one_pixel(run, photo: Path) -> None:
    out = photo.with_name("out.png")
    assert run("apply", "-f", "sharpen", "-s", "999999999", photo, "-o", out).exit_code == 0
    with Image.open(out) as image:
        assert image.size == (1, 1)


def test_the_limit_can_be_set_for_inputs(run, photo: Path) -> None:
    out = photo.with_name("out.png")
    flags = ["apply", "-f", "identity", photo, "-o", out]
    done = run(*flags, "--max-pixels", "107")
    assert done.exit_code == 1
    assert "photo.png: it is too large: 12×9 is more than the limit of 107 pixels" in done.stderr
    assert run(*flags, "--max-pixels", "108").exit_code == 0


def test_a_picture_at_the_limit_has_room_for_the_border_that_its_filter_needs() -> None:
    picture = Picture.from_array(np.zeros((100, 100), np.float32))
    assert apply_filters(picture, [load_filter("sharpen")], max_pixels=10_000).shape
    with pytest.raises(ImageError, match="border would have 300×300"):
        apply_filters(picture, [Filter(np.ones((1, 1)), pad=100, stride=9)], max_pixels=10_000)


def test_the_limit_can_be_set_for_results(run, photo: Path) -> None:
    flags = ["upsample", "-f", "nearest", photo, "-o", photo.with_name("out.png"), "--max-pixels"]
    done = run(*flags, "431")
    assert done.exit_code == 1
    assert "would have 24×18 pixels, more than the limit of 431 (--max-pixels N)" in done.stderr
    assert run(*flags, "432").exit_code == 0


def test_a_limit_above_pillows_own_lets_more_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    bomb = png_that_says(tmp_path / "bomb.png", 20, 20)
    with pytest.raises(ImageError, match="limit of 50 pixels"):
        read_header(bomb)
    assert read_header(bomb, max_pixels=400).size == (20, 20)
    assert Image.MAX_IMAGE_PIXELS == 50


def test_the_limit_for_results_counts_channels() -> None:
    picture = Picture.from_array(np.zeros((100, 100), np.float32))
    bank = Filter(np.ones((64, 1, 1, 1)))
    with pytest.raises(ImageError, match="64 channels of 100×100"):
        apply_filters(picture, [bank], as_float=True, max_pixels=20_000)
    assert apply_filters(picture, [bank], as_float=True, max_pixels=160_000).shape == (64, 100, 100)


def test_frames_that_come_out_too_large_together_are_refused() -> None:
    stack = Picture.from_array(np.zeros((50, 1, 10, 10), np.float32))
    with pytest.raises(ImageError, match="50 frames would have 80,000 pixels"):
        upsample(stack, scale=4, max_pixels=7_999)
    assert upsample(stack, scale=4, max_pixels=8_000).shape == (50, 1, 40, 40)


def test_pages_of_different_sizes_have_no_common_shape(tmp_path: Path) -> None:
    pages = [Image.new("L", (4, 5)), Image.new("L", (6, 5))]
    pages[0].save(tmp_path / "in.tif", save_all=True, append_images=pages[1:])
    assert read_image(tmp_path / "in.tif").shape is None
    result = apply_filters(read_image(tmp_path / "in.tif"), [load_filter("box-blur")])
    assert [frame.size for frame in result.frames] == [(5, 4), (5, 6)]


def test_warnings_keep_to_their_threads() -> None:
    from convcli.system.thread_warnings import collect_warnings

    both_inside, one_out = threading.Barrier(2), threading.Event()
    texts: dict[str, list[str]] = {}

    def work(name: str) -> None:
        mine: list[str] = []
        with collect_warnings(mine):
            both_inside.wait()
            if name == "second":
                one_out.wait()  # the first has ended its block
            warnings.warn(name, UserWarning, 1)
            warnings.warn("of no interest", ResourceWarning, 1)
        one_out.set()
        texts[name] = mine

    before = warnings.filters[:], warnings.showwarning
    threads = [threading.Thread(target=work, args=(name,)) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == {"first": ["first"], "second": ["second"]}
    assert (warnings.filters, warnings.showwarning) == before


def test_a_warning_while_decoding_ahead_belongs_to_its_job() -> None:
    from convcli.system.thread_warnings import collect_warnings

    texts: list[str] = []
    with collect_warnings(texts):
        thread = threading.Thread(target=warnings.warn, args=("corrupt", UserWarning))
        thread.start()
        thread.join()
    assert texts == ["corrupt"]

"""Every format that can be written: every kind of picture read back, and the warnings."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import ImageError, ImageWarning, Picture, read_image, write_image
from convcli.images import Frame, formats, output_format

SIDE = 32  # of which there are icons
KINDS = ("1", "L", "LA", "RGB", "RGBA", "CMYK", "I;16", "F")
LOSSY = frozenset({"AVIF", "JPEG", "MPO", "PDF", "EPS", "WEBP"})
UNREADABLE = frozenset({"PDF", "EPS"})  # EPS needs Ghostscript


def drawn(kind: str) -> Frame:
    """Return a smooth picture with every transparency in it; 1 is black and white."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    planes = [x * 8, y * 8, (x + y) * 4, 255 - x * 4]
    if kind == "F":
        return Frame.of((x / 64 + y / 64).astype(np.float32)[..., np.newaxis], "L")
    if kind == "I;16":
        return Frame.of((x * 2000 + y).astype(np.uint16)[..., np.newaxis], "L")
    if kind == "1":
        return Frame.of(((x ^ y) & 4 > 0).astype(np.uint8)[..., np.newaxis] * 255, "L")
    bands = len(kind)
    return Frame.of(np.stack(planes[:bands], -1).astype(np.uint8), kind)


def all_formats() -> Iterator[str]:
    Image.init()
    for name in sorted({*Image.SAVE, "PGM", "PBM", "PFM"}):
        try:
            yield output_format(name)
        except ImageError:
            assert name in ("BUFR", "GRIB", "HDF5", "WMF", "PALM")


def written(picture: Picture, format_name: str) -> tuple[bytes, list[str]]:
    buffer = io.BytesIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write_image(picture, buffer, format=format_name)
    messages = [str(one.message) for one in caught if issubclass(one.category, ImageWarning)]
    return buffer.getvalue(), messages


def shown(image: Image.Image | Frame) -> np.ndarray:
    """Return what there is to see, (H, W, RGBA) on the 0-1 scale, grey where there is no colour."""
    if isinstance(image, Frame):
        samples = image.tensor().transpose(1, 2, 0)
        if image.mode == "CMYK":
            samples = (1 - samples[..., :3]) * (1 - samples[..., 3:])
    elif image.mode in ("I", "I;16", "F"):
        samples = np.asarray(image, np.float32)[..., np.newaxis]
        samples = samples if image.mode == "F" else samples / 65535
    else:
        mode = {"CMYK": "RGB", "P": "RGBA", "1": "L"}.get(image.mode, image.mode)
        samples = np.asarray(image.convert(mode), np.float32).reshape(*image.size[::-1], -1) / 255
    alpha = samples[..., -1:] if samples.shape[-1] in (2, 4) else np.ones_like(samples[..., :1])
    colours = samples[..., : (1 if samples.shape[-1] < 3 else 3)]
    return np.concatenate([np.broadcast_to(colours, (*colours.shape[:2], 3)), alpha], -1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format_name", list(all_formats()))
def test_every_format_returns_what_was_written_or_warns_of_the_loss(
    format_name: str, kind: str
) -> None:
    frame = drawn(kind)
    data, messages = written(Picture((frame,)), format_name)
    assert data
    if format_name in UNREADABLE or data.startswith(b"PF"):
        return
    warnings.simplefilter("ignore", DeprecationWarning)  # IM, in Pillow 13
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.size == (SIDE, SIDE)
        difference = np.abs(shown(image) - shown(frame))
    if messages:
        assert all(
            any(word in text for word in ("holds", "CMYK becomes RGB without")) for text in messages
        )
    elif format_name in LOSSY:
        assert difference.mean() < 0.02
    else:
        assert difference.max() < (1.01 / 255 if kind == "CMYK" else 1e-6)


@pytest.mark.parametrize("format_name", list(all_formats()))
def test_the_table_of_formats_agrees_with_pillow(format_name: str) -> None:
    """A warning about a mode that the format does hold would be a lie, and a loss."""
    for kind in KINDS:
        _, messages = written(Picture((drawn(kind),)), format_name)
        held = formats.held_modes(format_name)
        assert not (kind in held and messages), (kind, messages)
    assert format_name in formats._HELD


@pytest.mark.parametrize(
    ("format_name", "size", "fault"),
    [
        ("ico", (300, 200), "256×256 pixels at most, and this has 300×200"),
        ("icns", (32, 16), "squares of 16, 32"),
        ("icns", (48, 48), "squares of 16, 32"),
        ("webp", (16384, 1), "16383×16383 pixels at most"),
        ("jpg", (1, 65501), "65500×65500 pixels at most"),
        ("gif", (65536, 1), "65535×65535 pixels at most"),
    ],
)
def test_a_picture_too_large_for_a_format_is_refused_not_shrunk(
    tmp_path: Path, format_name: str, size: tuple[int, int], fault: str
) -> None:
    with pytest.raises(ImageError, match=fault):
        write_image(np.zeros((3, *size[::-1])), tmp_path / f"out.{format_name}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format_name", ["ico", "icns"])
def test_an_icon_of_one_size_keeps_it(tmp_path: Path, format_name: str) -> None:
    path = tmp_path / f"out.{format_name}"
    write_image(Picture((drawn("RGBA"),)), path)
    with Image.open(path) as image:
        sizes = {tuple(size)[:2] for size in image.info["sizes"]}
        assert sizes == {(SIDE, SIDE)}


def test_the_largest_size_of_an_icon_is_read_with_a_warning(tmp_path: Path) -> None:
    Image.new("RGBA", (64, 64)).save(tmp_path / "in.ico", sizes=[(16, 16), (64, 64)])
    with pytest.warns(ImageWarning, match="only the largest of 2 pictures"):
        assert read_image(tmp_path / "in.ico").frames[0].size == (64, 64)


@pytest.mark.parametrize(
    ("suffix", "kind", "expected"),
    [
        (".pgm", b"P5", "grey"),
        (".pbm", b"P4", "dots"),
        (".pfm", b"PF", ""),
        (".ppm", b"P6", ""),
    ],
)
def test_a_netpbm_file_has_the_kind_of_its_extension(
    tmp_path: Path, suffix: str, kind: bytes, expected: str
) -> None:
    path = tmp_path / f"out{suffix}"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write_image(Picture((drawn("RGB"),)), path)
    assert path.read_bytes().startswith(kind)
    assert expected in " ".join(str(warning.message) for warning in caught)


def test_opaque_alpha_is_dropped_without_a_warning(tmp_path: Path) -> None:
    frame = drawn("RGBA")
    samples = frame.samples.copy()
    samples[..., 3] = 255
    write_image(Picture((Frame.of(samples, "RGBA"),)), tmp_path / "out.bmp")
    with Image.open(tmp_path / "out.bmp") as image:
        np.testing.assert_array_equal(np.asarray(image), samples[..., :3])

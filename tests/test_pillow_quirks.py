"""Files that Pillow reads wrongly without corrections, or whose headers say little."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import AppendingTiffWriter

from convcli import ImageError, ImageWarning, read_image, write_image
from convcli.images import read_header
from convcli.images.conversion.icc import is_srgb


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def png(width: int, depth: int, colour: int, row: bytes, transparent: bytes) -> bytes:
    """Return a PNG of one row, with a transparent colour."""
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, 1, depth, colour, 0, 0, 0)),
        (b"tRNS", transparent),
        (b"IDAT", zlib.compress(b"\0" + row)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize(
    ("depth", "row", "transparent", "alpha"),
    [
        (1, b"\xa0", 1, [0, 255, 0, 255]),
        (2, b"\x1b", 1, [255, 0, 255, 255]),
        (4, b"\x1b\xf4", 11, [255, 0, 255, 255]),
        (8, b"\x10\x20\x30\x20", 32, [255, 0, 255, 0]),
    ],
)
def test_the_transparent_grey_of_a_png_is_that_of_its_depth(
    depth: int, row: bytes, transparent: int, alpha: list[int]
) -> None:
    frame = read_image(png(4, depth, 0, row, transparent.to_bytes(2))).frames[0]
    assert frame.mode == "LA"
    assert frame.samples[0, :, 1].tolist() == alpha


def test_the_transparent_colour_of_a_png_with_16_bits_is_compared_in_full() -> None:
    row = struct.pack(">6H", 0x1234, 0x2345, 0x3456, 0x3412, 0x4523, 0x5634)
    frame = read_image(png(2, 16, 2, row, row[:6])).frames[0]
    assert frame.samples[0].tolist() == [
        [0x1234, 0x2345, 0x3456, 0],
        [0x3412, 0x4523, 0x5634, 0xFFFF],
    ]


@pytest.mark.parametrize("keyword", ["gamma", "srgb", "icc_profile", "transparency", "comment"])
def test_any_keyword_of_a_png_text_is_kept(tmp_path: Path, keyword: str) -> None:
    texts = PngInfo()
    texts.add_text(keyword, "of the text")
    Image.new("RGB", (3, 2), "teal").save(tmp_path / "in.png", pnginfo=texts)
    assert read_header(tmp_path / "in.png").mode == "RGB"
    write_image(read_image(tmp_path / "in.png"), tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert {key.lower(): text for key, text in image.text.items()} == {keyword: "of the text"}


def gif(size: tuple[int, int], frames: list[tuple[int, int, int, int, int]]) -> bytes:
    """Return a GIF of frames of one colour each: left, top, width, height, disposal."""
    parts = [b"GIF89a", struct.pack("<HHBBB", *size, 0x81, 0, 0), bytes(range(12))]
    for number, (left, top, width, height, disposal) in enumerate(frames):
        stub = io.BytesIO()
        image = Image.new("P", (width, height), number)
        image.putpalette(range(12))
        image.save(stub, "GIF", optimize=False)
        data = stub.getvalue()
        pixels = data[data.index(b",") + 10 : -1]
        parts.append(b"!\xf9\x04" + struct.pack("<BHBB", disposal << 2, 5, 0, 0))
        parts.append(b"," + struct.pack("<4HB", left, top, width, height, 0) + pixels)
    return b"".join([*parts, b";"])


def test_a_disposed_area_of_a_gif_is_transparent(
    tmp_path: Path,
) -> None:
    """As ImageMagick and browsers show it."""
    picture = read_image(gif((6, 4), [(0, 0, 6, 4, 1), (1, 1, 3, 2, 2), (5, 0, 1, 1, 1)]))
    assert [frame.mode for frame in picture.frames] == ["RGBA"] * 3
    alpha = np.full((4, 6), 255)
    assert (picture.frames[1].samples[..., 3] == alpha).all()
    alpha[1:3, 1:4] = 0
    assert (picture.frames[2].samples[..., 3] == alpha).all()
    write_image(picture, tmp_path / "out.gif")
    again = read_image(tmp_path / "out.gif")
    for frame, other in zip(picture.frames, again.frames, strict=True):
        visible = frame.samples[..., 3] > 0
        assert (frame.samples[visible] == other.samples[visible]).all()
        assert (frame.samples[..., 3] == other.samples[..., 3]).all()


def test_a_gif_that_disposes_of_what_the_next_frame_covers_stays_opaque() -> None:
    picture = read_image(gif((6, 4), [(0, 0, 6, 4, 2)] * 3))
    assert [frame.mode for frame in picture.frames] == ["RGB"] * 3


@pytest.mark.parametrize("earlier", [2, 3])
def test_a_gif_frame_without_disposal_is_kept(earlier: int) -> None:
    parts = [(0, 0, 6, 4, 1), (1, 1, 3, 2, earlier), (5, 3, 1, 1, 0), (0, 0, 1, 1, 1)]
    last = read_image(gif((6, 4), parts)).frames[3]
    assert last.samples[3, 5, :3].tolist() == [6, 7, 8]
    assert last.samples[0, 0, :3].tolist() == [9, 10, 11]


def test_a_gif_frame_larger_than_the_picture_is_cropped() -> None:
    picture = read_image(gif((6, 4), [(0, 0, 6, 4, 1), (4, 2, 5, 5, 1), (0, 0, 1, 1, 1)]))
    assert picture.shape == (3, 3, 4, 6)
    assert picture.frames[1].samples[:, :, 0].tolist() == [[0] * 6] * 2 + [[0] * 4 + [3] * 2] * 2


def profile(space: bytes) -> bytes:
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[16:20] = space
    return bytes(made).replace(b"sRGB", b"none").replace("sRGB".encode("utf-16-be"), bytes(8))


def pages(path: Path) -> list[tuple[str, bytes]]:
    """Return the mode of each page of a TIFF, and the colours that its own profile is for."""
    found = []
    with Image.open(path) as image:
        for number in range(image.n_frames):
            image.seek(number)
            found.append((image.mode, image.tag_v2.get(0x8773, b"")[16:20]))
    return found


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_each_page_of_a_tiff_keeps_a_profile_of_its_own(tmp_path: Path, compression: str) -> None:
    kinds = [("RGB", b"RGB "), ("CMYK", b"CMYK"), ("L", b""), ("L", b"GRAY")]
    buffer = io.BytesIO()
    with AppendingTiffWriter(buffer, True) as file:
        for mode, space in kinds:
            own = {"icc_profile": profile(space)} if space else {}
            Image.new(mode, (4, 3)).save(file, "TIFF", compression=compression, **own)
            file.newFrame()
    picture = read_image(buffer.getvalue())
    write_image(picture, tmp_path / "out.tif")
    assert pages(tmp_path / "out.tif") == kinds
    write_image(picture, tmp_path / "out.tif", strip=True, overwrite=True)
    assert pages(tmp_path / "out.tif") == [(mode, b"") for mode, _ in kinds]


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_pages_of_several_profiles_become_an_animation_in_srgb(tmp_path: Path, suffix: str) -> None:
    buffer = io.BytesIO()
    with AppendingTiffWriter(buffer, True) as file:
        for number, own in enumerate([{"icc_profile": profile(b"RGB ")}, {}]):
            Image.new("RGB", (4, 3), (number, 99, 200)).save(file, "TIFF", **own)
            file.newFrame()
    with pytest.warns(ImageWarning, match="converted to sRGB"):
        write_image(read_image(buffer.getvalue()), tmp_path / f"out{suffix}")
    result = read_image(tmp_path / f"out{suffix}")
    assert "icc_profile" not in result.metadata
    assert np.abs(result.tensor[:, 1] * 255 - 99).max() <= 1


def test_a_dropped_cmyk_profile_is_warned_of() -> None:
    buffer = io.BytesIO()
    Image.new("CMYK", (4, 3)).save(buffer, "TIFF", icc_profile=profile(b"CMYK"))
    with pytest.warns(ImageWarning, match="JPEG2000 holds no ICC profile: it is left out"):
        write_image(read_image(buffer.getvalue()), io.BytesIO(), format="jp2")


def test_grey_of_16_bits_keeps_them_as_floats(tmp_path: Path) -> None:
    grey = np.array([[0, 1, 257], [32768, 65534, 65535]], np.uint16)
    write_image(grey, tmp_path / "grey.pfm")
    with Image.open(tmp_path / "grey.pfm") as image:
        np.testing.assert_allclose(np.asarray(image), grey / 65535, atol=1e-7)


def test_the_total_duration_of_an_avif_with_fractional_milliseconds_is_kept(tmp_path: Path) -> None:
    pytest.importorskip("PIL._avif")
    frames = [Image.new("RGB", (16, 16), (40 * k, 0, 0)) for k in range(6)]
    frames[0].save(tmp_path / "in.png", save_all=True, append_images=frames[1:], duration=100)
    data = (tmp_path / "in.png").read_bytes()
    third = data.replace(b"\0\x64\x03\xe8", b"\0\x01\0\x1e")  # 100/1000 s to 1/30 s
    if third == data:  # as later versions of Pillow write it
        third = data.replace(b"\0\x01\0\x0a", b"\0\x01\0\x1e")
    parts, place = [third[:8]], 8
    while place < len(third):
        size = int.from_bytes(third[place : place + 4])
        parts.append(chunk(third[place + 4 : place + 8], third[place + 8 : place + 8 + size]))
        place += 12 + size
    picture = read_image(b"".join(parts))
    assert picture.metadata["durations"] == pytest.approx([100 / 3] * 6)
    write_image(picture, tmp_path / "out.avif")
    assert sum(read_image(tmp_path / "out.avif").metadata["durations"]) == 200


def test_a_loop_count_above_webps_limit_becomes_the_limit(
    tmp_path: Path,
) -> None:
    frames = [Image.new("RGB", (8, 8), (200 * k, 0, 0)) for k in range(2)]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:], loop=65535)
    write_image(read_image(tmp_path / "in.gif"), tmp_path / "out.webp")
    assert read_image(tmp_path / "out.webp").metadata["plays"] == 65535


def test_the_first_of_a_stack_of_arrays_is_taken(tmp_path: Path) -> None:
    stack = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    np.save(tmp_path / "stack.npy", stack)
    assert read_header(tmp_path / "stack.npy", frames="first").frames == 1
    picture = read_image(tmp_path / "stack.npy", frames="first")
    np.testing.assert_array_equal(picture.tensor, stack[0])


@pytest.mark.parametrize("read", [read_image, read_header])
def test_an_array_that_would_have_to_be_converted_is_refused(tmp_path: Path, read) -> None:
    np.save(tmp_path / "in.npy", np.zeros((3, 2, 2), np.float32))
    read(tmp_path / "in.npy", mode="RGB")
    with pytest.raises(ImageError, match=r"in\.npy: an array of 3 channels .* give no mode"):
        read(tmp_path / "in.npy", mode="L")


def test_a_warning_while_decoding_ahead_is_reported(run, tmp_path: Path) -> None:
    views = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    source = tmp_path / "in.jpg"
    views[0].save(source, "MPO", save_all=True, append_images=views[1:])
    result = run("apply", "-f", "identity", source, "-o", tmp_path / "out.png")
    assert result.exit_code == 0
    assert result.stderr == f"Warning: {source}: only the first of 2 pictures is used\n"


def tiff(bits: int, meaning: int, data: bytes, width: int) -> bytes:
    """Return a TIFF of one row of grey, ``bits`` each; a ``meaning`` of 0 has 0 for white."""
    entries = [(256, width), (257, 1), (258, bits), (259, 1), (262, meaning), (273, 8)]
    entries += [(277, 1), (278, 1), (279, len(data))]
    table = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in entries)
    place = 8 + len(data)
    head = b"II*\0" + place.to_bytes(4, "little")
    return head + data + struct.pack("<H", len(entries)) + table + bytes(4)


def test_a_16_bit_tiff_with_white_as_0_is_inverted() -> None:
    frame = read_image(tiff(16, 0, struct.pack("<4H", 0, 1, 65534, 65535), 4)).frames[0]
    assert frame.samples[0, :, 0].tolist() == [65535, 65534, 1, 0]


def test_a_12_bit_tiff_is_scaled_to_full_range() -> None:
    frame = read_image(tiff(12, 1, bytes.fromhex("000fff800001"), 4)).frames[0]
    assert frame.samples[0, :, 0].tolist() == [0, 65535, 0x8008, 0x0010]


@pytest.mark.parametrize("name", ["e-sRGB", "Linear sRGB", "sRGB-elle-V2-g10.icc"])
def test_a_profile_named_like_srgb_is_not_treated_as_srgb(name: str) -> None:
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert is_srgb(made)
    assert not is_srgb(made + name.encode("utf-16-be"))
    assert not is_srgb(made + name.encode())

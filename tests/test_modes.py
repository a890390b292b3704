"""Every mode that Pillow reads becomes the right picture, and turns into others by its profile."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from deep_files import sgi16
from PIL import Image, ImageCms

from convcli import ImageError, ImageWarning, apply_filters, load_filter, read_image, write_image
from convcli.images.conversion import icc
from convcli.images.decoding import opened, pillow_quirks
from convcli.images.decoding.modes import frame_of

SHAPE = (5, 7)


def random_samples(bands: int) -> np.ndarray:
    return np.random.default_rng(bands).integers(0, 256, (*SHAPE, bands), np.uint8)


def image_of(mode: str) -> Image.Image:
    bands = len(Image.new(mode, (1, 1)).getbands())
    samples = random_samples(bands)
    if mode in ("RGBa", "La"):  # no colour is stronger than its opacity
        samples[..., :-1] = np.minimum(samples[..., :-1], samples[..., -1:])
    return Image.frombytes(mode, SHAPE[::-1], samples.tobytes())


@pytest.mark.parametrize(
    ("mode", "becomes"),
    [
        *(("RGBX", "RGB"), ("YCbCr", "RGB"), ("HSV", "RGB"), ("LAB", "RGB")),
        *(("RGBa", "RGBA"), ("La", "LA")),
        *(("L", "L"), ("LA", "LA"), ("RGB", "RGB"), ("RGBA", "RGBA"), ("CMYK", "CMYK")),
    ],
)
def test_every_8_bit_mode_becomes_a_frame_of_the_same_colours(mode: str, becomes: str) -> None:
    image = image_of(mode)
    frame = frame_of(image.copy(), "TIFF", None, None, own=True)
    expected = image if mode == becomes else image.convert(becomes)
    assert frame.mode == becomes
    np.testing.assert_array_equal(frame.samples, np.asarray(expected).reshape(*SHAPE, -1))


def test_a_palette_with_transparency_beside_it_becomes_rgba() -> None:
    image = image_of("RGB").quantize(8)
    alpha = Image.fromarray(random_samples(1)[..., 0])
    with_alpha = image.convert("PA")
    with_alpha.putalpha(alpha)
    frame = frame_of(with_alpha, "TIFF", None, None, own=True)
    assert frame.mode == "RGBA"
    np.testing.assert_array_equal(frame.samples[..., :3], np.asarray(image.convert("RGB")))
    np.testing.assert_array_equal(frame.samples[..., 3], np.asarray(alpha))


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L", "I;16N"])
def test_16_bits_of_either_byte_order_are_the_same(mode: str) -> None:
    values = np.random.default_rng(0).integers(0, 65536, SHAPE).astype(np.uint16)
    data = values.astype(">u2" if mode == "I;16B" else "<u2").tobytes()
    frame = frame_of(Image.frombytes(mode, SHAPE[::-1], data), "TIFF", None, None, own=True)
    assert frame.raster.dtype == np.uint16
    np.testing.assert_array_equal(frame.samples[..., 0], values)


@pytest.mark.parametrize("transparency", [3, bytes(range(0, 160, 10))])
def test_transparency_of_a_palette_comes_by_index_and_by_degrees(
    tmp_path: Path, transparency: int | bytes
) -> None:
    image = image_of("RGB").quantize(16)
    image.save(tmp_path / "in.png", transparency=transparency)
    (frame,) = read_image(tmp_path / "in.png").frames
    table = np.full(16, 255, np.uint8)
    if isinstance(transparency, int):
        table[transparency] = 0
    else:
        table[:] = list(transparency)
    assert frame.mode == "RGBA"
    np.testing.assert_array_equal(frame.samples[..., 3], table[np.asarray(image)])


def test_black_and_white_with_a_transparent_one_becomes_grey_with_alpha(tmp_path: Path) -> None:
    image = Image.fromarray(random_samples(1)[..., 0] > 127)
    image.save(tmp_path / "in.png", transparency=255)
    (frame,) = read_image(tmp_path / "in.png").frames
    assert frame.mode == "LA"
    np.testing.assert_array_equal(frame.samples[..., 1] == 0, np.asarray(image))


def png(depth: int, colour: int, row: bytes, width: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of one row, as the specification has it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, 1, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def test_a_transparent_value_of_16_bit_grey_becomes_alpha() -> None:
    data = png(16, 0, struct.pack(">HH", 1000, 50_000), 2, (b"tRNS", struct.pack(">H", 1000)))
    (frame,) = read_image(data).frames
    assert frame.mode == "LA"
    assert frame.samples.tolist() == [[[1000, 0], [50_000, 65535]]]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_bits_that_pillow_does_not_read_are_warned_of(channels: int) -> None:
    samples = np.random.default_rng(1).integers(0, 65536, (3, 5, channels)).astype(np.uint16)
    with pytest.warns(ImageWarning, match="16 bits a channel, of which Pillow reads 8"):
        (frame,) = read_image(sgi16(samples, is_packed=True)).frames
    np.testing.assert_array_equal(frame.samples, samples >> 8)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_bit_of_an_sgi_without_compression_is_read(channels: int) -> None:
    samples = np.random.default_rng(1).integers(0, 65536, (3, 5, channels)).astype(np.uint16)
    data = sgi16(samples, is_packed=False)
    (frame,) = read_image(data).frames
    assert frame.mode == {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    np.testing.assert_array_equal(frame.samples, samples)
    with pytest.raises(ImageError, match="truncated"):
        read_image(data[:-1])


@pytest.mark.parametrize(
    ("format_name", "mark", "after", "stored", "bits"),
    [
        ("JPEG2000", b"\xff\x4f\xff\x51", 38, 15, 16),
        ("JPEG2000", b"\xff\x4f\xff\x51", 38, 128 + 11, 12),
        ("JPEG2000", b"\xff\x4f\xff\x51", 38, 7, 8),
        ("AVIF", b"pixi", 5, 10, 10),
        ("AVIF", b"pixi", 5, 8, 8),
    ],
)
def test_a_depth_that_only_the_header_has_is_read_from_it(
    format_name: str, mark: bytes, after: int, stored: int, bits: int
) -> None:
    file = io.BytesIO()
    try:
        Image.new("RGB", (8, 8)).save(file, format_name)
    except (OSError, KeyError, ValueError):
        pytest.skip(f"Pillow was built without {format_name}")
    data = bytearray(file.getvalue())
    data[data.index(mark) + len(mark) + after] = stored
    assert (
        pillow_quirks._bits_in_head(io.BytesIO(data), *pillow_quirks._DEPTH_AFTER[format_name])
        == bits
    )
    if format_name == "JPEG2000":  # an AVIF stores its depth twice, and is refused now
        assert opened.Opened(io.BytesIO(data)).bits == bits


def test_16_bit_grey_becomes_colour_with_all_its_bits(tmp_path: Path) -> None:
    values = np.array([[0, 257, 300, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "in.png")
    (frame,) = read_image(tmp_path / "in.png", mode="RGB").frames
    assert frame.samples.tolist() == [[[value] * 3 for value in (0, 257, 300, 65535)]]


# Of profiles: one for ink is made here, for Little CMS makes none and others' are others'.


def ink_profile() -> bytes:
    """Return a CMYK profile in which cyan ink looks magenta, and the rest as one expects.

    It has one table (lut8Type, ICC.1:2022 10.11) from 2×2×2×2 grid points to Lab.
    """
    curve = bytes(range(256))
    grid = []
    for index in range(16):
        cyan, magenta, yellow, black = (index >> shift & 1 for shift in (3, 2, 1, 0))
        light = max(0.0, 1 - black - 0.3 * (cyan + magenta) - 0.05 * yellow) * 100
        a, b = (70 * (cyan + magenta), 90 * yellow - 20 * (cyan + magenta)) if light else (0, 0)
        grid += [round(light * 2.55), min(255, 128 + a), max(0, min(255, 128 + b))]
    identity = struct.pack(">9I", *(65536 * (i in (0, 4, 8)) for i in range(9)))
    table = (
        struct.pack(">4s4xBBBx", b"mft1", 4, 3, 2) + identity + curve * 4 + bytes(grid) + curve * 3
    )
    table += bytes(-len(table) % 4)
    white = struct.pack(">4s4x3i", b"XYZ ", 63190, 65536, 54061)
    text = b"desc" + struct.pack(">4xI", 4) + b"Ink\0" + bytes(78 + 2)
    text += bytes(-len(text) % 4)
    tags = [(b"desc", text), (b"wtpt", white), *((kind, table) for kind in (b"A2B0", b"A2B1"))]
    place = 128 + 4 + 12 * len(tags)
    directory, body = struct.pack(">I", len(tags)), b""
    for kind, data in tags:
        directory += struct.pack(">4sII", kind, place + len(body), len(data))
        body += data
    header = struct.pack(">I4xI4s4s4s", place + len(body), 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header = header.ljust(36, b"\0") + b"acsp"
    header = header.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + directory + body


@cache  # a profile contains the second in which it was made
def wide_profile() -> bytes:
    """Return sRGB's profile with red and green exchanged, under a neutral name."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = data.replace(b"rXYZ", b"xXYZ").replace(b"gXYZ", b"rXYZ").replace(b"xXYZ", b"gXYZ")
    return data.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


def grey_profile(darkest: int = 0) -> bytes:
    """Return a profile of grey in linear light from ``darkest`` to white, 65535."""
    white = b"XYZ \0\0\0\0" + np.array([63190, 65536, 54061], ">i4").tobytes()
    curve = b"curv\0\0\0\0" + np.array([2], ">u4").tobytes()
    curve += np.array([darkest, 65535], ">u2").tobytes()
    directory = np.array([2], ">u4").tobytes()
    for kind, place, data in ((b"wtpt", 156, white), (b"kTRC", 176, curve)):
        directory += kind + np.array([place, len(data)], ">u4").tobytes()
    body = directory + white + curve
    size = np.array([128 + len(body)], ">u4").tobytes()
    header = size + bytes(4) + b"\x02\x40\0\0" + b"mntrGRAYXYZ " + bytes(12) + b"acsp"
    header = header.ljust(68, b"\0") + np.array([63190, 65536, 54061], ">i4").tobytes()
    return header.ljust(128, b"\0") + body


def saved(image: Image.Image, suffix: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, {".tif": "TIFF", ".jpg": "JPEG", ".png": "PNG"}[suffix], **options)
    return buffer.getvalue()


CYAN = Image.new("CMYK", (8, 8), (255, 0, 0, 0))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("suffix", [".tif", ".jpg"])
def test_cmyk_is_converted_by_its_profile(suffix: str, mode: str) -> None:
    picture = read_image(saved(CYAN, suffix, icc_profile=ink_profile()), mode=mode)
    red, green, blue, *alpha = picture.frames[0].samples[4, 4]
    assert red > 200 > 150 > green < blue
    assert not alpha or alpha == [255]
    assert "icc_profile" not in picture.metadata


def test_no_ink_is_white_and_black_ink_black() -> None:
    inks = Image.new("CMYK", (2, 1))
    inks.putpixel((1, 0), (0, 0, 0, 255))
    picture = read_image(saved(inks, ".tif", icc_profile=ink_profile()), mode="RGB")
    paper, ink = picture.frames[0].samples[0]
    assert paper.min() > 250
    assert ink.max() < 5


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp", ".gif"])
def test_cmyk_is_converted_by_its_profile_for_a_format_without_profiles(
    tmp_path: Path, suffix: str
) -> None:
    picture = read_image(saved(CYAN, ".tif", icc_profile=ink_profile()))
    target = tmp_path / f"out{suffix}"
    with pytest.warns(ImageWarning, match="holds no CMYK: converted to RGB by its ICC profile"):
        write_image(picture, target)
    with Image.open(target) as image:
        red, green, _ = image.convert("RGB").getpixel((4, 4))
        assert red > 200 > 150 > green
        assert "icc_profile" not in image.info


def test_cmyk_stays_cmyk_with_its_profile(tmp_path: Path) -> None:
    for suffix in (".tif", ".jpg"):
        picture = read_image(saved(CYAN, suffix, icc_profile=ink_profile()))
        write_image(picture, tmp_path / f"out{suffix}")
        with Image.open(tmp_path / f"out{suffix}") as image:
            assert image.mode == "CMYK"
            assert np.abs(np.asarray(image).astype(int) - (255, 0, 0, 0)).max() <= 2
            assert image.info["icc_profile"] == ink_profile()


@pytest.mark.parametrize("profile", [None, b"broken", ink_profile()[:200]])
def test_cmyk_without_a_usable_profile_is_converted_with_a_warning(
    profile: bytes | None,
) -> None:
    data = saved(CYAN, ".tif", **({"icc_profile": profile} if profile else {}))
    with pytest.warns(ImageWarning, match="colours may be off"):
        picture = read_image(data, mode="RGB")
    np.testing.assert_array_equal(picture.frames[0].samples[0, 0], (0, 255, 255))


def test_without_little_cms_cmyk_is_converted_with_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ImportError("The _imagingcms C module is not installed")

    monkeypatch.setattr(ImageCms, "buildTransform", missing)
    with pytest.warns(ImageWarning, match="cannot be used, so colours may be off"):
        read_image(saved(CYAN, ".tif", icc_profile=ink_profile()), mode="RGB")


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_rgb_becomes_cmyk_with_a_warning(mode: str) -> None:
    with pytest.warns(ImageWarning, match="becomes CMYK without a profile"):
        picture = read_image(saved(Image.new(mode, (4, 4), "white"), ".png"), mode="CMYK")
    assert not picture.frames[0].samples.any()


def test_a_profile_is_kept_for_its_colour_space_only(tmp_path: Path) -> None:
    red = Image.new("RGB", (4, 4), (255, 0, 0))
    data = saved(red, ".png", icc_profile=wide_profile())
    write_image(read_image(data), tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert image.info["icc_profile"] == wide_profile()
        assert image.getpixel((0, 0)) == (255, 0, 0)
    # Grey is computed from what the colours mean, and has no use for a profile of colours.
    grey = read_image(data, mode="L")
    assert "icc_profile" not in grey.metadata
    assert abs(int(grey.frames[0].samples[0, 0, 0]) - 150) < 3  # the grey of green, not of red


@pytest.mark.parametrize("kind", ["RGB", "RGBA"])
def test_colours_become_srgb_where_a_format_holds_no_profile(tmp_path: Path, kind: str) -> None:
    red = Image.new(kind, (4, 4), (255, 0, 0, 90)[: len(kind)])
    picture = read_image(saved(red, ".png", icc_profile=wide_profile()))
    with pytest.warns(ImageWarning, match="TGA holds no ICC profile: colours are converted"):
        write_image(picture, tmp_path / "out.tga")
    with Image.open(tmp_path / "out.tga") as image:
        assert image.mode == kind
        red, green, blue, *alpha = image.getpixel((0, 0))
        assert green == 255 > 5 > red == blue
        assert alpha in ([], [90])


def test_srgb_needs_no_profile_and_no_warning(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = read_image(saved(image_of("RGB"), ".png", icc_profile=profile))
    write_image(picture, tmp_path / "out.bmp")
    with Image.open(tmp_path / "out.bmp") as image:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(image_of("RGB")))


def test_a_grey_result_does_not_carry_the_profile_of_colours(tmp_path: Path) -> None:
    data = saved(image_of("RGB"), ".png", icc_profile=wide_profile())
    grey = apply_filters(read_image(data), [load_filter("grayscale")])
    with pytest.warns(ImageWarning, match="for other colours than the result has"):
        write_image(grey, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert image.mode == "L"
        assert "icc_profile" not in image.info


def test_strip_converts_by_the_profile_before_it_drops_it(tmp_path: Path) -> None:
    picture = read_image(saved(CYAN, ".tif", icc_profile=ink_profile()))
    with pytest.warns(ImageWarning, match="by its ICC profile"):
        write_image(picture, tmp_path / "out.png", strip=True)
    with Image.open(tmp_path / "out.png") as image:
        assert image.getpixel((0, 0))[0] > 200


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_mode_without_transparency_shows_the_picture_on_white(mode: str) -> None:
    data = saved(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), ".png")
    with pytest.warns(ImageWarning, match=f"{mode} has no transparency: .* on white|inks"):
        samples = read_image(data, mode=mode).frames[0].samples
    assert (samples == (0 if mode == "CMYK" else 255)).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if mode == "CMYK" else "error")
        read_image(saved(Image.new("RGBA", (4, 4), "red"), ".png"), mode=mode)


def test_float_samples_are_not_converted_to_colours() -> None:
    data = saved(Image.fromarray(np.ones((4, 4), np.float32)), ".tif")
    with pytest.raises(ImageError, match="unscaled numbers cannot become RGB: give no mode"):
        read_image(data, mode="RGB")


def test_little_cms_is_not_loaded_for_colours_that_stay(run, photo: Path, tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from convcli import read_image, write_image; "
        f"write_image(read_image({str(photo)!r}), {str(tmp_path / 'out.png')!r}); "
        "assert not {'PIL.ImageCms', 'convcli.images.conversion.palettes', "
        "'convcli.images.codecs.gif'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_cmyk_profile_of_these_tests_is_valid() -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(ink_profile()))
    assert profile.profile.xcolor_space == "CMYK"
    assert icc.suits(ink_profile(), "CMYK")
    assert not icc.suits(ink_profile(), "RGB")

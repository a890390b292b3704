"""16-bit colour is read with all its bits, and written so."""

from __future__ import annotations

import io
import mmap
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from deep_files import png16, samples_of_png, tiff16
from PIL import Image, ImageDraw

from convcli import Filter, ImageError, Picture, apply_filters, read_image, write_image
from convcli.batch import jobs
from convcli.images import extras, read_header
from convcli.images.codecs import png
from convcli.images.decoding import stored_samples, two_passes
from convcli.images.raster import ArrayRaster

CHANNELS = {"LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}


def noise(channels: int, size: tuple[int, int] = (7, 9)) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 65536, (*size, channels)).astype(np.uint16)


@pytest.mark.parametrize("mode", ["LA", "RGB", "RGBA"])
def test_every_bit_of_a_png_is_read(mode: str, tmp_path: Path) -> None:
    samples = noise(CHANNELS[mode])
    for source in (png16(samples), tmp_path / "in.png"):
        if isinstance(source, Path):
            source.write_bytes(png16(samples))
        (frame,) = read_image(source).frames
        assert (frame.mode, frame.raster.dtype) == (mode, np.uint16)
        np.testing.assert_array_equal(frame.samples, samples)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [1, 8])
@pytest.mark.parametrize(
    ("extra", "mode"), [(None, "RGB"), (2, "RGBA"), (None, "CMYK"), (0, "RGBX")]
)
def test_every_bit_of_a_tiff_is_read(
    order: str, compression: int, extra: int | None, mode: str
) -> None:
    samples = noise(3 if mode == "RGB" else 4)
    (frame,) = read_image(tiff16(samples, order, compression, extra=extra)).frames
    assert frame.mode == mode.replace("X", "")
    np.testing.assert_array_equal(frame.samples, samples[..., : len(frame.mode)])


@pytest.mark.parametrize("compression", [1, 8])
def test_premultiplied_colours_are_divided_in_16_bits(compression: int) -> None:
    samples = np.array([[[3000, 20_000, 40_000, 40_000], [7, 8, 9, 0]]], np.uint16)
    (frame,) = read_image(tiff16(samples, "<", compression, extra=1)).frames
    assert frame.mode == "RGBA"
    assert frame.samples.tolist() == [[[4915, 32768, 65535, 40_000], [0, 0, 0, 0]]]


@pytest.mark.parametrize("compression", [1, 8])
@pytest.mark.parametrize("turn", range(1, 9))
def test_a_turned_tiff_comes_upright(compression: int, turn: int) -> None:
    samples = noise(3)
    (frame,) = read_image(tiff16(samples, ">", compression, turn=turn)).frames
    grey = Image.fromarray(samples[..., 0].astype(np.int32))
    expected = np.asarray(grey.transpose(_TURNS[turn]) if turn > 1 else grey)
    np.testing.assert_array_equal(frame.samples[..., 0], expected)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def test_a_turned_png_comes_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    samples = noise(3)
    (frame,) = read_image(png16(samples, (b"eXIf", exif.tobytes()[6:]))).frames
    np.testing.assert_array_equal(frame.samples, np.rot90(samples, -1))


def test_one_transparent_colour_is_compared_in_16_bits() -> None:
    samples = np.array([[[500, 600, 700], [500, 600, 701]]], np.uint16)
    transparent = (b"tRNS", struct.pack(">HHH", 500, 600, 700))
    (frame,) = read_image(png16(samples, transparent)).frames
    assert frame.mode == "RGBA"
    assert frame.samples.tolist() == [[[500, 600, 700, 0], [500, 600, 701, 65535]]]


@pytest.mark.parametrize("greatest", [65535, 1023, 300])
def test_a_ppm_is_read_in_binary_and_in_text(greatest: int) -> None:
    values = np.array([[0, 1, greatest], [greatest // 2, 256, 257]])
    head = b"%d %d\n%d\n" % (1, 2, greatest)
    binary = read_image(b"P6 " + head + values.astype(">u2").tobytes()).frames[0]
    text = b" ".join(b"%d" % value for value in values.ravel())
    plain = read_image(b"P3 # made by hand\n" + head + text).frames[0]
    expected = np.floor(values * 65535 / greatest + 0.5)
    for frame in (binary, plain):
        np.testing.assert_array_equal(frame.samples[:, 0], expected)


def test_a_colour_pfm_is_read_as_it_was_written(tmp_path: Path) -> None:
    values = np.random.default_rng(1).standard_normal((3, 5, 4)).astype(np.float32)
    values[0, 0, :2] = np.nan, np.inf
    write_image(values, tmp_path / "out.pfm")
    picture = read_image(tmp_path / "out.pfm")
    assert (picture.format, picture.frames[0].mode) == ("PFM", "RGB")
    np.testing.assert_array_equal(picture.tensor, values)
    rows = values[:, ::-1].transpose(1, 2, 0).astype(">f4").tobytes()
    np.testing.assert_array_equal(read_image(b"PF\n4 5\n1.0\n" + rows).tensor, values)


@pytest.mark.parametrize(
    "data",
    [
        png16(noise(3, (40, 40)))[:3000],
        png16(noise(2, (40, 40)))[:2000],
        tiff16(noise(3), "<", 1)[:120],
        b"P6 4 5 65535\n" + bytes(50),
        b"P3 4 5 65535\n1 2 3",
        b"PF\n4 5\n-1.0\n" + bytes(50),
        b"PF\n4 0\n-1.0\n",
        b"PF\n4 5\n0.0\n" + bytes(240),
        b"PF\nx 5\n-1.0\n" + bytes(240),
    ],
)
def test_a_broken_file_is_refused(data: bytes) -> None:
    with pytest.raises(ImageError):
        read_image(data)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # which Pillow thinks it is
def test_a_table_of_tags_that_is_cut_off_is_refused() -> None:
    data = tiff16(noise(4), "<", 1, extra=1)
    # The last tag says that colours are premultiplied.
    for length in (5, 12, 16):
        with pytest.raises(ImageError, match="truncated in its table of tags"):
            read_image(data[:-length])


@pytest.mark.parametrize("bits", [10, 12, 14, 24, 32])
@pytest.mark.parametrize("compression", [1, 8])
def test_a_tiff_with_other_bits_is_refused_with_their_number(bits: int, compression: int) -> None:
    data = tiff16(noise(3, (8, 8)), "<", compression, bits=bits)
    for read in (read_image, read_header):
        with pytest.raises(
            ImageError,
            match=f"it is a TIFF of 3 channels of {bits}-bit integers, .* convert it first",
        ):
            read(data)


def test_a_palette_of_16_bits_does_not_exist() -> None:
    data = bytearray(png16(noise(3)))
    data[25] = 3  # colour type
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    with pytest.raises(ImageError):
        read_image(bytes(data))


def test_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    for data in (png16(noise(3)), b"PF\n90 70\n-1.0\n"):
        with pytest.raises(ImageError, match="more than the limit of 50 pixels"):
            read_image(data, max_pixels=50)


def test_a_pillow_that_unpacks_otherwise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    swapped = two_passes._Passes("RGB;16L", "RGB;16B", "RGB")
    monkeypatch.setitem(two_passes.PASSES, "RGB;16B", swapped)
    two_passes.is_trusted.cache_clear()
    try:
        with pytest.warns(UserWarning, match="16 bits a channel, of which Pillow reads 8"):
            (frame,) = read_image(png16(noise(3))).frames
    finally:
        two_passes.is_trusted.cache_clear()
    np.testing.assert_array_equal(frame.samples, noise(3) >> 8)


@pytest.mark.parametrize("mode", ["LA", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (37, 23)])
def test_a_written_png_has_every_bit(mode: str, size: tuple[int, int]) -> None:
    samples = noise(CHANNELS[mode], size)
    file = io.BytesIO()
    write_image(Picture((read_image(png16(samples)).frames[0],)), file, format="png")
    np.testing.assert_array_equal(samples_of_png(file.getvalue()), samples)


@pytest.mark.parametrize("plan", png.PLANS)
def test_every_plan_of_filters_keeps_16_bits(plan: png.Plan) -> None:
    y, x, band = np.ogrid[:20, :30, :3]
    samples = (30_000 + 20_000 * np.sin(x / 7 + band) * np.cos(y / 5)).astype(np.uint16)
    raster, file = ArrayRaster(samples), io.BytesIO()
    before, after = png.around_pixels(raster, Image.new("RGB", (1, 1)), {})
    file.write(before)
    png.write_pixels(raster, file, plan, 2)
    file.write(after)
    np.testing.assert_array_equal(samples_of_png(file.getvalue()), samples)


@pytest.mark.parametrize("flags", [[], ["--dry-run"]])
def test_without_the_extra_a_tiff_is_refused_with_both_remedies(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda package: False)
    jobs._format_named.cache_clear()  # of tests with the extra
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    source.write_bytes(tiff16(noise(3), "<", 8))
    done = run("apply", "-f", "identity", source, "-o", target, *flags)
    assert done.exit_code == 1
    assert done.stderr.endswith(
        "TIFF of 16 bits in colour needs the package tifffile: pip install 'convcli[deep]', "
        "or write it with --depth 8\n"
    )
    assert not target.exists()
    done = run("apply", "-f", "identity", source, "-o", target, "--depth", "8", *flags)
    assert (done.exit_code, done.stderr) == (0, "")
    done = run("apply", "-f", "identity", source, "-o", tmp_path / "out.exr", *flags)
    assert done.exit_code == 2
    assert "OpenEXR files need the package OpenEXR: pip install 'convcli[deep]'" in done.stderr


def test_a_drawing_of_8_bits_in_16_is_as_small_as_zlib_makes_it() -> None:
    # Lines of text have repetitions far apart, which a sample does not show.
    image = Image.new("RGB", (900, 600), "white")
    for line in range(30):
        text = f"Line {line}: the quick brown fox jumps over the lazy dog; " * 2
        ImageDraw.Draw(image).text((9, 20 * line), text, fill="black")
    samples = np.asarray(image).astype(np.uint16) * 257
    file = io.BytesIO()
    write_image(read_image(png16(samples)), file, format="png")
    assert len(file.getvalue()) < 1.05 * len(png16(samples))


def test_metadata_and_compression_go_into_a_16_bit_png(tmp_path: Path) -> None:
    samples = np.zeros((40, 300, 3), np.uint16)
    samples[:, ::2] = 999
    source = tmp_path / "in.png"
    source.write_bytes(
        png16(samples, (b"tEXt", b"Title\0A title"), (b"pHYs", b"\0\0\x0b\x13" * 2 + b"\1"))
    )
    picture = read_image(source)
    write_image(picture, tmp_path / "out.png", save={"compress_level": 0})
    write_image(picture, tmp_path / "small.png", save={"compress_level": 9})
    with Image.open(tmp_path / "out.png") as image:
        image.load()
        assert image.info["Title"] == "A title"
        assert image.info["dpi"] == pytest.approx((72, 72), abs=0.1)
    sizes = [(tmp_path / name).stat().st_size for name in ("out.png", "small.png")]
    assert sizes[0] > samples.nbytes > 10 * sizes[1]
    with pytest.raises(ImageError, match="PNG of 16 bits in colour has no option 'bits'"):
        write_image(picture, tmp_path / "no.png", save={"bits": 4})


def test_a_blur_is_within_one_step_of_the_exact_answer() -> None:
    samples = noise(3, (12, 14))
    picture = read_image(png16(samples))
    kernel = [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
    (frame,) = apply_filters(picture, [Filter(kernel, divisor=16, pad="valid")]).frames
    windows = np.lib.stride_tricks.sliding_window_view(samples.astype(float), (3, 3), (0, 1))
    exact = (windows * np.array(kernel) / 16).sum((3, 4))
    assert np.abs(frame.samples - exact).max() <= 0.51


def test_linear_light_returns_every_16_bit_value() -> None:
    samples = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1).repeat(3, 2)
    picture = read_image(png16(samples))
    (frame,) = apply_filters(picture, [Filter([[1]])], linear=True).frames
    np.testing.assert_array_equal(frame.samples, samples)


def test_alpha_weighs_colours_in_16_bits() -> None:
    samples = np.array([[[65535, 0, 300, 1], [0, 65535, 300, 3]]], np.uint16)
    third = Filter([[1, 1]], divisor=2, pad="valid")
    (frame,) = apply_filters(read_image(png16(samples)), [third]).frames
    assert frame.samples.tolist() == [[[16384, 49151, 300, 2]]]


@pytest.mark.parametrize("size", [100, 5 << 20])
@pytest.mark.parametrize("fails", ["", "madvise", "mmap"])
def test_memory_for_samples_can_be_written_whatever_the_system_gives(
    monkeypatch: pytest.MonkeyPatch, size: int, fails: str
) -> None:
    class Poor(mmap.mmap):
        def madvise(self, *arguments: int) -> None:
            raise OSError("no large pages")

    def none(*arguments: object, **options: object) -> None:
        raise OSError("no memory")

    replaced = {"madvise": Poor, "mmap": none}.get(fails)
    if replaced is not None:
        monkeypatch.setattr(stored_samples.mmap, "mmap", replaced)
    data = stored_samples.memory(size)
    assert len(data) == size
    data[-1:] = b"x"
    assert bytes(data[-2:]) == b"\0x"

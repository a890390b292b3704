"""Files to tensors and back, and the warnings about what is lost."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import ImageError, ImageWarning, Picture, read_image, write_image
from convcli.images import output_format
from convcli.images.decoding import opened

SHAPE = (5, 7)


def drawn(mode: str) -> Image.Image:
    """Return a picture of ``mode`` without symmetry, drawn from a seed."""
    rng = np.random.default_rng(3)
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 65536, SHAPE, np.uint16))
    if mode == "I":
        return Image.fromarray(rng.integers(-100_000, 100_000, SHAPE, np.int32))
    if mode == "F":
        return Image.fromarray(rng.standard_normal(SHAPE, np.float32) * 9)
    if mode == "1":
        return Image.fromarray(rng.integers(0, 2, SHAPE).astype(bool))
    if mode == "P":
        return Image.fromarray(rng.integers(0, 256, (*SHAPE, 3), np.uint8)).quantize(16)
    bands = len(Image.new(mode, (1, 1)).getbands())
    raw = rng.integers(0, 256, (*SHAPE, bands), np.uint8).tobytes()
    return Image.frombytes(mode, SHAPE[::-1], raw)


@pytest.mark.parametrize(
    ("mode", "suffix", "becomes"),
    [
        ("1", ".png", "L"),
        ("L", ".png", "L"),
        ("LA", ".png", "LA"),
        ("P", ".png", "RGB"),
        ("RGB", ".png", "RGB"),
        ("RGBA", ".png", "RGBA"),
        ("CMYK", ".tif", "CMYK"),
        ("RGB", ".bmp", "RGB"),
        ("RGB", ".ppm", "RGB"),
        ("L", ".gif", "RGB"),
        ("RGBA", ".tif", "RGBA"),
        ("YCbCr", ".tif", "RGB"),
    ],
)
def test_every_8_bit_mode_comes_in_and_goes_out_unchanged(
    tmp_path: Path, mode: str, suffix: str, becomes: str
) -> None:
    image, path = drawn(mode), tmp_path / f"in{suffix}"
    # Pillow 11 cannot read the raw YCbCr that it writes.
    image.save(path, **{"compression": "tiff_lzw"} if mode == "YCbCr" else {})
    picture = read_image(path)
    (frame,) = picture.frames
    assert frame.mode == becomes
    with Image.open(path) as reopened:
        expected = np.asarray(reopened.convert(becomes)).reshape(*SHAPE, -1)
    np.testing.assert_array_equal(frame.samples, expected)
    tensor = picture.tensor
    assert tensor.dtype == np.float32
    np.testing.assert_array_equal(tensor, expected.transpose(2, 0, 1).astype(np.float32) / 255)
    target = tmp_path / "out.tif"
    write_image(picture, target)
    with Image.open(target) as written:
        assert written.mode == becomes
        np.testing.assert_array_equal(np.asarray(written).reshape(expected.shape), expected)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_16_bit_grey_keeps_all_its_bits(tmp_path: Path, suffix: str) -> None:
    image, path, target = drawn("I;16"), tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    image.save(path)
    picture = read_image(path)
    np.testing.assert_allclose(picture.tensor[0], np.asarray(image) / 65535, rtol=1e-6)
    write_image(picture, target)
    with Image.open(target) as written:
        np.testing.assert_array_equal(np.asarray(written), np.asarray(image))


def test_16_bit_grey_of_the_other_byte_order_is_the_same(tmp_path: Path) -> None:
    image = drawn("I;16")
    path = tmp_path / "in.tif"
    Image.frombytes("I;16B", image.size, np.asarray(image).astype(">u2").tobytes()).save(path)
    np.testing.assert_array_equal(read_image(path).frames[0].samples[..., 0], np.asarray(image))


@pytest.mark.parametrize("mode", ["I", "F"])
def test_unscaled_samples_keep_their_values(tmp_path: Path, mode: str) -> None:
    path, target = tmp_path / "in.tif", tmp_path / "out.tif"
    drawn(mode).save(path)
    picture = read_image(path)
    np.testing.assert_array_equal(picture.tensor[0], np.asarray(drawn(mode)))
    write_image(picture, target)
    with Image.open(target) as written:
        assert written.mode == "F"
        np.testing.assert_array_equal(np.asarray(written), np.asarray(drawn(mode)))


@pytest.mark.parametrize(("mode", "becomes"), [("P", "RGBA"), ("L", "LA"), ("RGB", "RGBA")])
def test_a_transparent_colour_becomes_alpha(tmp_path: Path, mode: str, becomes: str) -> None:
    image, path = drawn(mode), tmp_path / "in.png"
    image.save(path, transparency=image.getpixel((0, 0)))
    (frame,) = read_image(path).frames
    assert frame.mode == becomes
    assert frame.samples[0, 0, -1] == 0
    assert frame.samples[..., -1].max() == 255


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_other_exif_kept(tmp_path: Path, orientation: int) -> None:
    path, target = tmp_path / "in.jpg", tmp_path / "out.png"
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Camera"
    drawn("RGB").save(path, exif=exif, dpi=(300, 300), icc_profile=b"profile")
    picture = read_image(path)
    turned = orientation >= 5
    assert picture.frames[0].size == (SHAPE[::-1] if turned else SHAPE)
    write_image(picture, target)
    with Image.open(target) as written:
        assert 0x0112 not in written.getexif()
        assert written.getexif()[0x010F] == "Camera"
        assert written.info["icc_profile"] == b"profile"
        np.testing.assert_allclose(written.info["dpi"], 300, rtol=1e-3)


def test_mode_converts(tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    drawn("RGB").save(path)
    (frame,) = read_image(path, mode="L").frames
    np.testing.assert_array_equal(frame.samples[..., 0], np.asarray(drawn("RGB").convert("L")))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.uint16, ">f4", ">u2"])
@pytest.mark.parametrize("shape", [(4, 5), (6, 4, 5), (2, 6, 4, 5), (1, 1, 4, 5)])
def test_arrays_come_in_and_go_out(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    path, target = tmp_path / "in.npy", tmp_path / "out.npy"
    array = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    np.save(path, array)
    scale = {"uint8": 255, "uint16": 65535}.get(array.dtype.name, 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        picture = read_image(path)
    messages = [str(warning.message) for warning in caught]
    expected = f"an array of {array.dtype.name} is divided by {scale}, and its result is float32"
    assert [text.startswith(expected) for text in messages] == ([True] if scale > 1 else [])
    write_image(picture, target)
    written = np.load(target)
    assert written.dtype == np.float32
    assert written.shape == (shape if len(shape) > 2 else (1, *shape))
    np.testing.assert_allclose(written.reshape(shape), array / scale, rtol=1e-6)


@pytest.mark.parametrize(
    ("array", "fault"),
    [
        (np.zeros(5), r"shape \(5,\)"),
        (np.zeros((2, 0, 3)), "without a 0"),
        (np.zeros((1, 1, 1, 2, 2)), "not a picture"),
        (np.zeros((3, 3), np.int64), "save it as float32"),
        (np.zeros((3, 3), complex), "save it as float32"),
        (np.zeros((3, 3), bool), "save it as float32"),
    ],
)
def test_an_array_of_another_shape_is_refused(
    tmp_path: Path, array: np.ndarray, fault: str
) -> None:
    np.save(tmp_path / "in.npy", array)
    with pytest.raises(ImageError, match=fault):
        read_image(tmp_path / "in.npy")


def test_an_array_with_objects_is_never_unpickled(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "exploded"),)

    np.save(tmp_path / "in.npy", np.array([[Bomb()]], object), allow_pickle=True)
    with pytest.raises(
        ImageError, match=r"in\.npy: not a NumPy array that can be read: it holds Python objects"
    ):
        read_image(tmp_path / "in.npy")
    assert not (tmp_path / "exploded").exists()


def broken(kind: str) -> bytes:
    buffer = io.BytesIO()
    drawn("RGB").resize((64, 64)).save(buffer, "PNG")
    whole = buffer.getvalue()
    return {
        "empty": b"",
        "text": b"hello, I am no image\n",
        "truncated": whole[: len(whole) // 2],
        "head": whole[:20],
        "flipped": whole[:30] + b"\xff\xff\xff\xff" + whole[34:],
        "array": b"\x93NUMPY\x01\x00garbage",
        "array-head": b"\x93NUMPY",
    }[kind]


@pytest.mark.parametrize(
    "kind", ["empty", "text", "truncated", "head", "flipped", "array", "array-head"]
)
def test_a_broken_file_is_reported_with_its_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(broken(kind))
    with pytest.raises(ImageError, match=r"broken\.png: "):
        read_image(path)


def test_a_palette_image_without_its_palette_is_read(tmp_path: Path) -> None:
    drawn("P").save(tmp_path / "in.icns")
    with pytest.warns(ImageWarning, match="only the largest of 8 pictures"):
        assert read_image(tmp_path / "in.icns").frames[0].mode in ("RGB", "RGBA")


@pytest.mark.parametrize(("name", "fault"), [("gone.png", "no such file"), (".", "is a folder")])
def test_a_missing_file_is_reported(tmp_path: Path, name: str, fault: str) -> None:
    with pytest.raises(ImageError, match=fault):
        read_image(tmp_path / name)


def test_a_picture_over_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    drawn("L").save(path)
    with pytest.raises(ImageError, match="7×5 is more than the limit of 34"):
        read_image(path, max_pixels=34)
    assert read_image(path, max_pixels=35).frames[0].size == SHAPE


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "in.png"
    drawn("L").save(path)
    for limit in (30, 10):  # Pillow warns of the first and refuses the second
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(ImageError, match="too large"):
            read_image(path)


def frames_of(path: Path) -> tuple[list[np.ndarray], list[float], object]:
    with Image.open(path) as image:
        pictures, durations = [], []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            pictures.append(np.asarray(image.convert("RGBA")).astype(int))
            durations.append(image.info.get("duration", 0))
        return pictures, durations, image.info.get("loop")


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_an_animation_keeps_its_frames_timing_and_loop(
    tmp_path: Path, samples: Path, suffix: str
) -> None:
    target = tmp_path / f"out{suffix}"
    options = {"lossless": True} if suffix == ".webp" else {}
    write_image(read_image(samples / "pulse.gif"), target, save=options)
    before, durations, loop = frames_of(samples / "pulse.gif")
    after, kept_durations, kept_loop = frames_of(target)
    assert (kept_durations, kept_loop) == (durations, loop)
    for one, other in zip(before, after, strict=True):
        # GIF has 256 colours a frame to choose anew.
        assert np.abs(one - other).mean() < (6 if suffix == ".gif" else 0.01)


@pytest.mark.parametrize(("suffix", "opacity"), [(".gif", 255), (".png", 128), (".webp", 128)])
def test_transparent_frames_do_not_shine_through(tmp_path: Path, suffix: str, opacity: int) -> None:
    frames = []
    for place in (0, 8):
        frame = Image.new("RGBA", (16, 8))
        frame.paste((255, 0, 0, opacity), (place, 0, place + 8, 8))
        frames.append(frame)
    path, target = tmp_path / "in.png", tmp_path / f"out{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, blend=0)
    save = {"lossless": True} if suffix == ".webp" else {}
    write_image(read_image(path), target, save=save)
    for one, frame in zip(frames_of(target)[0], frames, strict=True):
        np.testing.assert_array_equal(one[..., 3], np.asarray(frame)[..., 3])


def test_pages_keep_their_own_size_and_mode(tmp_path: Path) -> None:
    pages = [drawn("RGB"), drawn("L").resize((20, 10)), drawn("I;16")]
    pages[0].save(tmp_path / "in.tif", save_all=True, append_images=pages[1:])
    picture = read_image(tmp_path / "in.tif")
    assert [frame.size for frame in picture.frames] == [SHAPE, (10, 20), SHAPE]
    write_image(picture, tmp_path / "out.tif")
    with Image.open(tmp_path / "out.tif") as written:
        for number, page in enumerate(pages):
            written.seek(number)
            np.testing.assert_array_equal(np.asarray(written), np.asarray(page))


def test_frames_are_refused_by_formats_of_one_image(tmp_path: Path, samples: Path) -> None:
    animation = read_image(samples / "pulse.gif")
    with pytest.raises(
        ImageError, match=r"JPEG holds one image, and this has 10.*frames=\"first\""
    ):
        write_image(animation, tmp_path / "out.jpg")
    assert list(tmp_path.iterdir()) == []
    write_image(read_image(samples / "pulse.gif", frames="first"), tmp_path / "out.jpg")
    assert animation.tensor.shape == (10, 3, 120, 160)


def test_an_animation_of_too_many_pixels_is_refused(
    samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ImageError, match="160×120 is more than the limit of 19,199"):
        read_image(samples / "pulse.gif", max_pixels=19_199)
    monkeypatch.setattr(opened, "MOST_FRAMES", 9)
    with pytest.raises(ImageError, match="10 frames of 160×120 is more than the limit of 19,200"):
        read_image(samples / "pulse.gif", max_pixels=19_200)


@pytest.mark.parametrize(
    ("mode", "suffix", "loss", "becomes"),
    [
        ("RGBA", ".jpg", "transparency", "RGB"),
        ("LA", ".jpg", "transparency", "L"),
        ("CMYK", ".png", "CMYK", "RGB"),
        ("I;16", ".jpg", "16 bits become 8", "L"),
        ("I;16", ".webp", "16 bits become 8", "RGB"),
        ("F", ".png", "clipped", "I;16"),
        ("F", ".jpg", "clipped", "L"),
    ],
)
def test_what_a_format_cannot_hold_is_converted_with_a_warning(
    tmp_path: Path, mode: str, suffix: str, loss: str, becomes: str
) -> None:
    path, target = tmp_path / "in.tif", tmp_path / f"out{suffix}"
    drawn(mode).save(path)
    with pytest.warns(ImageWarning, match=loss):
        write_image(read_image(path), target)
    with Image.open(target) as written:
        assert written.mode == becomes
        assert written.size == SHAPE[::-1]


def test_transparency_is_composited_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "in.png")
    with pytest.warns(ImageWarning, match="white"):
        write_image(read_image(tmp_path / "in.png"), tmp_path / "out.bmp")
    with Image.open(tmp_path / "out.bmp") as written:
        assert written.getpixel((0, 0)) == (255, 255, 255)


def test_values_are_rounded_to_nearest_and_clipped_never_wrapped(tmp_path: Path) -> None:
    values = np.array([[-1, -0.001, 0.4 / 255, 0.6 / 255, 1.001, 300, np.nan, np.inf]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImageWarning)
        write_image(values, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as written:
        np.testing.assert_array_equal(np.asarray(written), [[0, 0, 0, 1, 255, 255, 0, 255]])


def test_quality_is_a_jpegs_quality(tmp_path: Path, samples: Path) -> None:
    picture = Picture(
        read_image(samples / "landscape.jpg").frames
    )  # of no JPEG, whose tables would be kept
    sizes = {}
    for quality in (30, None, 90, 95):
        write_image(picture, tmp_path / f"{quality}.jpg", quality=quality)
        sizes[quality] = (tmp_path / f"{quality}.jpg").stat().st_size
    assert sizes[30] < sizes[90] < sizes[95]
    assert sizes[None] == sizes[90]


def test_channel_counts_of_no_picture_are_refused(tmp_path: Path) -> None:
    for channels in (2, 4, 5):
        with pytest.raises(ImageError, match=rf"{channels} channels is not a picture.*\.npy"):
            write_image(np.zeros((channels, 2, 2), np.float32), tmp_path / "out.png")
    with pytest.raises(ImageError, match="BMP holds one image"):
        write_image(np.zeros((2, 3, 2, 2), np.float32), tmp_path / "out.bmp")
    assert list(tmp_path.iterdir()) == []


def test_an_array_of_three_channels_is_a_colour_picture(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).random((3, 4, 5), np.float32)
    write_image(rgb, tmp_path / "out.png")
    np.testing.assert_allclose(read_image(tmp_path / "out.png").tensor, rgb, atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize(
    ("name", "expected"),
    [(".jpg", "JPEG"), ("JPEG", "JPEG"), (".TIF", "TIFF"), ("png", "PNG"), ("npy", "NPY")],
)
def test_formats_are_known_by_extension_and_name(name: str, expected: str) -> None:
    assert output_format(name) == expected


@pytest.mark.parametrize("name", ["", ".", ".txt", "pngg", "psd", "grib", "../png"])
def test_a_format_that_cannot_be_written_is_refused(name: str) -> None:
    with pytest.raises(ImageError, match="not an image format that can be written"):
        output_format(name)


def test_streams_need_a_format() -> None:
    buffer = io.BytesIO()
    with pytest.raises(ImageError, match="name the format"):
        write_image(np.zeros((3, 2, 2), np.float32), buffer)
    write_image(np.ones((3, 2, 2), np.float32), buffer, format="png")
    assert read_image(io.BytesIO(buffer.getvalue())).tensor.min() == 1
    assert isinstance(read_image(buffer.getvalue()), Picture)


def test_what_an_encoder_refuses_is_reported_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"out\.jpg: cannot be written as JPEG"):
        write_image(np.zeros((1, 1, 66_000), np.float32), tmp_path / "out.jpg")
    assert list(tmp_path.iterdir()) == []

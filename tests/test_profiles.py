"""``--profile srgb`` converts colours to sRGB by the embedded profile, and drops the profile."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageSequence
from test_modes import grey_profile, ink_profile, wide_profile
from test_predicted_warnings import paged

from convcli import ImageError, ImageWarning, read_image
from convcli.images import read_header
from convcli.images.conversion.matrix_profiles import matrix_change

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PIXELS = np.random.default_rng(3).integers(0, 256, (6, 8, 4), np.uint8)
COLOUR, ALPHA = Image.fromarray(PIXELS[..., :3]), Image.fromarray(PIXELS)
GREY = Image.fromarray(PIXELS[..., 0])
INK = Image.frombytes("CMYK", (8, 6), PIXELS.tobytes())
CAMERA, COLOUR_SPACE = 0x8769, 0xA001


def converted(image: Image.Image, profile: bytes) -> Image.Image:
    """Return what Little CMS makes of an image without alpha."""
    return ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def saved(image: Image.Image, format_name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("image", "profile", "mode"),
    [(COLOUR, wide_profile(), "RGB"), (INK, ink_profile(), "RGB"), (GREY, grey_profile(), "L")],
    ids=["RGB", "CMYK", "grey"],
)
@pytest.mark.parametrize("command", ["apply", "upsample", "deconvolve"])
def test_pixels_are_those_of_little_cms_and_the_profile_is_gone(
    run, tmp_path: Path, image: Image.Image, profile: bytes, mode: str, command: str
) -> None:
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    image.save(source, icc_profile=profile)
    flags = ("--scale", 1, "-f", "nearest") if command == "upsample" else ("-f", "identity")
    result = run(command, *flags, source, "-o", target, "--profile", "srgb")
    assert (result.exit_code, "Warning" in result.stderr) == (0, False), result.stderr
    expected = converted(image, profile).convert(mode)
    assert np.abs(np.asarray(expected).astype(int) - np.asarray(image.convert(mode))).max() > 20
    with Image.open(target) as written:
        assert written.mode == mode
        assert "icc_profile" not in written.info
        np.testing.assert_array_equal(np.asarray(written), np.asarray(expected))


def test_the_darkest_grey_of_a_profile_becomes_black() -> None:
    black_and_white = Image.fromarray(np.array([[0, 255]], np.uint8))
    data = saved(black_and_white, "PNG", icc_profile=grey_profile(darkest=6000))
    assert read_image(data, profile="srgb").frames[0].samples.ravel().tolist() == [0, 255]


def test_by_default_colours_and_profile_stay(run, tmp_path: Path) -> None:
    COLOUR.save(tmp_path / "in.png", icc_profile=wide_profile())
    for flags in ((), ("--profile", "keep")):
        run("apply", "-f", "identity", tmp_path / "in.png", "-o", tmp_path / "o.png", *flags)
        with Image.open(tmp_path / "o.png") as written:
            assert written.info["icc_profile"] == wide_profile()
            np.testing.assert_array_equal(np.asarray(written), np.asarray(COLOUR))
        (tmp_path / "o.png").unlink()


def test_colours_are_converted_before_they_are_filtered(run, tmp_path: Path) -> None:
    COLOUR.save(tmp_path / "in.png", icc_profile=wide_profile())
    converted(COLOUR, wide_profile()).save(tmp_path / "srgb.png", icc_profile=None)
    for name, flags in (("in", ("--profile", "srgb")), ("srgb", ())):
        blurred = tmp_path / f"{name}-blurred.png"
        run("apply", "-f", "gaussian-blur", tmp_path / f"{name}.png", "-o", blurred, *flags)
    one, other = (Image.open(tmp_path / f"{name}-blurred.png") for name in ("in", "srgb"))
    np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


@pytest.mark.parametrize(
    ("image", "profile"),
    [(ALPHA, wide_profile()), (ALPHA.convert("LA"), grey_profile())],
    ids=["RGBA", "LA"],
)
def test_alpha_is_kept(image: Image.Image, profile: bytes) -> None:
    picture = read_image(saved(image, "PNG", icc_profile=profile), profile="srgb")
    (frame,) = picture.frames
    assert frame.mode == image.mode
    bare = image.convert(image.mode.removesuffix("A"))
    expected = np.asarray(converted(bare, profile).convert(bare.mode)).reshape(6, 8, -1)
    np.testing.assert_array_equal(frame.samples[..., :-1], expected)
    np.testing.assert_array_equal(frame.samples[..., -1], PIXELS[..., 3])


@pytest.mark.parametrize("options", [{}, {"icc_profile": SRGB}], ids=["none", "sRGB"])
@pytest.mark.parametrize("image", [COLOUR, GREY, ALPHA], ids=["RGB", "L", "RGBA"])
def test_srgb_stays_as_it_is_without_a_warning(image: Image.Image, options: Any) -> None:
    picture = read_image(saved(image, "PNG", **options), profile="srgb")
    np.testing.assert_array_equal(picture.frames[0].samples, np.asarray(image).reshape(6, 8, -1))
    assert "icc_profile" not in picture.metadata


def test_strip_drops_the_rest_of_the_metadata_after_the_conversion(run, tmp_path: Path) -> None:
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    COLOUR.save(source, icc_profile=wide_profile(), dpi=(300, 300))
    run("apply", "-f", "identity", source, "-o", target, "--profile", "srgb", "--strip")
    with Image.open(target) as written:
        assert not {"icc_profile", "dpi"} & set(written.info)
        np.testing.assert_array_equal(
            np.asarray(written), np.asarray(converted(COLOUR, wide_profile()))
        )


def test_metadata_stays_and_names_no_other_colour_space(run, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    exif.get_ifd(CAMERA).update({COLOUR_SPACE: 65535, 0x829A: 0.5})
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    source.write_bytes(saved(COLOUR, "PNG", icc_profile=wide_profile(), exif=exif, dpi=(72, 72)))
    run("apply", "-f", "identity", source, "-o", target, "--profile", "srgb")
    with Image.open(target) as written:
        assert "dpi" in written.info
        table = written.getexif()
    assert table[0x010F] == "Camera"
    assert table.get_ifd(CAMERA)[0x829A] == 0.5
    assert table.get_ifd(CAMERA)[COLOUR_SPACE] == 1


def test_gamma_and_primaries_of_a_png_go_with_its_profile() -> None:
    data = saved(COLOUR, "PNG", icc_profile=wide_profile())
    place = data.index(b"iCCP") - 4
    gamma = b"\0\0\0\x04gAMA\0\0\xb1\x8f\x0b\xfc\x61\x05"  # 0.45455, with its CRC
    data = data[:place] + gamma + data[place:]
    assert "chunks" in read_image(data).metadata
    assert "chunks" not in read_image(data, profile="srgb").metadata


def test_every_frame_of_an_animation_is_converted(run, tmp_path: Path) -> None:
    frames = [COLOUR, COLOUR.rotate(180)]
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    options = {"icc_profile": wide_profile(), "duration": [40, 80]}
    frames[0].save(source, save_all=True, append_images=frames[1:], **options)
    run("apply", "-f", "identity", source, "-o", target, "--profile", "srgb")
    with Image.open(target) as written:
        assert "icc_profile" not in written.info
        results = [frame.convert("RGB") for frame in ImageSequence.Iterator(written)]
    assert len(results) == 2
    for result, frame in zip(results, frames, strict=True):
        expected = converted(frame, wide_profile())
        np.testing.assert_array_equal(np.asarray(result), np.asarray(expected))


def test_pages_are_converted_each_by_its_own_profile() -> None:
    data = paged((COLOUR, {"icc_profile": wide_profile()}), (COLOUR, {}), (GREY, {}))
    picture = read_image(data, profile="srgb")
    first, second, third = picture.frames
    expected = converted(COLOUR, wide_profile())
    np.testing.assert_array_equal(first.samples, np.asarray(expected))
    np.testing.assert_array_equal(second.samples, np.asarray(COLOUR))
    np.testing.assert_array_equal(third.samples[..., 0], np.asarray(GREY))
    assert not {"icc_profile", "page_profiles"} & picture.metadata.keys()


def test_a_broken_profile_is_dropped_with_a_warning_and_colours_stay() -> None:
    broken = wide_profile()[:200]
    with pytest.warns(ImageWarning, match="its ICC profile cannot be used, so colours may be off"):
        picture = read_image(saved(COLOUR, "PNG", icc_profile=broken), profile="srgb")
    np.testing.assert_array_equal(picture.frames[0].samples, np.asarray(COLOUR))
    assert "icc_profile" not in picture.metadata


def with_curve(kind: bytes, numbers: list[float]) -> bytes:
    """Return a profile of colours, red and green exchanged, with one curve for all channels."""
    stored = np.rint(np.array(numbers) * 65536).astype(">i4").tobytes()
    curve = {
        b"curv": lambda: np.array([256 * numbers[0]], ">u2").tobytes(),
        b"para": lambda: stored,
    }[kind]()
    head = {1: 0, 3: 1, 4: 2, 5: 3, 7: 4}[len(numbers)] << 16 if kind == b"para" else 1
    data = kind + bytes(4) + np.array([head], ">u4").tobytes() + curve
    profile = wide_profile()
    for name in (b"rTRC", b"gTRC", b"bTRC"):
        place = profile.index(name) + 4
        entry = np.array([len(profile), len(data)], ">u4").tobytes()
        profile = profile[:place] + entry + profile[place + 8 :]
    profile += data
    return np.array([len(profile)], ">u4").tobytes() + profile[4:]


@pytest.mark.parametrize(
    "profile",
    [
        wide_profile(),
        with_curve(b"curv", [2.25]),
        with_curve(b"para", [1.8]),
        with_curve(b"para", [2.0, 1.25, -0.25]),
        with_curve(b"para", [2.2, 0.9, 0.1, 0.3, 0.2, 0.0, 0.0]),
    ],
    ids=["sRGB's", "gamma", "power", "shifted power", "two parts"],
)
def test_16_bit_colours_keep_their_bits_by_curves_and_a_matrix(profile: bytes) -> None:
    samples = PIXELS.astype(np.uint16) * 257
    change = matrix_change("RGBA", profile)
    assert change is not None
    result = change.made(samples)
    expected = np.asarray(converted(COLOUR, profile)).astype(int)
    # Little CMS rounds to 8 bits, and is up to a level off where its tables are coarse.
    assert np.abs(result[..., :3] / 257 - expected).max() < 1.5
    np.testing.assert_array_equal(result[..., 3], samples[..., 3])


def test_16_bit_colours_are_within_one_of_the_definition() -> None:
    samples = np.random.default_rng(8).integers(0, 65536, (40, 50, 3)).astype(np.uint16)
    samples[0, :9] = np.arange(9)[:, np.newaxis] * 100
    change = matrix_change("RGB", with_curve(b"para", [2.0]))
    assert change is not None
    xyz = ImageCms.createProfile("sRGB")
    columns = [getattr(xyz, f"{name}_colorant")[0] for name in ("red", "green", "blue")]
    srgb = np.array(columns).T
    light = (samples / 65535) ** 2 @ (np.linalg.inv(srgb) @ srgb[:, [1, 0, 2]]).T
    light = np.clip(light, 0, 1)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(change.made(samples) - 65535 * encoded).max() < 1


def test_white_and_grey_stay_neutral_in_16_bits() -> None:
    samples = np.repeat(np.arange(0, 65536, 97, dtype=np.uint16), 3).reshape(-1, 1, 3)
    change = matrix_change("RGB", with_curve(b"curv", [2.0]))
    assert change is not None
    result = change.made(samples).astype(int)
    assert np.ptp(result, axis=2).max() <= 1
    assert result[-1].min() > 65400


def test_a_16_bit_file_becomes_srgb_with_all_its_bits(run, tmp_path: Path) -> None:
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    values = np.arange(1000, 1007, dtype=np.uint16)
    Image.fromarray(values[np.newaxis]).save(source, icc_profile=grey_profile())
    result = run("apply", "-f", "identity", source, "-o", target, "--profile", "srgb")
    assert "Warning" not in result.stderr
    expected = 65535 * (1.055 * (values / 65535) ** (1 / 2.4) - 0.055)
    picture = read_image(target)
    assert "icc_profile" not in picture.metadata
    assert np.abs(picture.frames[0].samples[0, :, 0] - expected).max() < 1


def test_16_bits_become_8_by_other_profiles_with_a_warning() -> None:
    wide = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
    profile = grey_profile(darkest=6000)
    with pytest.warns(ImageWarning, match="16 bits become 8: colours are converted to sRGB"):
        picture = read_image(saved(wide, "PNG", icc_profile=profile), profile="srgb")
    expected = converted(GREY, profile).convert("L")
    np.testing.assert_array_equal(picture.frames[0].samples[..., 0], np.asarray(expected))
    picture = read_image(saved(wide, "PNG"), profile="srgb")
    np.testing.assert_array_equal(picture.frames[0].samples[..., 0], np.asarray(wide))


@pytest.mark.parametrize("numbers", [[-1.0], [2.0, 0.0, 0.1], [2.0, 1.0, 0.1]])
def test_curves_without_a_black_or_without_numbers_are_left_to_little_cms(
    numbers: list[float],
) -> None:
    assert matrix_change("RGB", with_curve(b"para", numbers)) is None


@pytest.mark.parametrize("cut", [0, 100, 140, 200, 300])
def test_a_broken_profile_has_no_matrix(cut: int) -> None:
    assert matrix_change("RGB", wide_profile()[:cut]) is None


def test_the_header_has_what_reading_gives(tmp_path: Path) -> None:
    data = saved(INK, "TIFF", icc_profile=ink_profile())
    header, picture = read_header(data, profile="srgb"), read_image(data, profile="srgb")
    assert (header.stored, header.mode, header.channels) == ("CMYK", "RGB", 3)
    assert header.picture.metadata == picture.metadata
    assert picture.shape == header.picture.shape == (3, 6, 8)


def test_a_mode_is_converted_by_the_profile_once() -> None:
    data = saved(COLOUR, "PNG", icc_profile=wide_profile())
    for mode in ("L", "RGBA"):
        picture = read_image(data, mode=mode, profile="srgb")
        expected = converted(COLOUR, wide_profile()).convert(mode)
        np.testing.assert_array_equal(
            picture.frames[0].samples, np.asarray(expected).reshape(6, 8, -1)
        )


def test_what_cannot_be_srgb_is_refused(run, tmp_path: Path) -> None:
    data = saved(COLOUR, "PNG")
    for read in (read_image, read_header):
        with pytest.raises(ImageError, match="CMYK has no sRGB colours"):
            read(data, mode="CMYK", profile="srgb")
        with pytest.raises(ImageError, match="no profile 'adobe': keep and srgb"):
            read(data, profile="adobe")
    (tmp_path / "in.png").write_bytes(data)
    flags = ("--mode", "CMYK", "--profile", "srgb")
    result = run("apply", "-f", "identity", tmp_path / "in.png", "-d", tmp_path / "out", *flags)
    assert result.exit_code == 2
    assert "leave out --mode CMYK or --profile srgb" in result.stderr


@pytest.mark.parametrize("command", ["apply", "upsample", "deconvolve"])
def test_help_has_the_option_under_colour_and_depth_with_its_default(run, command: str) -> None:
    text = run(command, "--help").stdout
    group = text[text.index("Colour and depth") : text.index("Input:")]
    assert "--profile [keep|srgb]" in group
    assert "[default: keep]" in " ".join(group.split())

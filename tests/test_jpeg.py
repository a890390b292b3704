"""The JPEG encoder on several threads: what it writes decodes to what Pillow's decodes to."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import get_sampling

from convcli import Picture, read_image, write_image
from convcli.images.codecs import jpeg


def picture(mode: str, size: tuple[int, int]) -> Image.Image:
    channels = {"L": 1, "RGB": 3, "CMYK": 4}[mode]
    y, x, band = np.ogrid[: size[1], : size[0], :channels]
    grain = np.random.default_rng(6).integers(0, 30, (size[1], size[0], channels))
    samples = 110 + 90 * np.sin(x / 31 + band) * np.cos(y / 23 - band) + grain
    return Image.frombytes(mode, size, samples.astype(np.uint8).tobytes())


def encoded(image: Image.Image, threads: int = 2, **options: Any) -> bytes:
    file = io.BytesIO()
    jpeg.write_image(image, file, options, threads)
    return file.getvalue()


def decoded(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("subsampling", [-1, 0, 1, 2, "4:2:0"])
@pytest.mark.parametrize("size", [(61, 2500), (64, 512), (33, 513), (1, 1), (17, 15)])
def test_pixels_are_those_that_pillow_alone_would_write(
    mode: str, subsampling: Any, size: tuple[int, int]
) -> None:
    image = picture(mode, size)
    options = {"quality": 80, "subsampling": subsampling}
    alone = io.BytesIO()
    image.save(alone, "JPEG", **options)
    expected, got = decoded(alone.getvalue()), decoded(encoded(image, **options))
    assert (got.mode, got.size) == (mode, size)
    assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize("width", [1, 8, 6000, 16_376, 65_500])
@pytest.mark.parametrize("block", [8, 16])
def test_no_band_holds_more_than_a_restart_interval_can(width: int, block: int) -> None:
    rows = jpeg._band_rows(width)
    assert rows % 16 == 0
    assert 0 < rows // block * -(-width // block) <= 65_535


def test_the_bytes_do_not_depend_on_the_number_of_threads() -> None:
    image = picture("RGB", (300, 1100))
    assert encoded(image, 1, quality=75) == encoded(image, 5, quality=75)


def test_metadata_is_kept_once() -> None:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    options = {"dpi": (300, 300), "icc_profile": b"profile" * 20_000, "exif": exif.tobytes()}
    data = encoded(picture("RGB", (64, 900)), quality=75, comment=b"a word", **options)
    got = decoded(data)
    assert got.info["dpi"] == (300, 300)
    assert got.info["icc_profile"] == options["icc_profile"]
    assert got.info["comment"] == b"a word"
    assert got.getexif()[0x010F] == "a camera"
    assert data.count(b"a camera") == 1


@pytest.mark.parametrize(
    ("options", "takes"),
    [
        ({"quality": 90}, True),
        ({"quality": 90, "subsampling": 0, "dpi": (72, 72)}, True),
        ({"quality": "keep"}, False),
        ({"quality": 90, "subsampling": "keep"}, False),
        ({"quality": 90, "progressive": True}, False),
        ({"quality": 90, "optimize": True}, False),
        ({"quality": 90, "qtables": "web_high"}, False),
    ],
)
def test_codings_that_cannot_be_cut_into_bands_are_left_to_pillow(
    options: dict[str, Any], takes: bool
) -> None:
    assert jpeg.can_write("RGB", (1000, 400), options) is takes
    assert not jpeg.can_write("RGB", (1000, 200), options)


def test_a_large_picture_is_written_in_bands(tmp_path: Path) -> None:
    image = picture("RGB", (800, 600))
    write_image(Picture.from_array(np.asarray(image).transpose(2, 0, 1)), tmp_path / "a.jpg")
    alone = io.BytesIO()
    image.save(alone, "JPEG", quality=90, subsampling=0)
    assert b"\xff\xdd\x00\x04" in (tmp_path / "a.jpg").read_bytes()
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.jpg").frames[0].samples, np.asarray(decoded(alone.getvalue()))
    )


@pytest.mark.parametrize(
    ("source", "flags", "expected"),
    [
        ("a.png", [], 0),
        ("a.png", ["--quality", "89"], 2),
        ("a.png", ["--save", "subsampling=1"], 1),
        ("a.png", ["--save", "progressive=true"], 0),
        ("fine.jpg", [], 0),
        ("wide.jpg", [], 1),
        ("coarse.jpg", [], 2),
        ("coarse.jpg", ["--quality", "95"], 2),
        ("grey.jpg", [], -1),
    ],
)
def test_quality_90_and_more_keeps_the_colour_resolution(
    run, tmp_path: Path, source: str, flags: list[str], expected: int
) -> None:
    image = picture("RGB", (40, 30))
    image.save(tmp_path / "a.png")
    for number, name in enumerate(("fine", "wide", "coarse")):
        image.save(tmp_path / f"{name}.jpg", subsampling=number)
    image.convert("L").save(tmp_path / "grey.jpg")
    target = tmp_path / "out.jpg"
    assert run("apply", "-f", "identity", tmp_path / source, "-o", target, *flags).exit_code == 0
    with Image.open(target) as result:
        assert get_sampling(result) == expected


@pytest.mark.parametrize("size", [(64, 48), (900, 700)])
@pytest.mark.parametrize("is_progressive", [False, True])
def test_progressive_coding_stays_unless_overruled(
    tmp_path: Path, size: tuple[int, int], is_progressive: bool
) -> None:
    def coding(path: Path) -> bool:
        with Image.open(path) as image:
            return bool(image.info.get("progressive"))

    picture("RGB", size).save(tmp_path / "in.jpg", progressive=is_progressive)
    read = read_image(tmp_path / "in.jpg")
    for name, options, expected in (
        ("same", {}, is_progressive),
        ("stripped", {"strip": True}, is_progressive),
        ("yes", {"save": {"progressive": True}}, True),
        ("no", {"save": {"progressive": False}}, False),
        ("older", {"save": {"progression": False}}, False),
    ):
        write_image(read, tmp_path / f"{name}.jpg", **options)
        assert coding(tmp_path / f"{name}.jpg") == expected
    write_image(read, tmp_path / "out.png")


@pytest.mark.parametrize("size", [(60, 40), (1200, 900)])
@pytest.mark.parametrize("quality", [35, 98])
def test_a_jpeg_keeps_the_tables_and_sampling_of_its_source(
    tmp_path: Path, size: tuple[int, int], quality: int
) -> None:
    picture("RGB", size).save(tmp_path / "in.jpg", quality=quality, subsampling=2)
    for name, options in {
        "same": {},
        "stripped": {"strip": True},
        "other": {"quality": 80},
        "finer": {"save": {"subsampling": 0}},
    }.items():
        write_image(read_image(tmp_path / "in.jpg"), tmp_path / f"{name}.jpg", **options)
        with Image.open(tmp_path / "in.jpg") as source, Image.open(tmp_path / f"{name}.jpg") as one:
            assert (one.quantization == source.quantization) == (name != "other")
            assert get_sampling(one) == (0 if name == "finer" else 2)


@pytest.mark.parametrize(
    ("mode", "flags", "expected"),
    [
        ("RGB", [], "RGB"),
        ("RGB", ["--profile", "srgb"], "RGB"),
        ("RGB", ["--mode", "L"], "L"),
        ("RGB", ["--linear"], "RGB"),
        ("L", ["--mode", "RGB"], "RGB"),
        ("L", [], "L"),
        ("CMYK", [], "CMYK"),
        ("CMYK", ["--mode", "RGB"], "RGB"),
    ],
)
def test_tables_and_progressive_coding_stay_when_colours_are_converted(
    run, tmp_path: Path, mode: str, flags: list[str], expected: str
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    extra = {"icc_profile": profile.replace(b"sRGB built-in", b"another thing")}
    source, target = tmp_path / "in.jpg", tmp_path / "out.jpg"
    sampling = {} if mode == "L" else {"subsampling": 1}
    picture(mode, (80, 60)).save(
        source, quality=61, progressive=True, **sampling, **(extra if mode == "RGB" else {})
    )
    done = run("apply", "-f", "identity", *flags, source, "-o", target)
    assert done.exit_code == 0
    with Image.open(source) as before, Image.open(target) as after:
        assert after.mode == expected
        assert after.info.get("progressive")
        # Grey has the first table alone.
        tables = before.quantization
        assert all(
            tables[number % len(tables)] == one for number, one in after.quantization.items()
        )
        if expected == mode == "RGB":
            assert get_sampling(after) == 1

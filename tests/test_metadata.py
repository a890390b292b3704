"""What a file says beside its pixels: kept where the format holds it, and true of the result."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from convcli import ImageWarning, apply_filters, load_filter, read_image, write_image

ORIENTATION, MAKE, CAMERA = 0x0112, 0x010F, 0x8769
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" '
    b'exif:PixelXDimension="8" exif:PixelYDimension="6" dc:title="Lake">'
    b"<xmp:Thumbnails><rdf:li>old</rdf:li></xmp:Thumbnails></rdf:Description></x:xmpmeta>"
)


def picture() -> Image.Image:
    """Return a landscape 8 pixels wide and 6 high."""
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (6, 8, 3), np.uint8))


def exif(**more: Any) -> Image.Exif:
    table = Image.Exif()
    table[MAKE] = "Camera"
    camera = table.get_ifd(CAMERA)
    camera[0xA002], camera[0xA003], camera[0x829A] = 8, 6, 0.01
    table[ORIENTATION] = more.get("orientation", 1)
    return table


def through(tmp_path: Path, source: str, target: str, strip: bool = False, **save: Any) -> Any:
    """Save a picture, take it through the tool, and return what Pillow finds in the result."""
    picture().save(tmp_path / source, **save)
    write_image(read_image(tmp_path / source), tmp_path / target, strip=strip)
    with Image.open(tmp_path / target) as image:
        image.load()
        return image


@pytest.mark.parametrize("target", ["out.jpg", "out.png", "out.tif", "out.webp", "out.avif"])
def test_a_photo_is_turned_upright_and_keeps_its_exif(tmp_path: Path, target: str) -> None:
    said = {"exif": exif(orientation=6), "icc_profile": SRGB, "dpi": (300, 300), "xmp": XMP}
    if target not in ("out.jpg", "out.png"):
        with pytest.warns(ImageWarning, match="^not kept in (TIFF|WEBP|AVIF): the comment$"):
            through(tmp_path, "in.jpg", target, comment="hello", **said)
        (tmp_path / target).unlink()
        said["comment"] = ""
    image = through(tmp_path, "in.jpg", target, **{"comment": "hello", **said})
    assert image.size == (6, 8)
    assert image.info["icc_profile"] == SRGB
    table = image.getexif()
    assert ORIENTATION not in table or table[ORIENTATION] == 1
    assert table[MAKE] == "Camera"
    camera = table.get_ifd(CAMERA)
    assert (camera[0xA002], camera[0xA003]) == (6, 8)
    assert float(camera[0x829A]) == pytest.approx(0.01)
    xmp = image.info["xmp"]
    for kept in (b'Orientation="1"', b'XDimension="6"', b'YDimension="8"', b'title="Lake"'):
        assert kept in xmp
    assert b"Thumbnails" not in xmp
    dpi = image.info.get("dpi") or (table[0x011A], table[0x011B])
    assert tuple(map(float, dpi)) == pytest.approx((300, 300), rel=1e-3)
    if target in ("out.jpg", "out.png"):
        assert image.info.get("comment", image.info.get("Comment")) in (b"hello", "hello")
    # And once more, from that format.
    write_image(read_image(tmp_path / target), tmp_path / "again.png")
    with Image.open(tmp_path / "again.png") as image:
        assert image.info["dpi"] == pytest.approx((300, 300), rel=1e-3)
        assert image.info["icc_profile"] == SRGB
        assert image.getexif()[MAKE] == "Camera"
        assert b'title="Lake"' in image.info["xmp"]


def test_a_preview_of_the_unfiltered_picture_does_not_stay(tmp_path: Path) -> None:
    preview = io.BytesIO()
    picture().resize((4, 3)).save(preview, "JPEG")
    # A second table after the first one, as cameras write it: Pillow only reads such.
    first = exif().tobytes()[6:]
    count = int.from_bytes(first[8:10])
    link = 10 + 12 * count
    entries = [(0x0103, 3, 6 << 16), (0x0201, 4, len(first) + 42), (0x0202, 4, preview.tell())]
    second = len(entries).to_bytes(2) + b"".join(
        tag.to_bytes(2) + kind.to_bytes(2) + (1).to_bytes(4) + value.to_bytes(4)
        for tag, kind, value in entries
    )
    data = first[:link] + len(first).to_bytes(4) + first[link + 4 :] + second + bytes(4)
    data = b"Exif\0\0" + data + preview.getvalue()
    picture().save(tmp_path / "in.jpg", exif=data)
    with Image.open(tmp_path / "in.jpg") as image:
        assert image.getexif().get_ifd(ExifTags.IFD.IFD1)
    write_image(read_image(tmp_path / "in.jpg"), tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.getexif()[MAKE] == "Camera"
        assert not image.getexif().get_ifd(ExifTags.IFD.IFD1)
    assert preview.getvalue()[:40] not in (tmp_path / "out.jpg").read_bytes()


@pytest.mark.parametrize("target", ["out.jpg", "out.png", "out.tif", "out.webp", "out.gif"])
def test_strip_leaves_pixels_alone(tmp_path: Path, target: str) -> None:
    said = {"exif": exif(orientation=6), "icc_profile": SRGB, "dpi": (300, 300), "xmp": XMP}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImageWarning)
        image = through(tmp_path, "in.jpg", target, strip=True, comment="hello", **said)
    assert image.size == (6, 8)
    assert not {"icc_profile", "exif", "xmp", "comment", "Comment"} & set(image.info)
    assert image.info.get("dpi", (1, 1)) == (1, 1)  # what Pillow says of a TIFF without
    assert MAKE not in image.getexif()


def test_strip_is_an_option_of_both_commands(run, tmp_path: Path) -> None:
    picture().save(tmp_path / "in.png", dpi=(300, 300), icc_profile=SRGB)
    for command in (["apply", "-f", "identity"], ["upsample"]):
        for flags, expected in (([], True), (["--strip"], False)):
            target = tmp_path / f"{command[0]}{len(flags)}.png"
            done = run(*command, *flags, tmp_path / "in.png", "-o", target)
            assert (done.exit_code, done.stderr) == (0, "")
            with Image.open(target) as image:
                assert ("dpi" in image.info, "icc_profile" in image.info) == (expected, expected)


def test_text_in_a_png_stays_with_its_language(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("Title", "Ein See")
    info.add_itxt("Description", "Ein See für Ärzte 湖", "de", "Beschreibung")
    info.add_text("Comment", "hello")
    info.add_text("Long", "x" * 5000, zip=True)
    info.add_text("Raw profile type exif", "\nexif\n      0\n\n")
    image = through(tmp_path, "in.png", "out.png", pnginfo=info)
    assert image.text["Title"] == "Ein See"
    assert image.text["Description"] == "Ein See für Ärzte 湖"
    assert (image.text["Description"].lang, image.text["Description"].tkey) == (
        "de",
        "Beschreibung",
    )
    assert image.text["Comment"] == "hello"
    assert image.text["Long"] == "x" * 5000
    assert not any(key.startswith("Raw profile") for key in image.text)


def test_colour_chunks_of_a_png_are_kept(tmp_path: Path) -> None:
    info = PngInfo()
    info.add(b"gAMA", (45455).to_bytes(4))
    points = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    info.add(b"cHRM", b"".join(value.to_bytes(4) for value in points))
    info.add(b"sRGB", b"\x01")
    image = through(tmp_path, "in.png", "out.png", pnginfo=info)
    assert image.info["gamma"] == pytest.approx(0.45455)
    assert image.info["chromaticity"] == pytest.approx([value / 1e5 for value in points])
    assert image.info["srgb"] == 1


def test_a_large_png_has_the_metadata_of_a_small_one(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("Title", "Lake")
    info.add(b"gAMA", (45455).to_bytes(4))
    large = Image.new("RGB", (1200, 900))
    large.save(tmp_path / "in.png", pnginfo=info, exif=exif())
    write_image(read_image(tmp_path / "in.png"), tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert (image.text["Title"], image.info["gamma"]) == ("Lake", 0.45455)
        assert image.getexif().get_ifd(CAMERA)[0xA002] == 1200


@pytest.mark.parametrize("source", ["in.jpg", "in.gif"])
@pytest.mark.parametrize("target", ["out.jpg", "out.gif", "out.png", "out.jp2"])
def test_comments_move_between_formats(tmp_path: Path, source: str, target: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImageWarning)
        image = through(tmp_path, source, target, comment="grüße".encode())
    comment = image.info.get("comment", image.info.get("Comment"))
    assert comment in ("grüße", "grüße".encode())


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "raw"])
def test_a_tiff_stays_compressed(tmp_path: Path, compression: str) -> None:
    image = through(tmp_path, "in.tif", "out.tif", compression=compression)
    assert image.info["compression"] == compression
    np.testing.assert_array_equal(np.asarray(image), np.asarray(picture()))
    write_image(read_image(tmp_path / "in.tif"), tmp_path / "two.tif", quality=80)


@pytest.mark.parametrize("save", [{}, {"compression": "tiff_lzw"}])
def test_what_a_compressed_tiff_cannot_hold_is_warned_of(
    tmp_path: Path, save: dict[str, str]
) -> None:
    picture().save(tmp_path / "in.tif", exif=exif().tobytes())
    read = read_image(tmp_path / "in.tif")
    if not save:
        read.metadata["compression"] = "tiff_adobe_deflate"
    with pytest.warns(ImageWarning, match="cannot be written to a compressed TIFF"):
        write_image(read, tmp_path / "out.tif", save=save)
    with Image.open(tmp_path / "out.tif") as image:
        assert image.getexif()[MAKE] == "Camera"
    write_image(read, tmp_path / "raw.tif", save={"compression": "raw"})
    with Image.open(tmp_path / "raw.tif") as image:
        assert float(image.getexif().get_ifd(CAMERA)[0x829A]) == pytest.approx(0.01)


def test_exif_of_a_bigtiff_is_written_to_any_format(tmp_path: Path) -> None:
    save = {"big_tiff": True, "description": "A lake", "dpi": (300, 300)}
    assert through(tmp_path, "in.tif", "out.tif", **save).tag_v2[270] == "A lake"
    assert through(tmp_path, "in.tif", "out.jpg", **save).getexif()[270] == "A lake"


def test_description_and_resolution_of_a_tiff_are_kept(tmp_path: Path) -> None:
    save = {"description": "A lake", "resolution_unit": 3, "x_resolution": 100, "y_resolution": 50}
    image = through(tmp_path, "in.tif", "out.tif", **save)
    assert image.tag_v2[270] == "A lake"
    assert image.info["dpi"] == pytest.approx((254, 127))


@pytest.mark.parametrize("key", ["exif", "xmp", "comment"])
def test_what_is_too_large_for_a_jpeg_is_left_out_with_a_warning(tmp_path: Path, key: str) -> None:
    table = exif()
    table.get_ifd(CAMERA)[0x927C] = b"x" * 70_000
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp" if key == "xmp" else "Comment", "x" * 70_000)
    save = {"exif": table} if key == "exif" else {"pnginfo": info}
    with pytest.warns(ImageWarning, match=f"{key} of more than 64 KB"):
        through(tmp_path, "in.png", "out.jpg", **save)


def test_broken_exif_is_dropped_and_the_picture_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Image.Image) -> Image.Exif:
        raise SyntaxError("not a TIFF file")

    picture().save(tmp_path / "in.png", exif=exif(), dpi=(300, 300))
    monkeypatch.setattr(Image.Image, "getexif", broken)
    with pytest.warns(ImageWarning, match="EXIF is broken and left out: not a TIFF file"):
        read = read_image(tmp_path / "in.png")
    assert read.frames[0].size == (6, 8)
    assert set(read.metadata) == {"dpi"}


@pytest.mark.parametrize("reuse", [False, True])
def test_no_other_metadata_of_the_source_reaches_the_result(tmp_path: Path, reuse: bool) -> None:
    """An encoder of Pillow's takes what it finds at the image, if it is the one that was read."""
    picture().save(tmp_path / "in.tif", xmp=XMP, dpi=(300, 300), icc_profile=SRGB, exif=exif())
    read = read_image(tmp_path / "in.tif")
    result = apply_filters(read, [load_filter("box-blur")], reuse=reuse)
    write_image(result, tmp_path / "out.tif", strip=True)
    with Image.open(tmp_path / "out.tif") as image:
        assert not {"icc_profile", "xmp"} & set(image.info)
        assert 282 not in image.tag_v2
        assert MAKE not in image.getexif()

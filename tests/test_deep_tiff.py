"""TIFF of 16 bits and floats in colour, by the extra ``deep``."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from deep_files import png16, tiff16
from PIL import Image
from PIL.TiffImagePlugin import IFDRational
from test_modes import wide_profile

from convcli import Filter, ImageError, Picture, apply_filters, read_image, write_image
from convcli.images.codecs import tiff_predictors
from convcli.images.picture import Frame

tifffile = pytest.importorskip("tifffile")

MODES = {"LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}
SIZE = (9, 14)


def drawn(mode: str, kind: str, size: tuple[int, int] = SIZE) -> np.ndarray:
    rng = np.random.default_rng(6)
    shape = (*size, MODES[mode])
    if kind == "u2":
        return rng.integers(0, 65536, shape).astype(np.uint16)
    values = (100 * rng.standard_normal(shape)).astype(np.float32)
    values[0, 0, 0], values[0, 1, 0] = np.nan, -np.inf
    return values


def written(tmp_path: Path, *frames: Frame, **options: object) -> Path:
    path = tmp_path / "out.tif"
    write_image(Picture(frames), path, overwrite=True, **options)
    return path


@pytest.mark.parametrize("kind", ["u2", "f4"])
@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("compression", ["raw", "tiff_adobe_deflate"])
def test_what_is_written_is_read_by_others_and_here(
    tmp_path: Path, mode: str, kind: str, compression: str
) -> None:
    samples = drawn(mode, kind, (300, 500))
    path = written(tmp_path, Frame.of(samples, mode), save={"compression": compression})
    (frame,) = read_image(path).frames
    assert (frame.mode, frame.raster.dtype) == (mode, samples.dtype)
    np.testing.assert_array_equal(frame.samples, samples)
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        np.testing.assert_array_equal(page.asarray(), samples)
        assert len(page.dataoffsets) > 1
        assert page.predictor == (1 if compression == "raw" else 2 if kind == "u2" else 3)


def test_the_predictor_of_floats_is_that_of_libtiff(tmp_path: Path) -> None:
    # Grey floats are the ones that libtiff reads in Pillow.
    samples = drawn("RGB", "f4", (5, 30))[:, :, :1]
    data = tiff_predictors.differences(samples)
    with tifffile.TiffWriter(tmp_path / "grey.tif") as writer:
        import zlib

        from convcli.images.codecs.tiff import register_float_predictor

        register_float_predictor()
        writer.write(
            iter([zlib.compress(data)]),
            shape=(5, 30),
            dtype=np.float32,
            rowsperstrip=5,
            compression=8,
            predictor=3,
            photometric="minisblack",
        )
    with Image.open(tmp_path / "grey.tif") as image:
        np.testing.assert_array_equal(np.asarray(image), samples[..., 0])


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
@pytest.mark.parametrize("planes", [False, True])
def test_floats_of_every_size_are_read(tmp_path: Path, kind: str, planes: bool) -> None:
    samples = drawn("RGB", "f4").astype(kind)
    stored = samples.transpose(2, 0, 1) if planes else samples
    layout = "separate" if planes else "contig"
    tifffile.imwrite(tmp_path / "in.tif", stored, photometric="rgb", planarconfig=layout)
    (frame,) = read_image(tmp_path / "in.tif").frames
    assert frame.mode == "RGB"
    np.testing.assert_array_equal(frame.samples, samples.astype(np.float32))


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_16_bits_in_planes_and_grey_with_alpha(tmp_path: Path, compression, tile) -> None:
    path = tmp_path / "in.tif"
    colours, grey = drawn("RGB", "u2"), drawn("LA", "u2")
    options = {"compression": compression, "tile": tile}
    tifffile.imwrite(
        path, colours.transpose(2, 0, 1), photometric="rgb", planarconfig="separate", **options
    )
    np.testing.assert_array_equal(read_image(path).frames[0].samples, colours)
    tifffile.imwrite(path, grey, photometric="minisblack", extrasamples=["unassalpha"], **options)
    (frame,) = read_image(path).frames
    assert frame.mode == "LA"
    np.testing.assert_array_equal(frame.samples, grey)


def test_metadata_is_kept(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0132] = "Camera", "2026:01:02 03:04:05"
    exif[0x8769] = {0x9003: "2026:01:01 00:00:00", 0x829A: IFDRational(1, 250)}
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    metadata = {
        "icc_profile": wide_profile(),
        "exif": exif.tobytes(),
        "dpi": (300.0, 300.0),
        "xmp": xmp,
    }
    picture = Picture((Frame.of(drawn("RGB", "f4"), "RGB"),), "TIFF", metadata)
    write_image(picture, tmp_path / "out.tif")
    found = read_image(tmp_path / "out.tif")
    assert found.metadata["icc_profile"] == wide_profile()
    assert found.metadata["dpi"] == (300, 300)
    assert found.metadata["xmp"] == xmp
    kept = Image.Exif()
    kept.load(found.metadata["exif"])
    assert (kept[0x010F], kept[0x0132]) == ("Camera", "2026:01:02 03:04:05")
    camera = kept.get_ifd(0x8769)
    assert camera[0x9003] == "2026:01:01 00:00:00"
    assert float(camera[0x829A]) == pytest.approx(1 / 250)
    write_image(found, tmp_path / "bare.tif", strip=True)
    bare = read_image(tmp_path / "bare.tif").metadata
    assert not bare.keys() & {"icc_profile", "exif", "dpi", "xmp"}


@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_a_profile_is_read_kept_and_applied_or_refused(run, tmp_path: Path, kind: str) -> None:
    samples = drawn("RGB", "u2")
    stored = samples if kind == "u2" else (samples / 65535).astype("f4")
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    # In planes, so that tifffile reads either.
    tifffile.imwrite(
        source,
        stored.transpose(2, 0, 1),
        photometric="rgb",
        planarconfig="separate",
        iccprofile=wide_profile(),
    )
    done = run("apply", "-f", "identity", source, "-o", target)
    assert (done.exit_code, done.stderr) == (0, "")
    with tifffile.TiffFile(target) as file:
        assert file.pages[0].iccprofile == wide_profile()
        np.testing.assert_array_equal(file.pages[0].asarray(), stored)
    done = run("apply", "-f", "identity", "--profile", "srgb", source, "-o", target, "--overwrite")
    if kind == "f4":
        assert done.exit_code == 1
        assert "floats of RGB are not converted to sRGB" in done.stderr
        return
    assert (done.exit_code, done.stderr) == (0, "")
    (tmp_path / "in.png").write_bytes(
        png16(samples, (b"iCCP", b"wide\0\0" + zlib.compress(wide_profile())))
    )
    same = read_image(tmp_path / "in.png", profile="srgb").frames[0].samples
    assert (same != samples).any()
    with tifffile.TiffFile(target) as file:
        assert not file.pages[0].iccprofile
        np.testing.assert_array_equal(file.pages[0].asarray(), same)


def test_pages_keep_their_size_depth_and_profile(tmp_path: Path) -> None:
    pages = [
        Frame.of(drawn("RGB", "u2"), "RGB"),
        Frame.of(drawn("RGB", "u2", (5, 6)) >> 8, "RGB"),
        Frame.of((drawn("RGB", "u2", (4, 4)) >> 8).astype(np.uint8), "RGB"),
    ]
    profiles = {"icc_profile": wide_profile(), "page_profiles": [wide_profile(), None, None]}
    write_image(Picture(tuple(pages), "TIFF", profiles), tmp_path / "out.tif")
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert [page.dtype for page in file.pages] == [np.uint16, np.uint16, np.uint8]
        assert [bool(page.iccprofile) for page in file.pages] == [True, False, False]
    found = read_image(tmp_path / "out.tif")
    for frame, page in zip(found.frames, pages, strict=True):
        np.testing.assert_array_equal(frame.samples, page.samples)
    assert [bool(one) for one in found.metadata["page_profiles"]] == [True, False, False]


def test_a_stack_of_floats_is_filtered_page_by_page(run, tmp_path: Path) -> None:
    stack = np.random.default_rng(2).standard_normal((3, 8, 9, 3)).astype(np.float32)
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="rgb")
    mine = tmp_path / "mine.json"
    mine.write_text('{"weight": [[-2]]}')
    done = run("apply", "-f", mine, tmp_path / "in.tif", "-o", tmp_path / "out.tif")
    assert (done.exit_code, done.stderr) == (0, "")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), -2 * stack)


def test_identity_of_16_bits_is_exact_from_png_to_tiff_and_back(run, tmp_path: Path) -> None:
    samples = drawn("RGB", "u2")
    (tmp_path / "in.png").write_bytes(png16(samples))
    run("apply", "-f", "identity", tmp_path / "in.png", "-o", tmp_path / "out.tif")
    run("apply", "-f", "identity", tmp_path / "out.tif", "-o", tmp_path / "back.ppm")
    data = (tmp_path / "back.ppm").read_bytes().split(b"\n", 3)[3]
    np.testing.assert_array_equal(np.frombuffer(data, ">u2").reshape(samples.shape), samples)


def test_the_laplacian_of_8_bits_is_a_float_tiff(run, photo: Path, pixels, tmp_path: Path) -> None:
    mine = tmp_path / "mine.json"
    mine.write_text('{"weight": [[0, 1, 0], [1, -4, 1], [0, 1, 0]], "pad": "valid"}')
    target = tmp_path / "out.tif"
    done = run("apply", "-f", mine, "--depth", "float", photo, "-o", target)
    assert (done.exit_code, done.stderr) == (0, "")
    padded = pixels.astype(float) / 255
    exact = (
        padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    ) - 4 * padded[1:-1, 1:-1]
    np.testing.assert_allclose(tifffile.imread(target), exact, atol=1e-6)


def test_compression_is_that_of_the_source(tmp_path: Path) -> None:
    for compression in (1, 8):
        picture = read_image(tiff16(drawn("RGB", "u2"), "<", compression))
        write_image(picture, tmp_path / f"{compression}.tif")
        with tifffile.TiffFile(tmp_path / f"{compression}.tif") as file:
            assert file.pages[0].compression == compression


@pytest.mark.parametrize(
    ("save", "text"),
    [
        ({"compression": "tiff_ccitt"}, "has no compression 'tiff_ccitt'"),
        ({"tiffinfo": {}}, "has no option 'tiffinfo'"),
    ],
)
def test_options_that_are_not_for_it_are_refused(tmp_path: Path, save, text: str) -> None:
    with pytest.raises(ImageError, match=text):
        written(tmp_path, Frame.of(drawn("RGB", "u2"), "RGB"), save=save)
    assert not list(tmp_path.iterdir())


def test_broken_and_strange_files_are_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    tifffile.imwrite(file, drawn("RGB", "f4"), photometric="rgb")
    for length in (20, 200, 400):
        with pytest.raises(ImageError):
            read_image(file.getvalue()[:length])
    for kind in ("u4", "i2", "c8"):
        file = io.BytesIO()
        tifffile.imwrite(file, np.zeros((8, 9, 3), kind), photometric="rgb")
        with pytest.raises(ImageError, match="does not read"):
            read_image(file.getvalue())
    file = io.BytesIO()
    tifffile.imwrite(
        file, np.zeros((8, 9, 5), "f4"), photometric="minisblack", planarconfig="contig"
    )
    with pytest.raises(ImageError, match="a TIFF of 5 channels"):
        read_image(file.getvalue())
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((80, 90, 3), "f4"), photometric="rgb")
    with pytest.raises(ImageError, match="more than the limit of 50 pixels"):
        read_image(file.getvalue(), max_pixels=50)


def test_pages_that_are_missing_are_noticed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = io.BytesIO()
    stack = np.zeros((3, 8, 9, 3), "f4")
    tifffile.imwrite(file, stack, photometric="rgb", software="a name of some length", contiguous=0)
    data = file.getvalue()
    assert len(read_image(data).frames) == 3
    # The first page is whole; the table of the second, or that of the third, lies behind the end.
    for length in (1300, 1600):
        with pytest.raises(ImageError, match="truncated, or pages are missing"):
            read_image(data[:length])
    assert capfd.readouterr() == ("", "")


def test_a_tiff_with_more_strips_than_it_has_places_for_is_refused() -> None:
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((9, 6, 3), "f4"), photometric="rgb", rowsperstrip=3)
    data = bytearray(file.getvalue())
    place = data.index(struct.pack("<HHI", 257, 4, 1)) + 8
    data[place : place + 4] = (9_000_000).to_bytes(4, "little")
    with pytest.raises(ImageError, match="not as many strips"):
        read_image(bytes(data))


def test_premultiplied_floats_are_divided() -> None:
    file = io.BytesIO()
    samples = np.array([[[0.25, 0.5, 1, 0.5], [3, 2, 1, 1], [7, 7, 7, 0]]], np.float32)
    tifffile.imwrite(file, samples, photometric="rgb", extrasamples=["assocalpha"])
    (frame,) = read_image(file.getvalue()).frames
    assert frame.samples.tolist() == [[[0.5, 1, 2, 0.5], [3, 2, 1, 1], [7, 7, 7, 0]]]


def test_a_blur_of_floats_passes_nan_and_is_not_clipped(tmp_path: Path) -> None:
    samples = drawn("RGB", "f4")
    picture = Picture((Frame.of(samples, "RGB"),))
    (frame,) = apply_filters(picture, [Filter([[1, 1]], divisor=2, pad="valid")]).frames
    path = written(tmp_path, frame)
    exact = (samples[:, 1:].astype(float) + samples[:, :-1]) / 2
    np.testing.assert_allclose(read_image(path).frames[0].samples, exact, rtol=1e-5)

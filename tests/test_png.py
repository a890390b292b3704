"""The PNG encoder of our own: any decoder gets every pixel back, and Pillow's metadata."""

from __future__ import annotations

import io
import zlib
from typing import Any, BinaryIO

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from convcli.images.codecs import png, png_filters
from convcli.images.raster import PillowRaster

CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
SIZES = [(1, 1), (1, 40), (40, 1), (37, 23), (64, 3)]


def noise(mode: str, size: tuple[int, int], levels: int = 256) -> Image.Image:
    shape = (size[1], size[0], CHANNELS[mode])
    samples = np.random.default_rng(5).integers(0, levels, shape, np.uint8)
    return Image.frombytes(mode, size, samples.tobytes())


def smooth(mode: str, size: tuple[int, int]) -> Image.Image:
    """Return waves with a little noise: like a photograph, each row is like the one above."""
    y, x, band = np.ogrid[: size[1], : size[0], : CHANNELS[mode]]
    grain = np.random.default_rng(6).integers(0, 4, (size[1], size[0], CHANNELS[mode]))
    samples = 120 + 90 * np.sin(x / 31 + band) * np.cos(y / 23 - band) + grain
    return Image.frombytes(mode, size, samples.astype(np.uint8).tobytes())


def drawn(size: tuple[int, int]) -> Image.Image:
    """Return marks of one colour on another, again and again: line art."""
    mark = np.random.default_rng(8).integers(0, 2, (24, 40), np.uint8) * 255
    samples = np.tile(mark, (size[1] // 24 + 1, size[0] // 40 + 1))[: size[1], : size[0]]
    return Image.fromarray(np.ascontiguousarray(samples)).convert("RGB")


def encoded(image: Image.Image, threads: int = 2, **options: Any) -> bytes:
    file = io.BytesIO()
    png.write_image(image, file, options, threads)
    return file.getvalue()


def by_pillow(image: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return type and content of every chunk; their checksums are checked."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    found, start = [], 8
    while start < len(data):
        end = start + 8 + int.from_bytes(data[start : start + 4])
        assert zlib.crc32(data[start + 4 : end]) == int.from_bytes(data[end : end + 4])
        found.append((data[start + 4 : start + 8], data[start + 8 : end]))
        start = end + 4
    return found


def assert_decodes_to(data: bytes, image: Image.Image) -> None:
    pixels = b"".join(content for kind, content in chunks(data) if kind == b"IDAT")
    # Stricter than most decoders, who do not mind a wrong sum of the whole stream.
    assert len(zlib.decompress(pixels)) == image.height * (1 + image.width * CHANNELS[image.mode])
    with Image.open(io.BytesIO(data)) as decoded:
        assert (decoded.mode, decoded.size) == (image.mode, image.size)
        np.testing.assert_array_equal(np.asarray(decoded), np.asarray(image))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("mode", CHANNELS)
@pytest.mark.parametrize("plan", png.PLANS)
def test_every_plan_keeps_every_pixel(
    monkeypatch: pytest.MonkeyPatch, mode: str, size: tuple[int, int], plan: png.Plan
) -> None:
    monkeypatch.setattr(png, "_choose_plan", lambda image, threads: plan)
    monkeypatch.setattr(png, "BAND", 700)
    image = noise(mode, size, levels=5)
    assert_decodes_to(encoded(image), image)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("mode", CHANNELS)
def test_pictures_of_any_size_and_mode_come_back(mode: str, size: tuple[int, int]) -> None:
    image = smooth(mode, size)
    assert_decodes_to(encoded(image), image)


@pytest.mark.parametrize("threads", [1, 2, 3, 9])
def test_the_bytes_do_not_depend_on_the_number_of_threads(
    monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(png, "BAND", 2000)
    image = smooth("RGB", (101, 97))
    data = encoded(image, threads)
    assert sum(kind == b"IDAT" for kind, _ in chunks(data)) > 12
    assert data == encoded(image, 1)
    assert_decodes_to(data, image)


def test_every_predictor_is_one_of_the_specification() -> None:
    values = np.array([0, 1, 2, 3, 60, 90, 91, 127, 128, 200, 254, 255])
    left, above, corner = (part.ravel() for part in np.meshgrid(values, values, values))
    estimate = left + above - corner
    candidates = np.stack([left, above, corner])
    # The first of equals, in this order (PNG, 9.4).
    nearest = np.abs(candidates - estimate).argmin(0)
    expected = candidates[nearest, np.arange(estimate.size)].astype(np.uint8)
    as_bytes = (part.astype(np.uint8) for part in (left, above, corner))
    np.testing.assert_array_equal(png_filters.paeth(*as_bytes), expected, strict=True)


@pytest.mark.parametrize("split", [0, 1, 70_000, 199_999])
def test_checksums_of_two_pieces_join_to_that_of_both(split: int) -> None:
    data = bytes([255]) * 200_000
    first, second = data[:split], data[split:]
    joined = png.joined_adler32(zlib.adler32(first), zlib.adler32(second), len(second))
    assert joined == zlib.adler32(data)


def test_metadata_is_what_pillow_writes_in_the_same_order() -> None:
    exif = Image.Exif()
    exif[0x010E] = "IDAT in a description"
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "IDAT")
    info.add_itxt("Comment", "Grüße")
    info.add(b"gAMA", (45455).to_bytes(4))
    info.add(b"prVt", b"before")
    info.add(b"prVu", b"after", after_idat=True)
    options = {"dpi": (300, 300), "icc_profile": b"profile" * 50, "exif": exif, "pnginfo": info}
    image = smooth("RGB", (50, 40))

    def without_pixels(data: bytes) -> list[tuple[bytes, bytes]]:
        return [(kind, b"" if kind == b"IDAT" else content) for kind, content in chunks(data)]

    ours = encoded(image, **options)
    assert without_pixels(ours) == without_pixels(by_pillow(image, **options))
    assert_decodes_to(ours, image)


def test_metadata_of_the_image_is_written_as_by_pillow() -> None:
    image = noise("L", (50, 40))
    image.info = {"icc_profile": b"profile", "transparency": 7}
    kinds = [kind for kind, _ in chunks(encoded(image))]
    assert kinds == [kind for kind, _ in chunks(by_pillow(image))]
    assert {b"iCCP", b"tRNS"} < set(kinds)


@pytest.mark.parametrize(
    "image",
    [
        smooth("RGB", (600, 400)),
        smooth("LA", (600, 400)),
        noise("RGB", (300, 200)),
        drawn((600, 400)),
        Image.new("RGBA", (600, 400), (9, 80, 30, 200)),
        Image.linear_gradient("L").resize((600, 400)),
    ],
    ids=["smooth", "with alpha", "noise", "line art", "flat", "gradient"],
)
def test_a_file_is_hardly_larger_than_pillows(image: Image.Image) -> None:
    assert len(encoded(image)) <= 1.05 * len(by_pillow(image))


def test_a_photograph_is_not_searched_for_matches() -> None:
    assert png._choose_plan(PillowRaster(smooth("RGB", (600, 400))), 1).level == 1
    assert png._choose_plan(PillowRaster(drawn((600, 400))), 1).level == 6


def test_unsupported_options_are_left_to_pillow() -> None:
    assert png.can_write("RGB", (1000, 500), {})
    assert png.can_write("RGB", (1000, 500), {"dpi": (72, 72), "exif": b"", "icc_profile": b""})
    for option in ("compress_level", "optimize", "bits", "save_all", "transparency", "dictionary"):
        assert not png.can_write("RGB", (1000, 500), {option: 1})
    for mode in ("1", "P", "CMYK", "F"):
        assert not png.can_write(mode, (2000, 1500), {})
    for size in ((0, 0), (100, 100), (1, 2_000_000)):
        assert not png.can_write("L", size, {})


class Pipe(io.RawIOBase):
    """What can only be written to."""

    def __init__(self, room: int) -> None:
        self.taken, self.room = b"", room

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if len(self.taken) + len(data) > self.room:
            raise OSError(28, "no space left")
        self.taken += bytes(data)
        return len(data)


def to_pipe(image: Image.Image, room: int) -> bytes:
    pipe = Pipe(room)
    file: BinaryIO = pipe  # type: ignore[assignment]
    png.write_image(image, file, {}, 3)
    return pipe.taken


def test_a_stream_that_cannot_seek_is_written() -> None:
    image = smooth("RGB", (50, 40))
    assert to_pipe(image, 1 << 20) == encoded(image)


@pytest.mark.parametrize("room", [100, 5000, 20_000])
def test_a_full_disk_is_reported_by_every_stage(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    monkeypatch.setattr(png, "BAND", 1000)
    with pytest.raises(OSError, match="no space left"):
        to_pipe(noise("RGB", (100, 80)), room)


@pytest.mark.parametrize("failing", [0, 30])
def test_a_failure_in_a_thread_ends_all_of_them(
    monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    monkeypatch.setattr(png, "BAND", 1000)
    image = noise("RGB", (100, 80))
    plain = PillowRaster.read

    def read(raster: PillowRaster, start: int, stop: int) -> np.ndarray:
        if raster.image is image and start <= failing < stop:
            raise MemoryError("no room")
        return plain(raster, start, stop)

    monkeypatch.setattr(PillowRaster, "read", read)
    with pytest.raises(MemoryError, match="no room"):
        encoded(image, 3)

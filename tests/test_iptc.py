"""IPTC is kept in JPEG, PNG and TIFF, and said to be lost elsewhere."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, IptcImagePlugin

from convcli import ImageWarning, Picture, read_image, write_image
from convcli.images import Frame
from convcli.images.metadata.iptc import iptc_of, jpeg_segment

HEADLINE = "Bürgermeister eröffnet Brücke"


def records(headline: str = HEADLINE) -> bytes:
    """Return a headline and two keywords, as agencies write them."""
    texts = [(105, headline), (25, "bridge"), (25, "town")]
    return b"".join(
        bytes([0x1C, 2, number]) + len(data).to_bytes(2) + data
        for number, data in ((number, text.encode()) for number, text in texts)
    )


def image_of(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


def picture(size: tuple[int, int] = (6, 8), **metadata: Any) -> Picture:
    samples = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    return Picture((Frame.of(samples, "RGB"),), metadata=metadata)


@pytest.mark.parametrize("headline", [HEADLINE, HEADLINE + "!"])  # odd and even lengths
@pytest.mark.parametrize("size", [(6, 8), (700, 600)])  # by Pillow, and by the encoder on threads
def test_iptc_is_copied_between_formats(
    tmp_path: Path, headline: str, size: tuple[int, int]
) -> None:
    data = records(headline)
    Image.new("RGB", size).save(tmp_path / "0.jpg", extra=jpeg_segment(data))
    before = tmp_path / "0.jpg"
    for number, suffix in enumerate((".jpg", ".tif", ".png", ".mpo", ".png", ".tif", ".jpg"), 1):
        after = tmp_path / f"{number}{suffix}"
        compression = {"compression": "tiff_lzw"} if number == 6 else {}
        write_image(read_image(before), after, save=compression)
        assert read_image(after).metadata["iptc"] == data
        image = image_of(after)
        if suffix == ".png":
            lines = image.text["Raw profile type iptc"].split("\n")
            assert lines[1] == "iptc"
            assert int(lines[2]) == len(bytes.fromhex("".join(lines[3:])))
        else:
            found = IptcImagePlugin.getiptcinfo(image)
            assert found == {
                (2, 105): headline.encode(),
                (2, 25): [b"bridge", b"town"],
            }
        before = after


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_strip_drops_iptc(tmp_path: Path, suffix: str) -> None:
    write_image(picture(iptc=records()), tmp_path / f"out{suffix}", strip=True)
    assert not iptc_of(image_of(tmp_path / f"out{suffix}"))
    assert b"bridge" not in (tmp_path / f"out{suffix}").read_bytes()


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("is_swapped", [False, True])
def test_iptc_of_a_tiff_may_be_of_type_long(
    tmp_path: Path, byte_order: str, is_swapped: bool
) -> None:
    data = records()
    data += bytes(-len(data) % 4)
    numbers = struct.unpack(f"{'<>'[(byte_order == '<') == is_swapped]}{len(data) // 4}I", data)
    entries = [
        *((256, 3, 1), (257, 3, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (277, 3, 1)),
        *((278, 3, 1), (279, 4, 1)),
    ]
    place = 8 + 2 + 12 * (len(entries) + 2) + 4
    table = [(tag, kind, 1, value) for tag, kind, value in entries]
    table += [(273, 4, 1, place + len(data)), (33723, 4, len(numbers), place)]

    def packed(tag: int, kind: int, count: int, value: int) -> bytes:
        last = "HH" if kind == 3 else "I"
        values = (value, 0) if kind == 3 else (value,)
        return struct.pack(f"{byte_order}HHI{last}", tag, kind, count, *values)

    head = {"<": b"II*\0", ">": b"MM\0*"}[byte_order]
    (tmp_path / "in.tif").write_bytes(
        head
        + struct.pack(f"{byte_order}IH", 8, len(table))
        + b"".join(packed(*entry) for entry in sorted(table))
        + bytes(4)
        + struct.pack(f"{byte_order}{len(numbers)}I", *numbers)
        + b"x"
    )
    assert read_image(tmp_path / "in.tif").metadata["iptc"] == data


def test_iptc_of_a_tiff_may_be_in_photoshop_resources(tmp_path: Path) -> None:
    resources = b"8BIM\x03\xed\x05names\0\0\0\x03abc\0" + jpeg_segment(records())[18:]
    image = Image.new("L", (6, 5))
    image.save(tmp_path / "in.tif", tiffinfo={0x8649: resources})
    assert read_image(tmp_path / "in.tif").metadata["iptc"] == records()


@pytest.mark.parametrize(
    "text", ["", "\niptc\n 4\n38", "\niptc\n 4\nxyz", "\niptc\n 9\n3842494d0404000000"]
)
def test_broken_iptc_is_ignored(tmp_path: Path, text: str) -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Raw profile type iptc", text)
    Image.new("L", (6, 5)).save(tmp_path / "in.png", pnginfo=info)
    assert "iptc" not in read_image(tmp_path / "in.png").metadata


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        (".webp", ["not kept in WEBP: IPTC, the comment"]),
        (".bmp", ["not kept in BMP: EXIF, XMP, IPTC, the comment, georeferencing"]),
        (".npy", []),
    ],
)
def test_one_warning_names_all_that_is_lost(
    tmp_path: Path, suffix: str, expected: list[str]
) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    said: dict[str, Any] = {"exif": exif.tobytes(), "xmp": b"<x/>", "iptc": records()}
    said |= {"comment": "hello"}
    said |= {"left_out": ("georeferencing",)} if suffix == ".bmp" else {}
    for strip, texts in ((False, expected), (True, [])):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            write_image(picture(**said), tmp_path / f"{strip}{suffix}", strip=strip)
        assert [str(one.message) for one in caught] == texts


def test_more_than_a_jpeg_holds_is_left_out_with_a_warning(tmp_path: Path) -> None:
    large = picture(iptc=records() * 1500)
    with pytest.warns(ImageWarning, match="iptc of more than 64 KB"):
        write_image(large, tmp_path / "out.jpg")
    write_image(large, tmp_path / "out.tif")
    assert read_image(tmp_path / "out.tif").metadata["iptc"] == records() * 1500

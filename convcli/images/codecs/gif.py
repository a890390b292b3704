"""Animated GIF files: every frame is written, cropped to the pixels that it changes.

The format is GIF89a. Pillow compresses the pixels of each frame. Its own encoder of animations
merges equal frames (intended: issue 7809) and truncates each duration to hundredths of a second
(seen in Pillow 13.0; pull request 2310 is about the truncation).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from itertools import pairwise
from typing import Any, BinaryIO, NamedTuple

from PIL import Image, ImageChops

from convcli.images.conversion.palettes import with_palette
from convcli.images.conversion.transparency import is_opaque

_KEEP, _CLEAR = 1, 2  # disposals of a frame: it stays, or its box becomes transparent
_LONGEST = 65535  # hundredths of a second

Box = tuple[int, int, int, int]


class _Part(NamedTuple):
    """The pixels that a frame changes: their box, and an image of mode L or P."""

    box: Box
    image: Image.Image


class _Compressed(NamedTuple):
    """A frame as Pillow writes it: a colour table, 3 bytes a colour, and compressed pixels."""

    colours: bytes
    pixels: bytes


def prepare_disposal(image: Any) -> None:
    """Correct the disposal of the current frame, before Pillow seeks the next one.

    For disposal 2, Pillow fills the box of a frame without a transparent colour with the background
    colour, which no browser does; pull request 5557 made it transparent for frames with one. A
    frame without a disposal gets that of an earlier frame (both seen in Pillow 13.0, no issue known
    for the second: tests/test_pillow_quirks.py fails without the correction).
    """
    is_cleared = image.disposal_method == 2 and image.dispose is not None
    image.disposal_method = 0
    if not is_cleared:
        return
    if image.mode == "P" and "transparency" not in image.info:
        image.im, image._mode = image.convert("RGBA").im, "RGBA"
    if image.mode in ("RGB", "RGBA"):
        if image.mode == "RGB":
            image.im, image._mode = image.im.convert("RGBA"), "RGBA"
        left, top, right, bottom = image.dispose_extent
        image.dispose = Image.new("RGBA", (right - left, bottom - top)).im


def write_animation(
    images: Sequence[Image.Image], file: BinaryIO, metadata: Mapping[str, Any]
) -> None:
    """Write frames of one size, and of one mode: L, RGB or RGBA.

    Of ``metadata`` (see :mod:`convcli.images.metadata`), comment and timing are written. Warns with
    :class:`ImageWarning` of colours and transparency that a GIF does not hold.
    """
    width, height = images[0].size
    clears = images[0].mode == "RGBA" and not all(map(is_opaque, images))
    times = _hundredths(metadata.get("durations", [0] * len(images)))
    parts = _visible(images) if clears else _changed([image.convert("RGB") for image in images])
    shared = b""
    for number, (part, time) in enumerate(zip(parts, times, strict=True)):
        compressed = _compressed(part.image)
        if number == 0:
            shared = compressed.colours
            screen = struct.pack("<HHBBB", width, height, 0x80 | _bits(shared), 0, 0)
            file.write(b"GIF89a" + screen + shared)
            _write_extensions(file, metadata)
        hidden = part.image.info.get("transparency")
        flags = (_CLEAR if clears else _KEEP) << 2 | (hidden is not None)
        file.write(b"!\xf9\x04" + struct.pack("<BHBB", flags, time, hidden or 0, 0))
        own = compressed.colours if compressed.colours != shared else b""
        left, top, right, bottom = part.box
        table = 0x80 | _bits(own) if own else 0
        file.write(b"," + struct.pack("<4HB", left, top, right - left, bottom - top, table))
        file.write(own + compressed.pixels)
    file.write(b";")


def _changed(images: Sequence[Image.Image]) -> Iterator[_Part]:
    """Yield the part of each opaque frame that differs from the frame before it.

    If the part has more than 256 colours, its unchanged pixels become transparent, so that the
    changed ones may keep their exact colours.
    """
    box: Box = (0, 0, *images[0].size)
    yield _Part(box, with_palette(images[0], "GIF", is_animated=True))
    for before, image in pairwise(images):
        difference = ImageChops.difference(before, image)
        box = difference.getbbox() or (0, 0, 1, 1)
        part = image.crop(box)
        if part.getcolors(256) is None:
            bands = difference.crop(box).split()
            greatest = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
            part.putalpha(greatest.point([0] + [255] * 255))
        yield _Part(box, with_palette(part, "GIF", is_animated=True))


def _visible(images: Sequence[Image.Image]) -> Iterator[_Part]:
    """Yield the whole first frame, and of each other frame the box of its visible pixels."""
    for number, image in enumerate(images):
        box = (number > 0 and image.getchannel("A").getbbox()) or (0, 0, 1, 1)
        box = box if number else (0, 0, *image.size)
        part = with_palette(image.crop(box), "GIF", is_animated=True)
        colours = part.getpalette("RGB") or []
        # Some readers clear a box to the frame's transparent colour, or without one to the
        # background.
        if "transparency" not in part.info and len(colours) < 768:
            part.putpalette([*colours, 0, 0, 0])
            part.info["transparency"] = len(colours) // 3
        yield _Part(box, part)


def _write_extensions(file: BinaryIO, metadata: Mapping[str, Any]) -> None:
    plays = metadata.get("plays", 0)
    if plays != 1:
        # The number of repetitions, one less than plays; 0 is for ever.
        repeats = min(plays - 1, 65535) if plays else 0
        file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", repeats, 0))
    comment = metadata.get("comment", "").encode("utf-8")
    if comment:
        parts = (comment[start : start + 255] for start in range(0, len(comment), 255))
        file.write(b"!\xfe" + b"".join(bytes([len(part)]) + part for part in parts) + b"\0")


def _hundredths(durations: Sequence[float]) -> Iterator[int]:
    """Yield durations in hundredths of a second, without adding up rounding errors."""
    passed = 0.0
    shown = 0
    for duration in durations:
        passed += duration / 10
        time = min(max(round(passed) - shown, 0), _LONGEST)
        shown = round(passed)
        yield time


def _compressed(image: Image.Image) -> _Compressed:
    stub = BytesIO()
    stub.name = "stub.gif"  # Pillow then imports one plugin, not all
    # A new image, because one with a transparent colour has a palette in another mode.
    plain = Image.frombytes(image.mode, image.size, image.tobytes())
    if image.mode == "P":
        plain.putpalette(image.getpalette("RGB") or [])
    plain.save(stub, optimize=False, interlace=0)
    data = stub.getvalue()
    colours = 13 + (3 << (data[10] & 7) + 1)  # after the screen descriptor and its table
    # The frame follows directly: without timing and transparency there is no extension.
    return _Compressed(data[13:colours], data[colours + 10 : -1])


def _bits(colours: bytes) -> int:
    """Return the size field, 0 to 7, of a table of 2 to 256 colours."""
    return (len(colours) // 3).bit_length() - 2

"""Animated GIF files: every frame is there, each as large as what it changes.

The format is GIF89a. Pillow packs the pixels of each frame; it would also leave out a frame that is
like the one before it, and cut times off to whole hundredths of a second one by one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple

from PIL import Image, ImageChops

from convcli.images.palettes import with_palette

_KEEP, _CLEAR = 1, 2  # what becomes of a frame before the next one comes: its place is made empty
_LONGEST = 65535  # hundredths of a second

Box = tuple[int, int, int, int]


class _Packed(NamedTuple):
    """A frame as Pillow wrote it: a table of colours, 3 bytes each, and packed pixels."""

    colours: bytes
    pixels: bytes


def write_animation(
    images: Sequence[Image.Image], file: BinaryIO, metadata: Mapping[str, Any]
) -> None:
    """Write frames of mode L or P, and of one size, one of whose colours may be transparent.

    ``metadata`` is that of :mod:`convcli.images.metadata`, with its comment and timing.
    """
    width, height = images[0].size
    clears = any("transparency" in image.info for image in images)
    if clears:
        images = [_with_room(image) for image in images]
    times = _hundredths(metadata.get("durations", [0] * len(images)))
    boxes = _opaque_boxes(images) if clears else _changed_boxes(images)
    shared = b""
    for number, (image, box, time) in enumerate(zip(images, boxes, times, strict=True)):
        packed = _packed(image.crop(box))
        if number == 0:
            shared = packed.colours
            screen = struct.pack("<HHBBB", width, height, 0x80 | _bits(shared), 0, 0)
            file.write(b"GIF89a" + screen + shared)
            _write_extensions(file, metadata)
        transparent = image.info.get("transparency")
        flags = (_CLEAR if clears else _KEEP) << 2 | (transparent is not None)
        file.write(b"!\xf9\x04" + struct.pack("<BHBB", flags, time, transparent or 0, 0))
        own = packed.colours if packed.colours != shared else b""
        left, top, right, bottom = box
        table = 0x80 | _bits(own) if own else 0
        file.write(b"," + struct.pack("<4HB", left, top, right - left, bottom - top, table))
        file.write(own + packed.pixels)
    file.write(b";")


def _write_extensions(file: BinaryIO, metadata: Mapping[str, Any]) -> None:
    plays = metadata.get("plays", 0)
    if plays != 1:
        # The number of repetitions, one less than that of plays; 0 is for ever.
        repeats = min(plays - 1, 65535) if plays else 0
        file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", repeats, 0))
    comment = metadata.get("comment", "").encode("utf-8")
    if comment:
        parts = (comment[start : start + 255] for start in range(0, len(comment), 255))
        file.write(b"!\xfe" + b"".join(bytes([len(part)]) + part for part in parts) + b"\0")


def _hundredths(durations: Sequence[float]) -> Iterator[int]:
    """Give times in hundredths of a second, rounded so that their sums are right."""
    passed = 0.0
    shown = 0
    for duration in durations:
        passed += duration / 10
        time = min(max(round(passed) - shown, 0), _LONGEST)
        shown = round(passed)
        yield time


def _with_room(image: Image.Image) -> Image.Image:
    """Return a frame with a transparent colour, if it has room for one.

    What is cleared after it looks to some readers like that, or else like the background.
    """
    if image.mode == "L":
        image = with_palette(image, "GIF", False)
    colours = image.getpalette("RGB") or []
    if "transparency" not in image.info and len(colours) < 768:
        image.putpalette([*colours, 0, 0, 0])
        image.info["transparency"] = len(colours) // 3
    return image


def _changed_boxes(images: Sequence[Image.Image]) -> Iterator[Box]:
    """Give the part of each opaque frame in which it differs from the one before."""
    before = None
    for image in images:
        colours = image.convert("RGB")
        if before is None:
            yield 0, 0, *image.size
        else:
            yield ImageChops.difference(before, colours).getbbox() or (0, 0, 1, 1)
        before = colours


def _opaque_boxes(images: Sequence[Image.Image]) -> Iterator[Box]:
    """Give the part of each frame, all of it of the first, in which there is something to see."""
    yield 0, 0, *images[0].size
    for image in images[1:]:
        hidden = image.info.get("transparency")
        if hidden is None:
            yield 0, 0, *image.size
        else:
            is_seen = Image.frombytes("L", image.size, image.tobytes())
            is_seen = is_seen.point([index != hidden for index in range(256)])
            yield is_seen.getbbox() or (0, 0, 1, 1)


def _packed(image: Image.Image) -> _Packed:
    stub = BytesIO()
    stub.name = "stub.gif"  # Pillow loads the one plugin then, not all
    # A new image: one that had a transparent colour has a palette of its own kind.
    plain = Image.frombytes(image.mode, image.size, image.tobytes())
    if image.mode == "P":
        plain.putpalette(image.getpalette("RGB") or [])
    plain.save(stub, optimize=False, interlace=0)
    data = stub.getvalue()
    colours = 13 + (3 << (data[10] & 7) + 1)  # past the screen's descriptor and its table
    # Without anything to say of timing or transparency, the frame follows at once.
    return _Packed(data[13:colours], data[colours + 10 : -1])


def _bits(colours: bytes) -> int:
    """Return how a table of 2 to 256 colours is told: 0 to 7."""
    return (len(colours) // 3).bit_length() - 2

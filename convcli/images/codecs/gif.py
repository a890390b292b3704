"""Animated GIF files: every frame is there, each as large as what it changes.

The format is GIF89a. Pillow packs the pixels of each frame; it would also leave out a frame that is
like the one before it, and cut times off to whole hundredths of a second one by one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from itertools import pairwise
from typing import Any, BinaryIO, NamedTuple

from PIL import Image, ImageChops

from convcli.images.conversion.icc import is_opaque
from convcli.images.conversion.palettes import with_palette

_KEEP, _CLEAR = 1, 2  # what becomes of a frame before the next one comes: its place is made empty
_LONGEST = 65535  # hundredths of a second

Box = tuple[int, int, int, int]


class _Part(NamedTuple):
    """What a frame changes: its place, and an image of mode L or P for it."""

    box: Box
    image: Image.Image


class _Packed(NamedTuple):
    """A frame as Pillow wrote it: a table of colours, 3 bytes each, and packed pixels."""

    colours: bytes
    pixels: bytes


def prepare_disposal(image: Any) -> None:
    """Before the next frame is sought, have done with this one what its file says, and no more.

    Where no colour of a frame is transparent, Pillow would fill its place with the background
    colour, which no browser does. And it would do with a frame that says nothing what an earlier
    one has said of itself.
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

    ``metadata`` is that of :mod:`convcli.images.metadata`, with its comment and timing. Warns with
    :class:`ImageWarning` of colours and transparency that a GIF does not hold.
    """
    width, height = images[0].size
    clears = images[0].mode == "RGBA" and not all(map(is_opaque, images))
    times = _hundredths(metadata.get("durations", [0] * len(images)))
    parts = _seen(images) if clears else _changed([image.convert("RGB") for image in images])
    shared = b""
    for number, (part, time) in enumerate(zip(parts, times, strict=True)):
        packed = _packed(part.image)
        if number == 0:
            shared = packed.colours
            screen = struct.pack("<HHBBB", width, height, 0x80 | _bits(shared), 0, 0)
            file.write(b"GIF89a" + screen + shared)
            _write_extensions(file, metadata)
        hidden = part.image.info.get("transparency")
        flags = (_CLEAR if clears else _KEEP) << 2 | (hidden is not None)
        file.write(b"!\xf9\x04" + struct.pack("<BHBB", flags, time, hidden or 0, 0))
        own = packed.colours if packed.colours != shared else b""
        left, top, right, bottom = part.box
        table = 0x80 | _bits(own) if own else 0
        file.write(b"," + struct.pack("<4HB", left, top, right - left, bottom - top, table))
        file.write(own + packed.pixels)
    file.write(b";")


def _changed(images: Sequence[Image.Image]) -> Iterator[_Part]:
    """Give of each opaque frame what differs from the one before.

    What does not, and lies between, is not needed either: it is left out where the rest then has
    its exact colours.
    """
    whole = 0, 0, *images[0].size
    yield _Part(whole, with_palette(images[0], "GIF", is_animated=True))
    for before, image in pairwise(images):
        difference = ImageChops.difference(before, image)
        box = difference.getbbox() or (0, 0, 1, 1)
        part = image.crop(box)
        if part.getcolors(256) is None:
            bands = difference.crop(box).split()
            most = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
            part.putalpha(most.point([0] + [255] * 255))
        yield _Part(box, with_palette(part, "GIF", is_animated=True))


def _seen(images: Sequence[Image.Image]) -> Iterator[_Part]:
    """Give of each frame, all of it of the first, that in which there is something to see."""
    for number, image in enumerate(images):
        box = (number > 0 and image.getchannel("A").getbbox()) or (0, 0, 1, 1)
        box = box if number else (0, 0, *image.size)
        part = with_palette(image.crop(box), "GIF", is_animated=True)
        colours = part.getpalette("RGB") or []
        # What is cleared after it looks to some readers as this has it, or else like a background.
        if "transparency" not in part.info and len(colours) < 768:
            part.putpalette([*colours, 0, 0, 0])
            part.info["transparency"] = len(colours) // 3
        yield _Part(box, part)


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

"""Pictures for the benchmarks, and how far two results lie apart.

``pictures.py make FOLDER NAME...`` draws pictures, each with a seed of its own.
``pictures.py difference A B MARGIN`` prints the mean absolute difference of two pictures (or of
some in two folders), their margins left out. Both run as processes of their own: memory that a
parent has used counts as its children's peak.
"""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SCALES = ((1000, 60.0), (300, 40.0), (100, 22.0), (30, 12.0), (10, 7.0), (4, 4.0))
"""Sizes of a photograph's features in pixels, and how strong they are."""

Generator = np.random.Generator


def noise(rng: Generator, size: tuple[int, int], scale: int) -> NDArray[np.float32]:
    """Return smooth noise (H, W) with features of about ``scale`` pixels."""
    width, height = size
    coarse = rng.standard_normal((height // scale + 2, width // scale + 2), np.float32)
    smooth = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(smooth)


def tones(rng: Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return smooth colours at several scales, texture in some places, and grain (H, W, 3)."""
    width, height = size
    tone = np.full((height, width, 3), 120, np.float32)
    for scale, strength in SCALES:
        light = noise(rng, size, scale)
        for channel in range(3):
            tone[..., channel] += strength * (0.8 * light + 0.5 * noise(rng, size, scale))
    texture = np.maximum(noise(rng, size, 200), 0)
    texture *= 8 * rng.standard_normal((height, width), np.float32)
    tone += texture[..., np.newaxis]
    tone += 1.2 * rng.standard_normal((height, width, 3), np.float32)
    return np.clip(tone, 0, 255, out=tone)


def photo(rng: Generator, size: tuple[int, int]) -> Image.Image:
    """Draw tones, and a few edges."""
    width, height = size
    picture = Image.fromarray(tones(rng, size).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for _ in range(60):
        x, y, r = (int(rng.integers(0, most)) for most in (width, height, width // 15))
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        draw.ellipse((x - r, y - r, x + r, y + r), outline=colour, width=3)
    return picture


def save_deep(samples: NDArray[np.uint16], path: Path) -> None:
    """Write 16-bit RGB (H, W, 3) as PNG, or as TIFF without compression in strips of 8 rows."""
    height, width, _ = samples.shape
    if path.suffix == ".png":
        rows = np.empty((height, 1 + 6 * width), np.uint8)
        stored = samples.astype(">u2").view(np.uint8).reshape(height, -1)
        rows[:, 0] = 2  # the filter Up
        rows[0, 1:], rows[1:, 1:] = stored[0], stored[1:] - stored[:-1]
        parts = [
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)),
            (b"IDAT", zlib.compress(rows.data, 1)),
            (b"IEND", b""),
        ]
        with path.open("wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n")
            for kind, data in parts:
                checksum = zlib.crc32(data, zlib.crc32(kind))
                file.write(len(data).to_bytes(4) + kind + data + checksum.to_bytes(4))
        return
    strips = range(0, height, 8)
    counts = [6 * width * min(8, height - top) for top in strips]
    starts = [8 + 6 * width * top for top in strips]
    end = 8 + samples.nbytes
    number = len(counts)
    short, long = 3, 4
    tags = [
        *((256, long, 1, width), (257, long, 1, height), (258, short, 3, end)),
        *((259, short, 1, 1), (262, short, 1, 2), (273, long, number, end + 8)),
        *((277, short, 1, 3), (278, long, 1, 8), (279, long, number, end + 8 + 4 * number)),
    ]
    with path.open("wb") as file:
        file.write(struct.pack("<2sHI", b"II", 42, end + 8 + 8 * number))
        file.write(samples.astype("<u2").data)
        file.write(struct.pack(f"<4H{2 * number}I", 16, 16, 16, 0, *starts, *counts))
        file.write(struct.pack("<H", len(tags)))
        file.writelines(struct.pack("<HHII", *tag) for tag in tags)
        file.write(bytes(4))


def lineart(rng: Generator, size: tuple[int, int]) -> Image.Image:
    """Draw black text and lines on white."""
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(36)
    for line, y in enumerate(range(20, size[1], 60)):
        text = f"Line {line}: the quick brown fox jumps over the lazy dog; "
        draw.text((50, y), text * 4, fill="black", font=font)
    for _ in range(150):
        points = [int(value) for value in rng.integers(0, min(size), 4)]
        draw.line(points, fill="black", width=int(rng.integers(1, 5)))
    return picture


def screenshot(rng: Generator, size: tuple[int, int]) -> Image.Image:
    """Draw windows full of text, and a photograph in one of them."""
    width, height = size
    picture = Image.new("RGB", size, (240, 240, 244))
    draw = ImageDraw.Draw(picture)
    title, body = ImageFont.load_default(18), ImageFont.load_default(15)
    for window in range(40):
        x, y = int(rng.integers(0, width - 200)), int(rng.integers(0, height - 200))
        w, h = int(rng.integers(200, 1400)), int(rng.integers(200, 900))
        back = tuple(int(value) for value in rng.integers(180, 256, 3))
        draw.rounded_rectangle((x, y, x + w, y + h), 12, fill=back, outline=(120, 120, 120))
        draw.rectangle((x, y, x + w, y + 30), fill=(50, 60, 90))
        draw.text((x + 8, y + 4), f"Window {window}", fill="white", font=title)
        for line in range(h // 22 - 2):
            ink = tuple(int(value) for value in rng.integers(0, 120, 3))
            text = f"def function_{line}(x, y): return x * {line} + y  # and so on"
            draw.text((x + 10, y + 36 + 22 * line), text, fill=ink, font=body)
    picture.paste(photo(rng, (width // 5, height // 5)), (width // 2, height // 2))
    return picture


def make(folder: Path, name: str) -> None:
    """Draw ``KIND-WIDTHxHEIGHT.EXTENSION``, or a folder ``small-COUNT`` of JPEGs."""
    kind, _, rest = name.partition("-")
    if kind == "small":
        large = photo(np.random.default_rng(3), (2560, 1920))
        (folder / name).mkdir()
        for index in range(int(rest)):
            rng = np.random.default_rng(index)
            x, y = int(rng.integers(0, 2560 - 640)), int(rng.integers(0, 1920 - 480))
            part = large.crop((x, y, x + 640, y + 480))
            part.save(folder / name / f"{index:03}.jpg", quality=85)
        return
    width, height = (int(number) for number in rest.partition(".")[0].split("x"))
    if kind == "deep":
        tone = tones(np.random.default_rng(1), (width, height))
        tone *= 257
        save_deep(np.rint(tone).astype(np.uint16), folder / name)
        return
    draw = {"photo": photo, "rgba": photo, "lineart": lineart, "screenshot": screenshot}[kind]
    picture = draw(np.random.default_rng(1), (width, height))
    if kind == "rgba":
        picture.putalpha(255)
    if kind == "photo":  # every format gets what a camera's JPEG holds
        camera = folder / f"camera-{name}.jpg"
        picture.save(camera, quality=92)
        if name.endswith(".jpg"):
            camera.rename(folder / name)
            return
        picture = Image.open(camera)
        picture.load()
        camera.unlink()
    picture.save(folder / name, compress_level=2)  # which is for PNG, and ignored by others


def difference(a: Path, b: Path, margin: int) -> float:
    """Return the mean absolute difference, in grey levels; infinite where the sizes differ."""
    if a.is_dir():
        names = sorted(path.name for path in a.iterdir())
        if names != sorted(path.name for path in b.iterdir()):
            return float("inf")
        return max(difference(a / name, b / name, margin) for name in names[::37])
    inside = slice(margin, -margin)
    ours, theirs = (np.asarray(Image.open(path).convert("RGB"))[inside, inside] for path in (a, b))
    if ours.shape != theirs.shape:
        return float("inf")
    larger = np.maximum(ours, theirs)
    larger -= np.minimum(ours, theirs)
    return float(larger.mean())


if __name__ == "__main__":
    Image.MAX_IMAGE_PIXELS = None
    if sys.argv[1] == "make":
        for wanted in sys.argv[3:]:
            make(Path(sys.argv[2]), wanted)
    else:
        print(difference(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))

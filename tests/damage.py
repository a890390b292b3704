"""Small files of every kind that can be read, and damage to them, all from a seed."""

from __future__ import annotations

import io
import json
import struct
import tempfile
import warnings
import zlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from deep_files import Part, apng, png16, tiff16
from PIL import Image, features

MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I", "I;16", "F")
NOT_READ = {"PDF", "EPS", "BUFR", "GRIB", "HDF5", "WMF", "PALM"}  # or by programs of others
TIFF_COMPRESSIONS = {
    "1": ("raw", "packbits", "tiff_lzw", "group4"),
    "L": ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "jpeg"),
    "RGB": ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "jpeg"),
}
"""Those that go together: Pillow 11 crashes where libtiff refuses."""
EXTREMES = (b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\xff\xff", b"\0\0\0\0")

Samples = dict[str, bytes]


def drawn(mode: str, rng: np.random.Generator) -> Image.Image:
    """Return a picture of 9×7 pixels, half of them noise."""
    noise = rng.integers(0, 256, (7, 9, 4), np.uint8)
    noise[:4] = (200, 30, 90, 128)
    if mode in ("I", "F"):
        return Image.fromarray(noise[..., 0].astype(np.int32 if mode == "I" else np.float32))
    if mode == "I;16":
        return Image.fromarray(noise.view(np.uint16)[..., 0].copy())
    image = Image.fromarray(noise)
    if mode == "CMYK":
        return Image.frombytes("CMYK", image.size, noise.tobytes())
    if mode in ("YCbCr", "LAB", "P", "1", "L"):
        image = image.convert("RGB")
    if mode == "LAB":
        return Image.frombytes("LAB", image.size, image.tobytes())
    return image.convert("P").convert("PA") if mode == "PA" else image.convert(mode)


def pictures(rng: np.random.Generator) -> Samples:
    """Return a file of every format and mode that Pillow writes and reads, by name."""
    Image.init()
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8769] = 6, "Camera", {0x9003: "2026:01:01 00:00:00"}
    extras = {"exif": exif.tobytes(), "icc_profile": bytes(200), "dpi": (300, 300)}
    found: Samples = {}

    def add(name: str, image: Image.Image, format_name: str, **options: object) -> None:
        buffer = io.BytesIO()
        try:
            image.save(buffer, format_name, **options)
        except (OSError, ValueError, KeyError, struct.error):
            return  # the format does not hold that
        found[name] = buffer.getvalue()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for format_name in sorted(set(Image.SAVE) & set(Image.OPEN) - NOT_READ):
            for mode in MODES:
                add(f"{format_name} {mode}", drawn(mode, rng), format_name)
        for format_name in ("PNG", "JPEG", "TIFF", "WEBP", "JPEG2000"):
            add(f"{format_name} with extras", drawn("RGB", rng), format_name, **extras)
        for format_name in ("PNG", "GIF", "WEBP", "TIFF", "AVIF", "MPO"):
            others = [drawn("RGBA", rng), drawn("RGB", rng), drawn("L", rng)]
            frames = {"save_all": True, "append_images": others}
            add(f"{format_name} frames", drawn("RGB", rng), format_name, duration=50, **frames)
            add(f"{format_name} pages", drawn("RGB", rng), format_name, **frames)
        for mode, compressions in TIFF_COMPRESSIONS.items():
            for compression in compressions:
                image = drawn(mode, rng)
                add(f"TIFF {mode} {compression}", image, "TIFF", compression=compression)
        add("JPEG progressive", drawn("RGB", rng), "JPEG", progressive=True)
        add("GIF transparent", drawn("P", rng), "GIF", transparency=3, interlace=1)
        add("PNG transparent", drawn("P", rng), "PNG", transparency=bytes(range(200)))
    return found


def deep_pictures(rng: np.random.Generator) -> Samples:
    """Return files of 16 bits and of floats, by name: those that are read and written here."""
    noise = rng.integers(0, 65536, (7, 9, 4)).astype(np.uint16)
    noise[:4] = (51_200, 7710, 23_000, 32_768)
    found: Samples = {}
    for mode in ("L", "LA", "RGB", "RGBA"):
        found[f"PNG 16 {mode}"] = png16(noise[..., -len(mode) :])
    transparent = (b"tRNS", struct.pack(">HHH", *noise[0, 0, :3]))
    exif = (b"eXIf", b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0")
    found["PNG 16 with extras"] = png16(noise[..., :3], transparent, exif)
    for dispose, blend in ((0, 1), (1, 0), (2, 1)):
        parts = [Part(noise, 0, 0, dispose, blend), Part(noise[3:, 2:7], 1, 2, dispose, blend)]
        found[f"APNG 16 {dispose} {blend}"] = apng((7, 9), parts)
    floats = noise[..., :3].astype("<f4") / 9999 - 1
    found["PPM 16"] = b"P6 9 7 65535\n" + noise[..., :3].astype(">u2").tobytes()
    found["PPM 10"] = b"P6 9 7 1023\n" + (noise[..., :3] >> 6).astype(">u2").tobytes()
    numbers = b" ".join(b"%d" % value for value in noise[..., :3].ravel())
    found["PPM 16 plain"] = b"P3 # by hand\n9 7\n65535\n" + numbers
    found["PGM 16"] = b"P5 9 7 65535\n" + noise[..., 0].astype(">u2").tobytes()
    found["PFM"] = b"PF\n9 7\n-1.0\n" + floats.tobytes()
    found["PFM grey"] = b"Pf\n9 7\n1.0\n" + floats[..., 0].astype(">f4").tobytes()
    if find_spec("tifffile"):
        found |= _deep_tiffs(noise, floats)
    if find_spec("OpenEXR"):
        found |= _exrs(floats)
    return found


def _deep_tiffs(noise: np.ndarray, floats: np.ndarray) -> Samples:
    import tifffile

    found: Samples = {}
    for order in "<>":
        for compression in (1, 8):
            for name, channels, extra in (("RGB", 3, None), ("RGBA", 4, 2), ("RGBa", 4, 1)):
                data = tiff16(noise[..., :channels], order, compression, extra=extra, turn=6)
                found[f"TIFF 16 {name} {order} {compression}"] = data
    colours = {"photometric": "rgb", "planarconfig": "contig"}
    for name, samples, options in (
        ("planes", noise[..., :3].transpose(2, 0, 1), {"planarconfig": "separate"}),
        ("tiles", noise[..., :3], {"tile": (16, 16), "compression": "zlib", "predictor": 2}),
        ("LA", noise[..., :2], {"photometric": "minisblack", "extrasamples": ["unassalpha"]}),
        ("half", floats.astype(np.float16), {}),
        ("float", floats, {"compression": "zlib"}),
        ("double", floats.astype(np.float64), {"byteorder": ">"}),
        ("pages", np.stack([floats, 2 * floats]), {"rowsperstrip": 2}),
    ):
        file = io.BytesIO()
        tifffile.imwrite(file, samples, **{**colours, **options})
        found[f"TIFF {name}"] = file.getvalue()
    return found


def _exrs(floats: np.ndarray) -> Samples:
    import OpenEXR

    found: Samples = {}
    for kind in (np.float16, np.float32):
        for compression in ("NO", "ZIP", "PIZ", "RLE"):
            planes = {
                name: np.ascontiguousarray(floats[..., number], kind)
                for number, name in enumerate("RGB")
            }
            header = {
                "compression": getattr(OpenEXR, f"{compression}_COMPRESSION"),
                "type": OpenEXR.scanlineimage,
            }
            with tempfile.NamedTemporaryFile(suffix=".exr") as file:
                OpenEXR.File(header, planes).write(file.name)
                found[f"EXR {compression} {kind.__name__}"] = Path(file.name).read_bytes()
    return found


def arrays(rng: np.random.Generator) -> Samples:
    """Return ``.npy`` files of every kind that is a picture, and of some that are none."""
    found: Samples = {}
    for kind in (np.uint8, np.uint16, np.float32, np.float64, np.float16, np.int32, ">u2", object):
        for shape in ((4, 5), (3, 4, 5), (2, 3, 4, 5)):
            buffer = io.BytesIO()
            np.save(buffer, rng.integers(0, 99, shape).astype(kind), allow_pickle=True)
            found[f"NPY {np.dtype(kind)} {shape}"] = buffer.getvalue()
    return found


def filters(folder: Path) -> Samples:
    """Return the filter files of a folder, and one with every key."""
    every = {
        "weight": [[[[1, 2], [3.5, -4e-1]]]],
        "bias": [0.5],
        "divisor": "sum",
        "stride": [1, 2],
        "dilation": 2,
        "pad": [0, 1, 2, 3],
        "pad_mode": "reflect",
        "flip": True,
        "range": "abs",
        "preserve_alpha": True,
        "reduce": "max",
        "name": "näme",
    }
    found = {path.name: path.read_bytes() for path in sorted(folder.glob("*.json"))}
    return found | {"every key": json.dumps(every).encode()}


def damaged(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """Return ``data`` with one damage to three."""
    for _ in range(int(rng.integers(1, 4))):
        data = _DAMAGES[int(rng.integers(len(_DAMAGES)))](data, others, rng)
    is_png = data.startswith(b"\x89PNG") and rng.random() < 0.7
    return b"".join(_with_checksums(data)) if is_png else data


def _place(data: bytes, rng: np.random.Generator) -> int:
    """Return a place, half of the time in the first part, where headers are."""
    return int(rng.integers(max(1, min(len(data), 64 if rng.random() < 0.5 else len(data)))))


def _truncated(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(len(data) + 1))]


def _flipped(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 9)) if data else 0):
        changed[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _overwritten(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    start = _place(data, rng)
    value = EXTREMES[int(rng.integers(len(EXTREMES)))]
    return data[:start] + value + data[start + len(value) :]


def _without_part(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    start = _place(data, rng)
    return data[:start] + data[start + int(rng.integers(1, 40)) :]


def _with_part_twice(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    start = _place(data, rng)
    end = start + int(rng.integers(1, 40))
    return data[:end] + data[start:]


def _with_noise(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    start = _place(data, rng)
    return data[:start] + rng.bytes(int(rng.integers(1, 20))) + data[start:]


def _with_anothers_end(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    other = others[int(rng.integers(len(others)))]
    return data[: _place(data, rng)] + other[_place(other, rng) :]


_DAMAGES = (
    _truncated,
    _flipped,
    _flipped,
    _overwritten,
    _overwritten,
    _without_part,
    _with_part_twice,
    _with_noise,
    _with_anothers_end,
)


def _with_checksums(data: bytes) -> Iterator[bytes]:
    """Yield the chunks of a PNG with correct checksums, so that the damage is not found there."""
    yield data[:8]
    start = 8
    while start + 12 <= len(data):
        length = int.from_bytes(data[start : start + 4])
        body = data[start + 4 : start + 8 + length]
        yield data[start : start + 4] + body + zlib.crc32(body).to_bytes(4)
        start += 12 + length


def has_every_codec() -> bool:
    """Return whether this Pillow knows the formats that are left out of some builds."""
    return all(map(features.check, ("webp", "jpg_2000", "libtiff", "avif")))

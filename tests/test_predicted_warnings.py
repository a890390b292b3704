"""A dry run warns and refuses as the real run does, in the same words.

Every row is run with and without --dry-run. A warning of the real run has its counterpart in the
dry run; where it depends on pixels the twin has the condition, in brackets, behind it, and the row
lists what comes true. Every warning in the source is met by a row.
"""

from __future__ import annotations

import ast
import io
import json
import re
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deep_files import sgi16
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import AppendingTiffWriter
from test_modes import grey_profile, ink_profile, png, wide_profile

from convcli.images.decoding.two_passes import is_trusted

PACKAGE = Path(__file__).parent.parent / "convcli"
RNG = np.random.default_rng(5)
PIXELS = RNG.integers(0, 256, (36, 48, 4), np.uint8)
ALPHA = Image.fromarray(PIXELS)
COLOUR = Image.fromarray(PIXELS[:, :, :3])
GREY = Image.fromarray(PIXELS[:, :, 0])
FLAT = Image.new("RGB", (48, 36), (10, 200, 30))
OPAQUE = Image.merge("RGBA", [*COLOUR.split(), Image.new("L", COLOUR.size, 255)])
CUT = Image.merge("RGBA", [*FLAT.split(), GREY.point(lambda value: 255 * (value > 99))])
INK = COLOUR.convert("CMYK")
WIDE = Image.fromarray(PIXELS[:, :, 0].astype(np.uint16) * 200)
FLOATS = Image.fromarray(PIXELS[:, :, 0].astype(np.float32) / 255)


def saved(image: Image.Image, format_name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    # Pillow leaves options of one encoder at the image for the next.
    image.copy().save(buffer, format_name, **options)
    return buffer.getvalue()


def moving(format_name: str, images: list[Image.Image], **options: Any) -> bytes:
    options = {"duration": 80} | options
    others = [image.copy() for image in images[1:]]
    return saved(images[0], format_name, save_all=True, append_images=others, **options)


def paged(*pages: tuple[Image.Image, dict[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    with AppendingTiffWriter(buffer, True) as file:
        for image, options in pages:
            image.copy().save(file, "TIFF", **options)
            file.newFrame()
    return buffer.getvalue()


def array(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def exif(camera: int = 0, **tags: Any) -> Image.Exif:
    table = Image.Exif()
    table[0x010F] = "Maker"
    if camera:
        table.get_ifd(0x8769)[0x927C] = b"x" * camera
    for tag, value in tags.items():
        table[int(tag.removeprefix("tag"), 16)] = value
    return table


def layered() -> bytes:
    """Return a PSD of two layers, 1×1, whose merged picture is white (Adobe's specification)."""
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, 1, 1, 8, 3)
    channels = b"".join(struct.pack(">hI", number, 3) for number in range(3))
    layer = struct.pack(">iiiiH", 0, 0, 1, 1, 3) + channels + b"8BIMnorm" + bytes([255, 0, 0, 0])
    layers = struct.pack(">h", 2) + 2 * (layer + struct.pack(">I", 12) + bytes(12)) + 6 * bytes(3)
    section = struct.pack(">I", len(layers)) + layers
    return head + bytes(8) + struct.pack(">I", len(section)) + section + b"\0\0" + b"\xff" * 3


def posing() -> bytes:
    """Return an APNG whose first picture is no frame of the animation."""
    return moving("PNG", [COLOUR, FLAT, COLOUR], default_image=True)


def moving_deep() -> bytes:
    """Return a TIFF of a page of 16-bit grey and one of colours of 8."""
    return paged((WIDE, {}), (COLOUR, {}))


def broken_exif() -> bytes:
    return saved(COLOUR, "PNG", exif=b"Exif\0\0no table at all")


def long_comment(place: int) -> bytes:
    """Return a PNG with a long comment: 33 is the place behind its head, -12 that at its end."""
    body = b"Comment" + b"\0" * 5 + b"x" * 70_000
    chunk = b"iTXt" + body
    data = saved(COLOUR, "PNG")
    made = struct.pack(">I", len(body)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data[:place] + made + data[place:]


def iptc() -> bytes:
    records = b"\x1c\x02\x78\x00\x04Lake"
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(records)) + records + b"\0"
    body = b"Photoshop 3.0\0" + resource
    data = saved(COLOUR, "JPEG")
    return data[:2] + b"\xff\xed" + struct.pack(">H", len(body) + 2) + body + data[2:]


FILTERS = {
    "five.json": {"weight": [[[[0.4]]] * 3] * 5},
    "grey.json": {"weight": [[[0.3]], [[0.3]], [[0.3]]]},
    "half.json": {"weight": [[[[0.3]], [[0.3]], [[0.3]]]], "stride": 2, "pad": 0},
    "far.json": {"weight": [[2.0, -0.0625]], "divisor": 1},
    "nine.json": {"weight": [[1, 1, 1], [1, 1, 1], [1, 1, 1]], "bias": 128},
    "huge.json": {"weight": [[1, 1, 1], [1, 1, 1], [1, 1, 1]], "divisor": 9, "dilation": 4000},
}


@dataclass(frozen=True)
class Row:
    """A picture, the extension of its format, that of the result, and the command's flags.

    ``warns`` are texts, or parts of texts, that the real run warns of; ``pixels`` are those of them
    that only pixels show, and ``unpredicted`` those that stand behind pixels in the file. ``fails``
    is part of the error of both.
    """

    data: Callable[[], bytes]
    source: str
    target: str
    flags: tuple[str, ...] = ("-f", "identity")
    warns: tuple[str, ...] = ()
    pixels: tuple[str, ...] = ()
    unpredicted: tuple[str, ...] = ()
    fails: str = ""
    command: str = field(default="apply")

    def __str__(self) -> str:
        texts = "+".join((*self.warns, *self.pixels, *self.unpredicted, self.fails)).strip("+")
        return f"{self.source}-{self.target}-{texts or 'silent'}"


def row(data: Callable[[], bytes], source: str, target: str, *warns: str, **more: Any) -> Row:
    flags = ("-f", more.pop("filter", "identity"), *more.pop("flags", ()))
    return Row(data, source, target, flags, warns, **more)


def of(image: Image.Image, format_name: str, **options: Any) -> Callable[[], bytes]:
    return lambda: saved(image, format_name, **options)


WHITE = "holds no transparency: the picture is composited on white"
FEW = "colours become 256 at most: GIF holds no more"
DEGREES = "partly transparent pixels become opaque or transparent: GIF holds no degrees"
CLIPPED = "values outside 0-1 are clipped: "
DOTS = "holds black and white: greys become patterns of dots"
SWAPPED = {"icc_profile": wide_profile()}

ROWS = [
    # Reading.
    row(
        lambda: saved(COLOUR, "MPO", save_all=True, append_images=[FLAT]),
        *("mpo", "png", "only the first of 2 pictures is used"),
    ),
    row(layered, "psd", "png", "only the composite of all layers is used"),
    row(
        of(ALPHA, "ICO", sizes=[(16, 12), (8, 6)]),
        *("ico", "png", "only the largest of 2 pictures is used"),
    ),
    row(
        lambda: sgi16(np.zeros((1, 1, 3), np.uint16), is_packed=True),
        *("sgi", "png", "16 bits a channel, of which Pillow reads 8 in colour pictures"),
    ),
    row(lambda: png(16, 0, bytes(4), 2, (b"tRNS", b"\0\1")), "png", "png"),
    row(lambda: png(16, 6, bytes(8), 1), "png", "ppm", pixels=(f"PPM {WHITE}",)),
    row(
        lambda: png(16, 6, bytes(8), 1),
        "png",
        "jpg",
        "16 bits become 8: JPEG",
        pixels=(f"JPEG {WHITE}",),
    ),
    row(lambda: png(16, 2, bytes(6), 1), "png", "pgm", "PGM holds no colours"),
    row(
        lambda: array(np.full((2, 3, 9, 8), 999, np.uint16)),
        *("npy", "png", "an array of uint16"),
    ),
    row(
        of(WIDE, "PNG"),
        *("png", "tif", "16 bits become 8: colours are", "RGB becomes CMYK without a"),
        flags=["--mode", "CMYK"],
    ),
    row(
        lambda: png(16, 2, bytes(6), 1, (b"iCCP", b"p\0\0" + zlib.compress(wide_profile()))),
        *("png", "ppm", "PPM holds no ICC profile: it is left out"),
    ),
    row(broken_exif, "png", "png", "its EXIF is broken and left out: "),
    row(of(COLOUR, "PNG"), "png", "tif", "RGB becomes CMYK without a p", flags=["--mode", "CMYK"]),
    row(of(INK, "TIFF"), "tif", "png", "CMYK becomes RGB without a", flags=["--mode", "RGB"]),
    row(
        of(INK, "TIFF", icc_profile=ink_profile()[:200]),
        *("tif", "png", "its ICC profile cannot be used, so colours may be off: "),
        flags=["--mode", "RGB"],
    ),
    row(
        of(ALPHA, "PNG"),
        *("png", "png"),
        flags=["--mode", "L"],
        pixels=("L has no transparency: the picture is composited on white",),
    ),
    row(of(OPAQUE, "PNG"), "png", "png", flags=["--mode", "L"]),
    row(of(FLOATS, "TIFF"), "tif", "png", fails="cannot become RGB", flags=["--mode", "RGB"]),
    row(lambda: array(PIXELS[:, :, 0]), "npy", "npy", "an array of uint8 is divided by 255"),
    row(lambda: array(np.zeros((9, 8, 3), np.float32)), "npy", "npy", "looks like (H, W, C)"),
    row(lambda: array(np.zeros((2, 9, 8, 3), "f4")), "npy", "npy", "looks like (N, H, W, C)"),
    row(
        lambda: array(np.zeros((9, 8), "i8")), "npy", "png", fails="an array of int64 is not a pic"
    ),
    # Filtering.
    row(of(ALPHA, "PNG"), "png", "png", "transparency is dropped", filter="half.json"),
    row(of(FLOATS, "TIFF"), "tif", "tif", "changes nothing", flags=["--linear"]),
    row(of(COLOUR, "PNG"), "png", "png", "sum to 9, so", "bias is 128", filter="nine.json"),
    row(of(INK, "TIFF"), "tif", "tif", fails="not for CMYK", flags=["--linear"]),
    row(of(GREY, "PNG"), "png", "png", fails="reads 3 channels", filter="sepia"),
    row(of(COLOUR, "PNG"), "png", "png", fails="5 channels is not a picture", filter="five.json"),
    Row(
        of(COLOUR, "PNG"),
        *("png", "png", ("-f", "far.json", "--scale", "2", "--normalize")),
        fails="vanishes somewhere",
        command="upsample",
    ),
    # A flat picture needs no iterations, and so none of the memory.
    Row(
        of(FLAT, "PNG"),
        *("png", "png", ("-f", "huge.json")),
        warns=("48×36 pixels take about 2.8 GB of memory",),
        command="deconvolve",
    ),
    # Depth.
    row(of(FLOATS, "TIFF"), "tif", "jpg", "floats become 8 bits: JPEG"),
    row(of(FLOATS, "TIFF"), "tif", "png", "floats become 16 bits: PNG"),
    row(lambda: array(np.zeros((3, 9, 8), "f4")), "npy", "png"),
    row(
        lambda: array(np.ones((3, 9, 8), "f4")), "npy", "jpg", filter="far.json", pixels=(CLIPPED,)
    ),
    row(lambda: array(np.ones((3, 9, 8), "f4")), "npy", "im", filter="far.json", pixels=(CLIPPED,)),
    row(
        lambda: array(np.full((3, 9, 8), 999, np.uint16)),
        *("npy", "jpg", "an array of uint16", "16 bits become 8: JPEG holds no more in colour"),
    ),
    row(of(WIDE, "PNG"), "png", "jpg", "16 bits become 8: JPEG holds no more"),
    row(of(WIDE, "PNG"), "png", "tif"),
    row(moving_deep, "tif", "png", "16 bits become 8: all frames of an animation have one depth"),
    # Transparency.
    row(of(ALPHA, "PNG"), "png", "jpg", pixels=(f"JPEG {WHITE}",)),
    row(of(OPAQUE, "PNG"), "png", "jpg"),
    row(of(ALPHA.convert("LA"), "PNG"), "png", "bmp", pixels=(f"BMP {WHITE}",)),
    row(of(ALPHA, "PNG"), "png", "gif", pixels=(DEGREES, FEW)),
    row(of(CUT, "PNG"), "png", "gif"),
    # Colours.
    row(of(COLOUR, "PNG"), "png", "gif", pixels=(FEW,)),
    row(of(FLAT, "PNG"), "png", "gif"),
    row(of(COLOUR, "PNG"), "png", "pgm", "PGM holds no colours: the picture becomes grey"),
    row(of(GREY, "PNG"), "png", "pbm", pixels=(f"PBM {DOTS}",)),
    row(of(GREY.convert("1"), "PNG"), "png", "pbm"),
    row(of(ALPHA, "PNG"), "png", "pfm", pixels=(f"PFM {WHITE}",)),
    row(of(INK, "TIFF"), "tif", "png", "PNG holds no CMYK: converted to RGB", "CMYK becomes RGB"),
    row(
        of(INK, "TIFF", icc_profile=ink_profile()),
        *("tif", "png", "PNG holds no CMYK: converted to RGB by its ICC profile"),
    ),
    row(of(INK, "TIFF", icc_profile=b"broken"), "tif", "png", "holds no CMYK", "cannot be used"),
    # Profiles.
    row(of(COLOUR, "PNG", **SWAPPED), "png", "bmp", "BMP holds no ICC profile: colours are conv"),
    row(of(ALPHA, "PNG", **SWAPPED), "png", "tga", "TGA holds no ICC profile: colours are conv"),
    row(
        of(INK, "TIFF", icc_profile=ink_profile()),
        *("tif", "jp2", "JPEG2000 holds no ICC profile: it is left out, so inks may be off"),
    ),
    row(
        of(COLOUR, "PNG", **SWAPPED),
        *("png", "png", "its ICC profile is for other colours than the result has, and left out"),
        filter="grey.json",
    ),
    row(of(COLOUR, "PNG", **SWAPPED), "png", "bmp", flags=["--profile", "srgb"]),
    row(of(INK, "TIFF", icc_profile=ink_profile()), "tif", "png", flags=["--profile", "srgb"]),
    row(of(INK, "TIFF"), "tif", "png", "CMYK becomes RGB w", flags=["--profile", "srgb"]),
    row(
        of(COLOUR, "PNG", icc_profile=b"broken"),
        *("png", "png", "its ICC profile cannot be used, so colours may be off: "),
        flags=["--profile", "srgb"],
    ),
    row(
        lambda: png(16, 2, bytes(6), 1, (b"iCCP", b"p\0\0" + zlib.compress(wide_profile()))),
        *("png", "png"),
        flags=["--profile", "srgb"],
    ),
    row(
        of(WIDE, "PNG", icc_profile=grey_profile(darkest=6000)),
        *("png", "png", "16 bits become 8: colours are converted to sRGB with 8"),
        flags=["--profile", "srgb"],
    ),
    row(
        lambda: array(np.zeros((3, 9, 8), "f4")),
        *("npy", "npy", "numbers without an ICC profile are taken as they are: --profile srgb ch"),
        flags=["--profile", "srgb"],
    ),
    row(
        of(FLOATS, "TIFF", icc_profile=grey_profile()),
        *("tif", "tif"),
        fails="floats of L are not converted to sRGB: give --profile keep",
        flags=["--profile", "srgb"],
    ),
    row(
        lambda: paged((COLOUR, SWAPPED), (FLAT, {})),
        *("tif", "png", "PNG holds one ICC profile: colours are converted to sRGB"),
    ),
    # Frames.
    row(
        lambda: moving("GIF", [FLAT, COLOUR.quantize(8).convert("RGB")]),
        *("gif", "tif", "TIFF holds no timing: frames become pages"),
    ),
    row(lambda: moving("WEBP", [FLAT, COLOUR]), "webp", "tif", "TIFF holds no timing"),
    row(posing, "png", "tif", "TIFF holds no timing"),
    row(lambda: moving("TIFF", [FLAT, COLOUR]), "tif", "tif"),
    row(
        lambda: moving("GIF", [FLAT, COLOUR.quantize(8).convert("RGB")], duration=[0, 80]),
        *("gif", "tif"),
        unpredicted=("TIFF holds no timing",),
    ),
    row(posing, "png", "webp", "the still picture before the animation"),
    row(lambda: moving("PNG", [COLOUR, FLAT]), "png", "gif", pixels=(FEW,)),
    row(lambda: moving("PNG", [ALPHA, ALPHA.rotate(180)]), "png", "gif", pixels=(DEGREES, FEW)),
    row(lambda: moving("PNG", [FLAT, FLAT.rotate(5)]), "png", "gif", flags=["--save", "loop=2"]),
    row(lambda: moving("PNG", [COLOUR, FLAT]), "png", "jpg", fails="JPEG holds one image, and"),
    row(lambda: moving("PNG", [COLOUR, FLAT]), "png", "jpg", flags=["--frames", "first"]),
    row(
        lambda: paged((COLOUR, {}), (FLAT.resize((9, 9)), {})),
        *("tif", "gif"),
        fails="frames in GIF have one size, and these have 2",
    ),
    row(
        lambda: paged((COLOUR, {}), (FLAT.resize((9, 9)), {})),
        *("tif", "npy"),
        fails="frames of different sizes or channel counts",
    ),
    row(lambda: paged((COLOUR, {}), (ALPHA, {})), "tif", "pdf"),
    row(
        lambda: paged((GREY, {}), (FLAT, {})),
        *("tif", "png"),
        fails="reads 3 channels and the picture has 1",
        filter="sepia",
    ),
    row(lambda: paged((COLOUR, {}), (WIDE, {})), "tif", "gif", "16 bits become 8", pixels=(FEW,)),
    # Sizes.
    row(of(COLOUR.resize((300, 9)), "PNG"), "png", "ico", fails="ICO: that holds 256×256 pixels"),
    row(of(COLOUR, "PNG"), "png", "icns", fails="ICNS holds squares of 16, 32"),
    row(of(COLOUR, "PNG"), "png", "png", fails="is too large", flags=["--max-pixels", "50"]),
    # Metadata.
    row(lambda: long_comment(33), "png", "jpg", "comment of more than 64 KB"),
    row(lambda: long_comment(-12), "png", "jpg", unpredicted=("comment of more than 64 KB",)),
    row(
        of(COLOUR, "PNG", exif=exif(70_000)),
        *("png", "jpg", "exif of more than 64 KB does not fit into a JPEG"),
    ),
    row(
        of(COLOUR, "TIFF", exif=exif(tagfde8=b"x" * 70_000)),
        *("tif", "jpg", "rare EXIF tags of more than 64 KB do not fit into a JPEG"),
    ),
    row(
        of(COLOUR, "TIFF", compression="raw", exif=exif(9).tobytes()),
        *("tif", "tif", "EXIF of the camera cannot be written to a compressed TIFF"),
        flags=["--save", "compression=tiff_lzw"],
    ),
    row(of(COLOUR, "JPEG", exif=exif(9)), "jpg", "bmp", "not kept in BMP: EXIF"),
    row(of(COLOUR, "JPEG", comment=b"A lake"), "jpg", "bmp", "not kept in BMP: the comment"),
    row(iptc, "jpg", "webp", "not kept in WEBP: IPTC"),
    row(of(COLOUR, "JPEG", exif=exif(9)), "jpg", "bmp", flags=["--strip"]),
    # Names and options.
    row(of(ALPHA, "PNG"), "png", "{channel}.jpg"),
    row(of(WIDE, "PNG"), "png", "{channel}.jpg", "16 bits become 8: JPEG holds no more"),
    row(lambda: moving("PNG", [ALPHA, FLAT]), "png", "{frame}.jpg", pixels=(f"JPEG {WHITE}",)),
    row(of(INK, "TIFF"), "tif", "png", fails="would lose something", flags=["--strict"]),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, content in FILTERS.items():
        Path(name).write_text(json.dumps(content))
    return tmp_path


def lines(stderr: str, kind: str) -> list[str]:
    return [line.removeprefix(kind) for line in stderr.splitlines() if line.startswith(kind)]


def bare(text: str) -> str:
    """Return a warning of the dry run without its condition."""
    return re.sub(r" \(if [^()]*\)$", "", text)


@pytest.fixture(scope="module", autouse=True)
def pillow_checked() -> None:
    """Do the check of Pillow's unpackers before, for it decodes a picture of its own."""
    assert all(is_trusted("PNG", raw) for raw in ("LA;16B", "RGB;16B", "RGBA;16B"))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_dry_run_warns_and_refuses_as_the_real_run_does(
    run, here: Path, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    source, target = here / f"in.{row.source}", here / "out" / f"o.{row.target}"
    source.write_bytes(row.data())
    command = [row.command, *row.flags, source, "-o", target, "-j", 1]
    with monkeypatch.context() as patch:
        if row.source != "ico":  # which Pillow decodes when it opens it
            patch.setattr(ImageFile.ImageFile, "load", _decoded)
        dry = run(*command, "--dry-run")
    assert not target.parent.exists()
    real = run(*command)
    assert lines(dry.stderr, "Error: ") == lines(real.stderr, "Error: ")
    assert dry.exit_code == real.exit_code == bool(row.fails), real.stderr
    assert row.fails in dry.stderr

    predicted, warned = lines(dry.stderr, "Warning: "), lines(real.stderr, "Warning: ")
    certain = [text for text in predicted if text == bare(text)]
    possible = [bare(text) for text in predicted if text != bare(text)]
    late = [text for text in warned if any(part in text for part in row.unpredicted)]
    by_pixels = [text for text in warned if text not in (*certain, *late)]
    if row.pixels and CLIPPED in row.pixels:  # instead of what is said of floats within 0-1
        certain = [text for text in certain if "floats become 8 bits" not in text]
    assert certain == [text for text in warned if text in certain], "predicted and not warned of"
    assert set(by_pixels) <= set(possible), "warned of and not predicted"
    for texts, parts in (
        (certain, row.warns),
        (by_pixels, row.pixels),
        (late, row.unpredicted),
    ):
        assert len(texts) == len(parts), texts
        assert all(any(part in text for text in texts) for part in parts), texts


def _decoded(*_: object) -> None:
    raise AssertionError("decoded")


def warning_texts() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Yield where the source has a warning about pictures, and what matches its text."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name == "exr.py":  # of an extra: tests/test_exr.py has its warnings
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            if name not in ("warnings.warn", "warn", "_warn", "Loss") or not node.args:
                continue
            if name == "warnings.warn" and "ImageWarning" not in ast.unparse(node):
                continue
            place = f"{path.relative_to(PACKAGE)}:{node.lineno}"
            text = node.args[0]
            if isinstance(text, ast.Constant):
                yield place, re.compile(re.escape(text.value))
            elif isinstance(text, ast.JoinedStr):
                parts = [
                    re.escape(part.value) if isinstance(part, ast.Constant) else ".*"
                    for part in text.values
                ]
                yield place, re.compile("".join(parts))
            else:
                assert ast.unparse(text) in ("text", "self.text"), f"{place}: not a text"


def test_every_warning_is_met_by_a_row(run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[str] = []
    warn = warnings.warn

    def noted(message: Any, *arguments: Any, **options: Any) -> None:
        met.append(str(message))
        warn(message, *arguments, **options)

    monkeypatch.setattr(warnings, "warn", noted)
    for number, one in enumerate(ROWS):
        source = here / f"{number}.{one.source}"
        source.write_bytes(one.data())
        run(one.command, *one.flags, source, "-o", here / f"{number}" / f"o.{one.target}")
    texts = list(warning_texts())
    assert len(texts) > 25
    everything = "\n".join(met)
    assert [place for place, text in texts if not text.search(everything)] == []

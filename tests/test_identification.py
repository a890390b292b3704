"""Only formats that Pillow decodes without other programs are opened, and others are named."""

from __future__ import annotations

import ast
import io
import struct
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import EpsImagePlugin, Image

from convcli import ImageError, read_image, write_image
from convcli.images import formats, read_header, readable_extensions

NOT_OPENED = {"BUFR", "EPS", "FPX", "GRIB", "HDF5", "IPTC", "MIC", "MPEG", "WMF"}


def eps() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (6, 5)).save(buffer, "EPS")
    return buffer.getvalue()


def iptc_with(data: bytes) -> bytes:
    """Return an IPTC file, which holds a picture of any format; this one says it is a JPEG."""

    def field(record: int, number: int, value: bytes) -> bytes:
        return bytes([0x1C, record, number]) + len(value).to_bytes(2) + value

    return b"".join(
        [
            field(3, 20, (6).to_bytes(2)),
            field(3, 30, (5).to_bytes(2)),
            field(3, 60, b"\1\0"),
            field(3, 65, b"\1"),
            field(3, 120, b"\5"),
            field(8, 10, data),
        ]
    )


def float_tiff(channels: int, kind: str, sample_format: int = 3) -> bytes:
    """Return a TIFF of 6×5 pixels of floats, which Pillow writes for grey alone."""
    data = np.zeros((5, 6, channels), kind).tobytes()
    count = 10
    lists = 8 + 2 + 12 * count + 4
    values = [
        *((256, 3, 1, 6), (257, 3, 1, 5), (258, 3, channels, lists), (259, 3, 1, 1)),
        *((262, 3, 1, 2), (273, 4, 1, lists + 4 * channels), (277, 3, 1, channels)),
        *((278, 3, 1, 5), (279, 4, 1, len(data)), (339, 3, channels, lists + 2 * channels)),
    ]
    bits = 8 * np.dtype(kind).itemsize
    return b"".join(
        [
            struct.pack("<2sHIH", b"II", 42, 8, count),
            *(struct.pack("<HHII", *value) for value in values),
            bytes(4),
            struct.pack(f"<{channels}H", *[bits] * channels),
            struct.pack(f"<{channels}H", *[sample_format] * channels),
            data,
        ]
    )


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file that is there as soon as Pillow has started its Ghostscript."""
    trace = tmp_path / "started"
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("gs", "gswin32c", "gswin64c"):
        (folder / name).write_text(f"#!/bin/sh\ntouch '{trace}'\necho 10\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    return trace


@pytest.mark.parametrize("kind", ["eps", "iptc"])
@pytest.mark.parametrize("way", ["file", "stdin", "batch", "dry run", "workers"])
def test_postscript_under_any_name_starts_no_interpreter(
    tmp_path: Path, run: Callable[..., Result], started: Path, kind: str, way: str
) -> None:
    data = eps() if kind == "eps" else iptc_with(eps())
    source = tmp_path / "photo.jpg"
    source.write_bytes(data)
    Image.new("L", (6, 5)).save(tmp_path / "good.png")
    ways: dict[str, list[object]] = {
        "file": [source, "-o", tmp_path / "out.png"],
        "stdin": ["-", "-o", tmp_path / "out.png"],
        "batch": [source, tmp_path / "good.png", "-d", tmp_path / "out", "-j", 1],
        "dry run": [source, "-o", tmp_path / "out.png", "--dry-run"],
        "workers": [source, tmp_path / "good.png", "-d", tmp_path / "out", "-j", 2],
    }
    done = run("apply", "-f", "sharpen", *ways[way], stdin=data)
    assert done.exit_code == 1
    name = "PostScript (EPS)" if kind == "eps" else "IPTC data"
    assert f"it is {name}, which is not read: " in done.stdout + done.stderr
    assert not started.exists()
    assert not (tmp_path / "out.png").exists()


def test_writing_eps_starts_no_interpreter(tmp_path: Path, started: Path) -> None:
    write_image(np.zeros((3, 5, 6)), tmp_path / "out.eps")
    assert (tmp_path / "out.eps").read_bytes().startswith(b"%!PS")
    assert not started.exists()


def test_the_trap_for_an_interpreter_works(started: Path) -> None:
    with Image.open(io.BytesIO(eps())) as image, pytest.raises(OSError):  # noqa: PT011
        image.load()
    assert started.exists()


def test_the_list_of_formats_leaves_out_what_it_says() -> None:
    Image.init()
    assert formats.OPENED - {"MPO"} <= set(Image.OPEN) | {"AVIF", "JPEG2000", "WEBP"}
    assert set(Image.OPEN) - formats.OPENED <= NOT_OPENED
    assert not formats.OPENED & NOT_OPENED


def test_folders_are_searched_for_what_is_opened() -> None:
    extensions = readable_extensions()
    assert {".jpg", ".mpo", ".tif", ".png", ".psd"} <= extensions
    assert not {".npy", ".eps", ".ps", ".wmf", ".emf", ".h5", ".grib", ".mpg", ".iim"} & extensions


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%!PS-Adobe-3.0\n", "PostScript"),
        (b"\xc5\xd0\xd3\xc6" + bytes(40), "PostScript"),
        (b"%PDF-1.4\n", "PDF"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<svg/>', "SVG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\x89HDF\r\n\x1a\n" + bytes(40), "HDF5"),
        (b"\xd7\xcd\xc6\x9a" + bytes(40), "a Windows metafile"),
        (b"\xff\x0a" + bytes(40), "JPEG XL"),
        (float_tiff(3, "f4", 1), "a TIFF of 3 channels of 32-bit integers"),
        (float_tiff(3, "f2", 2), "a TIFF of 3 channels of 16-bit signed integers"),
    ],
)
def test_a_file_that_is_not_read_is_named(tmp_path: Path, data: bytes, kind: str) -> None:
    path = tmp_path / "in.jpg"
    path.write_bytes(data)
    for read in (read_image, read_header):
        for source in (path, data, io.BytesIO(data)):
            with pytest.raises(
                ImageError, match=f"it is {kind}[^:]*(is|does) not read: "
            ) as caught:
                read(source)
            assert ("in.jpg" in str(caught.value)) == (source is path)


@pytest.mark.skipif(find_spec("tifffile") is not None, reason="the extra reads them")
@pytest.mark.parametrize(("kind", "bits"), [("f4", 32), ("f2", 16)])
def test_a_tiff_that_an_extra_reads_names_the_extra(kind: str, bits: int) -> None:
    text = f"3 channels of {bits}-bit floats, .* does not read: pip install 'convcli\\[deep\\]'"
    with pytest.raises(ImageError, match=text):
        read_image(float_tiff(3, kind))


@pytest.mark.parametrize("data", [b"text", b"II*\0" + bytes(40)])
def test_unknown_contents_are_not_an_image(data: bytes) -> None:
    with pytest.raises(ImageError, match=r"^it is not an image, or not of a format"):
        read_image(data)


def test_pillow_is_never_asked_to_open_a_file_of_any_format() -> None:
    package = Path(formats.__file__).parent.parent
    calls = [
        node
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Image.open"
    ]
    assert calls
    assert all("formats" in {keyword.arg for keyword in call.keywords} for call in calls)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.xyz", "a"])
def test_formats_are_identified_by_contents_not_names(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (6, 5)).save(tmp_path / name, "JPEG")
    assert read_image(tmp_path / name).format == "JPEG"


def test_opening_a_jpeg_loads_no_other_decoder(samples: Path) -> None:
    code = (
        "import sys; from convcli.images.decoding.opened import Opened; Opened(sys.argv[1]); "
        "print(*sorted(name for name in sys.modules if name.endswith('ImagePlugin')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, samples / "landscape.jpg"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = set(done.stdout.split())
    # Pillow before 12.1 loads some common ones in any case.
    common = {f"PIL.{name}ImagePlugin" for name in ("Bmp", "Gif", "Jpeg", "Png", "Ppm", "Tiff")}
    assert {"PIL.JpegImagePlugin"} <= loaded <= common

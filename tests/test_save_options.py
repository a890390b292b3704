"""Options of encoders: those that Pillow knows go through, others are errors."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import ImageError, write_image
from convcli.batch.jobs import plan_jobs
from convcli.errors import PlanError
from convcli.images import check_save_options, output_format
from convcli.images.encoding.save_options import KNOWN

NOT_OURS = {
    # The picture decides which frames a file has, and every file is written anew.
    *("save_all", "append_images", "default_image", "append"),
    "include_color_table",  # GIF: internal to the plugin
    "version",  # GIF: read from the image, not the options
    "extra",  # MPO: added by the plugin itself
    "_debug_multipage",  # TIFF: for Pillow's own tests
    "frames",  # IM: a number in its header, without the frames
}
IN_LOOPS = {
    # Looked up by names from a list or from the signature of a function.
    "PDF": {"title", "author", "subject", "keywords", "creator", "producer"}
    | {"creationDate", "modDate"},
    "TIFF": {"description", "resolution", "x_resolution", "y_resolution", "resolution_unit"}
    | {"software", "date_time", "artist", "copyright"},
}
PLUGINS = {
    "BLP": "Blp",
    "DIB": "Bmp",
    "ICNS": "Icns",
    "IM": "Im",
    "JPEG2000": "Jpeg2K",
    "MPO": "Mpo",
    "WEBP": "WebP",
}


def source_of(format_name: str) -> str:
    name = PLUGINS.get(format_name, format_name.capitalize())
    return inspect.getsource(importlib.import_module(f"PIL.{name}ImagePlugin"))


def is_options(node: ast.AST, names: set[str]) -> bool:
    """Return whether an expression is an encoder's options: ``im.encoderinfo``, or its alias."""
    if isinstance(node, ast.Call):  # .copy()
        return isinstance(node.func, ast.Attribute) and is_options(node.func.value, names)
    is_attribute = isinstance(node, ast.Attribute) and node.attr == "encoderinfo"
    return is_attribute or (isinstance(node, ast.Name) and node.id in names)


def keys_read(source: str) -> Iterator[str]:
    """Yield every key that a plugin looks up in its encoder's options."""
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        # Helpers of GIF call their parameter so; its reader has an ``info`` of its own.
        names = {arg.arg for arg in function.args.args if arg.arg == "encoderinfo"}
        if function.name.startswith(("_get_global_header", "_write_", "_get_optimize")):
            names |= {"info"}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and is_options(node.value, names):
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        for node in ast.walk(function):
            key: ast.AST | None = None
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "get"
                and is_options(node.func.value, names)
            ):
                key = node.args[0]
            elif isinstance(node, ast.Subscript) and is_options(node.value, names):
                key = node.slice
            elif isinstance(node, ast.Compare) and is_options(node.comparators[0], names):
                key = node.left
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value


def written() -> list[str]:
    Image.init()
    return sorted(set(Image.SAVE) - {"BUFR", "GRIB", "HDF5", "WMF", "PALM"})


@pytest.mark.parametrize("format_name", written())
def test_no_option_of_pillow_is_missing(format_name: str) -> None:
    read = set(keys_read(source_of(format_name)))
    assert read - NOT_OURS <= KNOWN.get(format_name, set())


def test_options_are_found_in_the_sources() -> None:
    assert set(keys_read(source_of("WEBP"))) >= KNOWN["WEBP"]
    assert set(keys_read(source_of("JPEG"))) >= KNOWN["JPEG"]
    assert {"disposal", "transparency", "interlace"} <= set(keys_read(source_of("GIF")))


@pytest.mark.parametrize("format_name", sorted(KNOWN.keys() - {"EXR"}))
def test_every_option_is_one_of_pillow(format_name: str) -> None:
    sources = [source_of(format_name)]
    for inner in {"PDF": ["JPEG", "JPEG2000"], "MPO": ["JPEG"], "ICNS": ["PNG"]}.get(
        format_name, ()
    ):
        sources.append(source_of(inner))
    read = {key for source in sources for key in keys_read(source)} | IN_LOOPS.get(
        format_name, set()
    )
    newer = {"compress_type"}  # which not every supported Pillow has any more
    if format_name in ("BMP", "DIB", "PDF", "TIFF"):
        read |= {"dpi"}
    assert KNOWN[format_name] - newer <= read
    for name in IN_LOOPS.get(format_name, ()):
        assert name in sources[0]


@pytest.mark.parametrize(
    ("format_name", "save", "fault"),
    [
        ("PNG", {"nonsense": 1}, "PNG has no save option 'nonsense': it has bits, blend, "),
        ("PNG", {"compres_level": 1}, "did you mean compress_level"),
        ("PNG", {"quality": 90}, "no save option 'quality'"),
        ("PPM", {"quality": 90}, "it has none at all"),
        ("NPY", {"quality": 90}, "it has none at all"),
        ("JPEG", {"quality": 90, "save_all": True}, "no save option 'save_all'"),
        ("PNG", {"dpi": 0}, r"dpi is a number of pixels per inch above 0, or \(x, y\): got 0"),
        ("PNG", {"dpi": (300, "x")}, "dpi is a number"),
        ("TIFF", {"dpi": (300,)}, "dpi is a number"),
        ("BMP", {"dpi": True}, "dpi is a number"),
    ],
)
def test_an_unknown_option_is_an_error_that_lists_the_known_ones(
    tmp_path: Path, format_name: str, save: dict[str, object], fault: str
) -> None:
    with pytest.raises(ImageError, match=fault):
        check_save_options(format_name, save)
    path = tmp_path / "out"
    with pytest.raises(ImageError, match=f"out: .*{fault}"):
        write_image(np.zeros((3, 5, 6)), path, format=format_name, save=save)
    assert not path.exists()


@pytest.mark.parametrize("format_name", [*written(), "PGM", "PFM", "NPY"])
def test_known_options_and_none_pass(format_name: str) -> None:
    check_save_options(output_format(format_name), {})
    check_save_options(format_name, dict.fromkeys(KNOWN.get(format_name, ()), 1))


def test_quality_is_no_error_where_there_is_none(tmp_path: Path) -> None:
    write_image(np.zeros((3, 5, 6)), tmp_path / "out.png", quality=80)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp"])
@pytest.mark.parametrize("dpi", [300, 300.0, (300, 150)])
def test_dpi_is_a_number_or_two(tmp_path: Path, suffix: str, dpi: object) -> None:
    path = tmp_path / f"out.{suffix}"
    write_image(np.zeros((1, 4, 4), np.float32), path, save={"dpi": dpi})
    with Image.open(path) as image:
        expected = dpi if isinstance(dpi, tuple) else (dpi, dpi)
        assert image.info["dpi"] == pytest.approx(expected, abs=0.02)


def test_save_options_are_checked_for_every_format_of_a_batch() -> None:
    names = ["a.png", "b.jpg", "c.png"]
    assert len(plan_jobs(names, output_dir="new", save={"optimize": True})) == 3
    with pytest.raises(PlanError, match=r"^new.b\.jpg: JPEG has no save option 'compress_level'"):
        plan_jobs(names, output_dir="new", save={"compress_level": 9})
    # The format of a result on standard output may be that of its input, which is not read yet.
    assert plan_jobs(["-"], save={"compress_level": 9})[0].format is None

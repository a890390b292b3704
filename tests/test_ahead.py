"""A picture is decoded while the rest of the program is imported, where one is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from test_cli import commands

from convcli.__main__ import DECIDING, FILTERING, OUTPUT, picture_named
from convcli.cli import cli
from convcli.images.decoding import ahead

FILES = ("photo.jpg", "other.png", "kernel.npy", "there.jpg")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with some files; nothing has begun."""
    monkeypatch.setattr(ahead, "_begun", {})
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        Image.new("RGB", (9, 7), "red").save(name, "PNG")
    (tmp_path / "photos.jpg").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("apply -f sharpen photo.jpg -o new.jpg", "photo.jpg"),
        ("apply photo.jpg -f kernel.npy --overwrite -o there.jpg", "photo.jpg"),
        ("apply -o there.jpg --quiet photo.jpg -f sharpen", "photo.jpg"),
        ("apply -f sharpen photo.jpg --output=there.jpg", "photo.jpg"),
        ("apply -f sharpen --output=there.jpg photo.jpg", "photo.jpg"),
        ("apply -f sharpen photo.jpg -o photo.jpg --overwrite", "photo.jpg"),
        ("upsample other.png --output new.jpg", "other.png"),
        ("deconvolve -k kernel.npy photo.jpg -o new.png", "photo.jpg"),
        ("apply -f sharpen photo.jpg other.png -o new.jpg", None),
        ("apply -f sharpen photo.jpg -d new", None),
        ("apply -f sharpen photo.jpg -o new.jpg --dry-run", None),
        ("apply -f sharpen photo.jpg -o new.jpg --max-pixels=5", None),
        ("apply -f sharpen photo.jpg -o new.jpg --files-from list", None),
        ("apply -f sharpen photo.jpg -o new.jpg --shard 1/2", None),
        ("apply -f sharpen photo.jpg -o new.jpg -o there.jpg", None),
        ("apply -f sharpen photos.jpg -o new.jpg", None),
        ("apply -f sharpen none.jpg -o new.jpg", None),
        ("fit photo.jpg other.png -o new.json", None),
        ("", None),
    ],
)
def test_one_picture_that_becomes_one_file_is_guessed(line: str, path: str | None) -> None:
    assert picture_named(line.split()) == path


def test_the_options_that_are_looked_at_exist() -> None:
    for name in FILTERING:
        command = commands(cli)[name,]
        flags = {flag for option in command.params for flag in option.opts}
        assert flags | {"-h", "--help"} >= OUTPUT | DECIDING


def test_a_guess_serves_its_own_picture_under_its_own_limit_once() -> None:
    ahead.begin("photo.jpg")
    (guessed,) = ahead._begun.values()
    for other in (ahead.decode_ahead("other.png"), ahead.decode_ahead("photo.jpg", 100)):
        assert other is not None
        assert other is not guessed
    assert ahead.decode_ahead("photo.jpg") is guessed
    assert ahead.decode_ahead("photo.jpg") is not guessed


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("apply -f identity photo.jpg -o new.png", ["PIL.Image"]),
        ("apply -f identity photo.jpg -d new", []),
        ("apply --help", []),
    ],
)
def test_the_picture_is_opened_before_click_is_imported(line: str, names: list[str]) -> None:
    code = """
import sys
class Finder:
    def find_spec(name, path=None, target=None):
        if name == "click":
            print([name for name in ("PIL.Image", "numpy") if name in sys.modules], file=sys.stderr)
sys.meta_path.insert(0, Finder)
from convcli.__main__ import main
main()
"""
    run = subprocess.run(
        [sys.executable, "-c", code, *line.split()], capture_output=True, text=True
    )
    assert (run.returncode, run.stderr.splitlines()[0]) == (0, repr(names))


def test_a_broken_picture_is_reported_as_any_other(run, folder: Path) -> None:
    data = (folder / "photo.jpg").read_bytes()
    (folder / "half.png").write_bytes(data[: len(data) // 2])
    words = ["apply", "-f", "identity", "half.png"]
    guessed = subprocess.run(
        [sys.executable, "-m", "convcli", *words, "-o", "new.png"], capture_output=True, text=True
    )
    assert (guessed.returncode, "Traceback" in guessed.stderr) == (1, False)
    assert guessed.stderr == run(*words, "-o", "new.png").stderr

"""Everything the README shows is run, in a folder with the sample pictures, in its order."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, SAMPLES
from PIL import Image

from convcli import Filter, load_filter
from convcli.filters import bundled_filters

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


def shell(text: str, folder: Path) -> None:
    """Run shell lines with this package as ``convcli``, wherever it is installed."""
    prelude = f'convcli() {{ "{sys.executable}" -m convcli "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", prelude + text],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    shutil.copytree(SAMPLES, tmp_path / "sample_images")
    (ridge,) = blocks("json")
    (tmp_path / "ridge.json").write_text(ridge)
    return tmp_path


def test_the_two_first_commands_install_and_run() -> None:
    install, test = blocks("sh")[:2]
    assert install.startswith("python3 -m venv .venv && .venv/bin/pip install . && ")
    assert test.startswith("python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && ")


def test_the_first_command_sharpens_the_sample_picture(workshop: Path) -> None:
    use = blocks("sh")[0].rpartition("&& .venv/bin/")[2]
    shell(use, workshop)
    with Image.open(workshop / "sharpened.png") as image:
        assert image.size == (768, 512)


@pytest.mark.parametrize("number", range(2, len(blocks("sh"))))
def test_every_shell_example_works(number: int, workshop: Path) -> None:
    before = set(workshop.rglob("*"))
    text = blocks("sh")[number]
    shell(text, workshop)
    new = {path.name for path in set(workshop.rglob("*")) - before}
    named = re.findall(r"(?:-o|-d|>|--report) '?([^\s'\"]+)", text)
    assert new >= {name.replace("{channel}", "0") for name in named}


def test_the_loop_and_the_list_do_every_picture(workshop: Path) -> None:
    (script,) = (text for text in blocks("sh") if "find " in text)
    shell(script, workshop)
    assert (workshop / "sample_images" / "landscape-lines.png").exists()
    listed = {path.name for path in (workshop / "small").iterdir()}
    small = {path.name for path in SAMPLES.rglob("*.png") if path.stat().st_size < 199 * 1024}
    assert listed == small >= {"badge.png", "lineart.png"}


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_makefile_does_what_has_changed(workshop: Path) -> None:
    (rule,) = blocks("make")
    (workshop / "Makefile").write_text(rule)
    command = workshop / "bin" / "convcli"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m convcli "$@"\n')
    command.chmod(0o755)
    shell('PATH="$PWD/bin:$PATH" make', workshop)
    made = {path.name: path.stat().st_mtime_ns for path in (workshop / "edges").iterdir()}
    assert set(made) == {path.name for path in SAMPLES.glob("*.png")}
    (workshop / "sample_images" / "badge.png").touch()
    shell('PATH="$PWD/bin:$PATH" make', workshop)
    again = {path.name: path.stat().st_mtime_ns for path in (workshop / "edges").iterdir()}
    assert {name for name in made if made[name] != again[name]} == {"badge.png"}


def test_the_fields_of_a_report_are_described() -> None:
    from convcli.batch import Job, Result
    from convcli.report import record

    table = README.partition("| field | is |")[2].partition("\n\n")[0]
    described = set(re.findall(r"\w+", " ".join(re.findall(r"^\| (.*?) \|", table, re.M))))
    assert described == set(record(Result(Job("a", "b", None), "ok")))


def test_the_python_example_works(workshop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workshop)
    (code,) = blocks("python")
    exec(code, {})
    assert (workshop / "emboss.png").exists()


@pytest.mark.parametrize("name", ["sharpen", "sobel", "emboss"])
def test_the_pictures_shown_are_what_the_tool_makes(name: str, workshop: Path) -> None:
    shell(f"convcli apply -f {name} sample_images/landscape.jpg -o made.jpg", workshop)
    kept = SAMPLES / "results" / f"{name}.jpg"
    with Image.open(workshop / "made.jpg") as made, Image.open(kept) as shown:
        difference = np.abs(np.asarray(made).astype(int) - np.asarray(shown))
    assert difference.mean() < 0.5


def test_the_table_of_keys_is_complete() -> None:
    described = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", README, re.M))))
    assert set(Filter.__dataclass_fields__) <= described


def test_the_samples_stay_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*.*")) < 2_000_000


@pytest.mark.parametrize("name", list(bundled_filters()))
def test_every_bundled_filter_runs_on_a_picture(name: str, workshop: Path) -> None:
    with Image.open(SAMPLES / "landscape.jpg") as image:
        image.resize((60, 40)).save(workshop / "small.png")
    from convcli import apply_filters, read_image, write_image

    result = apply_filters(read_image(workshop / "small.png"), [load_filter(name)])
    write_image(result, workshop / "out.png")
    with Image.open(workshop / "out.png") as image:
        assert image.size == (60, 40)

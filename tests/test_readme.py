"""Everything the README shows is run, in its order, twice, in a folder with the sample pictures."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, SAMPLES
from PIL import Image

from convcli import Filter, load_filter
from convcli.filters.bundled import bundled_filters

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


def tour() -> str:
    """Return the shell and Python blocks that follow the two first commands, as one script."""
    (code,) = blocks("python")
    steps = [*blocks("sh")[2:], f"{shlex.quote(sys.executable)} - <<'END'\n{code}END\n"]
    return "".join(f"echo {shlex.quote(step.splitlines()[0])} >&2\n{step}" for step in steps)


def contents(folder: Path) -> dict[Path, bytes]:
    """Return every file of ``folder``, except those of a tour, which git ignores."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if folder / "tour" not in path.parents}


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    shutil.copytree(SAMPLES, tmp_path / "sample_images")
    return tmp_path


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the sample pictures, after a tour that began at its top."""
    clone = tmp_path_factory.mktemp("clone")
    shutil.copytree(SAMPLES, clone / "sample_images")
    shell(tour(), clone)
    assert contents(clone / "sample_images") == {
        clone / path.relative_to(SAMPLES.parent): data for path, data in contents(SAMPLES).items()
    }
    return clone


@pytest.fixture(scope="module")
def toured(clone: Path) -> Path:
    """Return the folder of a second tour."""
    before = contents(clone)
    shell(tour(), clone)
    assert contents(clone) == before
    return clone / "tour"


def test_the_two_first_commands_begin_with_an_installation_that_is_not_run_here() -> None:
    install, test = blocks("sh")[:2]
    assert install.startswith("python3 -m venv .venv && .venv/bin/pip install . && ")
    assert test.startswith("python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && ")


def test_what_the_first_command_does_after_its_installation_works_twice(workshop: Path) -> None:
    use = blocks("sh")[0].rpartition("&& .venv/bin/")[2]
    before = contents(workshop)
    for _ in range(2):
        shell(use, workshop)
        assert contents(workshop) == before
    with Image.open(workshop / "tour" / "landscape.jpg") as image:
        assert image.size == (768, 512)


def test_git_ignores_the_folder_of_the_tour() -> None:
    assert "/tour/" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_first_tour_changes_nothing_outside_its_folder(clone: Path) -> None:
    assert {path.name for path in clone.iterdir()} == {"sample_images", "tour"}


def test_the_tour_can_be_made_twice_and_leaves_every_result_that_it_names(toured: Path) -> None:
    named = re.findall(r"(?:-o|-d|>|--report) '?([^\s'\"]+)", "".join(blocks("sh")[3:]))
    named += re.findall(r'write_image\(.*"(.*)"\)', blocks("python")[0])
    missing = {name for name in named if not (toured / re.sub(r"{\w+}", "0", name)).exists()}
    assert len(named) > 20
    assert missing == set()


def test_the_tour_leaves_its_pictures_as_they_are(toured: Path) -> None:
    kept, own = toured / "sample_images", contents(SAMPLES)
    assert contents(kept) == {kept / path.relative_to(SAMPLES): own[path] for path in own}


def test_the_ridges_of_the_tour_are_bright_where_the_lines_are_dark(toured: Path) -> None:
    with Image.open(toured / "ridges.png") as ridges, Image.open(SAMPLES / "lineart.png") as lines:
        # A ray of the star, one pixel wide, and the paper on either side.
        ray = [(510, y) for y in range(20, 80)]
        assert {lines.convert("L").getpixel(at) for at in ray} == {0}
        assert {ridges.convert("L").getpixel(at) for at in ray} == {255}
        assert {ridges.convert("L").getpixel((x, y)) for x in (509, 511) for _, y in ray} == {0}


def test_the_loop_and_the_list_do_every_picture(toured: Path) -> None:
    assert [path.name for path in (toured / "lines").iterdir()] == ["landscape.png"]
    listed = {path.name for path in (toured / "small").iterdir()}
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
    from convcli.batch.report import record

    table = (
        (ROOT / "CONTRIBUTING.md").read_text().partition("| field | is |")[2].partition("\n\n")[0]
    )
    described = set(re.findall(r"\w+", " ".join(re.findall(r"^\| (.*?) \|", table, re.M))))
    assert described == set(record(Result(Job("a", "b", None), "ok")))


@pytest.mark.parametrize("name", ["sharpen", "sobel", "emboss"])
def test_the_pictures_shown_are_what_the_tool_makes(name: str, workshop: Path) -> None:
    shell(f"convcli apply -f {name} sample_images/landscape.jpg -o made.jpg", workshop)
    kept = SAMPLES / "results" / f"{name}.jpg"
    with Image.open(workshop / "made.jpg") as made, Image.open(kept) as shown:
        difference = np.abs(np.asarray(made).astype(int) - np.asarray(shown))
    assert difference.mean() < 0.5


def test_the_chart_of_speeds_is_drawn_from_the_table() -> None:
    chart = runpy.run_path(str(ROOT / "tests" / "benchmarks" / "speed_chart.py"))
    drawn = chart["svg_of"](chart["table_of"](README))
    assert (SAMPLES / "results" / "speed.svg").read_text(encoding="utf-8") == drawn


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

"""``--shard``: one part of a batch, the same on every machine."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from convcli import PlanError
from convcli.batch import plan_jobs
from convcli.batch.inputs import STREAM, Source, expand
from convcli.batch.parts import Part, key_of, parse_part


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return pictures in folders, from beside these."""
    monkeypatch.chdir(tmp_path)
    names = [f"in/{folder}/{number}.png" for folder in "ab" for number in range(6)]
    for name in names:
        os.makedirs(os.path.dirname(name), exist_ok=True)
        Image.new("RGB", (4, 3), (9, 8, 7)).save(name)
    return names


@pytest.mark.parametrize("names", ["frame-{:06}.jpg", "s3://bucket/{0:x}/picture.png"])
def test_parts_are_even_within_two_percent(names: str) -> None:
    keys = [names.format(number) for number in range(100_000)]
    parts = [Part(number + 1, 3) for number in range(3)]
    sizes = Counter(part.number for key in keys for part in parts if part.has(key))
    assert sum(sizes.values()) == len(keys)
    mean = len(keys) / len(parts)
    assert all(abs(size - mean) < 0.02 * mean for size in sizes.values())


def test_the_part_of_a_path_never_changes() -> None:
    keys = ["a.png", "in/ä.png", "s3://bucket/key.jpg", os.fsdecode(b"\xff.png")]
    numbers = [next(n for n in range(1, 9) if Part(n, 8).has(key)) for key in keys]
    # printf a.png | b2sum -l 64: the last digit modulo 8, plus 1
    assert numbers == [7, 5, 4, 5]


def test_the_key_of_a_picture_is_its_path_as_given_or_below_its_folder(
    pictures: list[str], tmp_path: Path
) -> None:
    absolute = [key_of(source) for source in expand([str(tmp_path / "in")], recursive=True)]
    relative = [key_of(source) for source in expand(["in/"], recursive=True)]
    assert absolute == relative == [name.removeprefix("in/") for name in pictures]
    named = [key_of(source) for source in expand(["./in/a/0.png", "in//a/1.png"])]
    assert named == ["in/a/0.png", "in/a/1.png"]
    assert key_of(Source(STREAM, STREAM)) == "-"


def test_every_picture_is_in_exactly_one_part_in_any_order(pictures: list[str]) -> None:
    for names in (pictures, random.Random(0).sample(pictures, len(pictures))):
        parts = [
            {
                job.source
                for job in plan_jobs(
                    expand(names, relative_to="."), output_dir="out", part=Part(n + 1, 3)
                )
            }
            for n in range(3)
        ]
        assert sorted(name for part in parts for name in part) == pictures
        assert parts[0] == {f"in/a/{number}.png" for number in (2, 3, 4, 5)}


def test_parts_run_one_by_one_make_the_whole(run, pictures: list[str]) -> None:
    records = []
    for number in (1, 2, 3):
        flags = ["--shard", f"{number}/3", "-j", "1", "--report", "-"]
        done = run("apply", "-f", "sharpen", "-r", "in", "-d", "out", *flags)
        assert done.exit_code == 0
        records.append([json.loads(line)["input"] for line in done.stdout.splitlines()])
    assert sorted(name for part in records for name in part) == pictures
    assert all(0 < len(part) < len(pictures) for part in records)
    assert len(list(Path("out").rglob("*.png"))) == len(pictures)
    Path("list").write_text("\n".join(reversed(pictures)))
    flags = ["--files-from", "list", "-d", "again", "--relative-to", "in", "--dry-run"]
    shown = [run("upsample", *flags, "--shard", f"{n}/2").stdout.splitlines() for n in (1, 2)]
    assert sum(map(len, shown)) == len(pictures)
    assert all(shown)
    assert not Path("again").exists()


def test_a_part_without_pictures_is_no_error(run, pictures: list[str]) -> None:
    done = [
        run("apply", "-f", "sharpen", pictures[0], "-o", "o.png", "--shard", f"{number}/2")
        for number in (1, 2)
    ]
    assert [one.exit_code for one in done] == [0, 0]
    assert sorted(one.stderr for one in done)[0] == ""
    (text,) = (one.stderr for one in done if one.stderr)
    assert text.startswith("Nothing to do: no images in part ")
    assert Path("o.png").exists()


def test_two_pictures_of_different_parts_with_one_result_are_refused(
    run, pictures: list[str]
) -> None:
    command = ["apply", "-f", "sharpen", "in/a/0.png", "in/b/0.png", "-d", "out", "--shard"]
    for number in range(1, 5):
        done = run(*command, f"{number}/4")
        assert done.exit_code == 2
        assert "would both be written to out/0.png" in done.stderr


@pytest.mark.parametrize(
    "text", ["0/4", "5/4", "1/0", "1", "/", "a/b", "-1/4", "1/4/2", "1/", "²/4"]
)
def test_what_is_not_a_part_is_refused(run, pictures: list[str], text: str) -> None:
    with pytest.raises(PlanError, match=r"is not I/N|I is from 1 to N"):
        parse_part(text)
    done = run("apply", "-f", "sharpen", "-r", "in", "-d", "out", f"--shard={text}")
    assert done.exit_code == 2
    assert "'--shard'" in done.stderr
    assert not Path("out").exists()

"""Batches on object stores."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from object_store import Store, png

from convcli import ImageError
from convcli.batch import Options
from convcli.batch.inputs import Source
from convcli.batch.stores import list_objects, open_store, read_object, write_object
from convcli.batch.streaming import stream_items

obstore = pytest.importorskip("obstore", reason="needs the extra cloud")
pytest.importorskip("moto.server", reason="needs moto[server]")


APPLY = ("apply", "-f", "sharpen", "-j", "1")
TREE = (*APPLY, "-r", "s3://bucket/in", "-d", "s3://bucket/out")


def keys(folder: str) -> list[str]:
    return [entry.url.removeprefix("s3://bucket/") for entry in list_objects(folder)]


def test_a_batch_costs_one_get_and_one_put_a_picture(store: Store, convcli: Any) -> None:
    code, _, errors = convcli(*TREE)
    assert (code, errors.splitlines()[0]) == (0, "-r left out 1 files: 1 .txt")
    assert "8 done, 0 skipped, 0 failed" in errors
    # A listing asks whether anybody is there.
    assert store.counts() == {"LIST": 1 + 2, "GET": 8, "PUT": 8}
    assert keys("s3://bucket/out") == [f"out/{n % 2}/a {n}.png" for n in (0, 2, 4, 6, 1, 3, 5, 7)]
    store.counts()
    for flag in ("--skip-existing", "--update"):
        code, _, errors = convcli(*TREE, flag)
        assert (code, "0 done, 8 skipped" in errors) == (0, True)
        assert store.counts() == {"LIST": 1 + 2}
    code, _, errors = convcli(*TREE)
    assert (code, "8 of 8 results exist already" in errors) == (1, True)
    assert store.counts() == {"LIST": 1 + 2}
    obstore.delete(open_store("s3://bucket"), "out/1/a 3.png")
    store.counts()
    code, _, errors = convcli(*TREE, "--skip-existing", "-j", "2")
    assert (code, "1 done, 7 skipped" in errors) == (0, True), errors
    assert store.counts() == {"LIST": 1 + 2, "GET": 1, "PUT": 1}
    code, _, errors = convcli(*TREE, "--overwrite", "-j", "2")
    assert (code, "8 done" in errors) == (0, True)
    assert store.counts() == {"LIST": 1 + 1, "GET": 8, "PUT": 8}


def test_a_picture_costs_the_bytes_of_its_files_and_nothing_else(
    store: Store, convcli: Any
) -> None:
    assert convcli(*TREE)[0] == 0
    sizes = {entry.url: entry.size for entry in list_objects("s3://bucket")}
    read = sum(size for url, size in sizes.items() if re.search(r"/in/\d/", url))
    written = sum(size for url, size in sizes.items() if "/out/" in url)
    traffic = store.bytes()
    assert (traffic["GET"], traffic["PUT"]) == ((0, read), (written, 0))


def test_lists_and_pictures_of_a_folder_are_known_to_be_done(store: Store) -> None:
    """A shard that is run again needs to know it of results in a folder, too."""
    sources = [Source(f"s3://bucket/in/{n}.png", f"{n}.png", modified=9) for n in range(3)]
    Path("0.png").touch()
    Path("1.png").touch()
    os.utime("1.png", (8, 8))
    for options, expected in (
        (Options(), [True, True, False]),
        (Options(skip_existing=True), [True, True, False]),
        (Options(update=True), [True, False, False]),
        (Options(overwrite=True), [None, None, None]),
    ):
        items = stream_items(sources, options, output_dir=".")
        assert [item.was_done for item in items] == expected
    assert store.counts() == {}


@pytest.mark.parametrize("order", [1, -1])
def test_a_list_of_objects_is_planned_as_it_is_read(store: Store, convcli: Any, order: int) -> None:
    names = [f"s3://bucket/in/{n % 2}/a {n}.png" for n in (0, 2, 4, 6, 1, 3, 5, 7)][::order]
    Path("list").write_text("\n".join(names))
    flags = ["--files-from", "list", "--relative-to", "s3://bucket/in", "-d", "s3://bucket/out"]
    assert convcli(*APPLY, *flags)[0] == 0
    assert store.counts() == {"LIST": 1 + 1, "GET": 8, "PUT": 8}
    obstore.delete(open_store("s3://bucket"), "out/1/a 3.png")
    store.counts()
    code, _, errors = convcli(*APPLY, *flags, "--skip-existing")
    assert (code, "1 done, 7 skipped, 0 failed" in errors) == (0, True), errors
    assert store.counts() == {"LIST": 1 + 1, "GET": 1, "PUT": 1}
    Path("list").write_text("\n".join([names[0], *names]))
    code, _, errors = convcli(*APPLY, *flags, "--overwrite")
    assert (code, "8 done, 0 skipped, 1 failed" in errors) == (1, True), errors
    assert f"{names[0]}: " in errors
    assert "would also be written to s3://bucket/out/" in errors


def test_options_of_streamed_batches_are_checked_as_those_of_files(
    store: Store, convcli: Any
) -> None:
    code, _, errors = convcli(*TREE, "--save", "nothing=1")
    assert (code, errors.count("\n")) == (2, 1), errors
    assert "nothing" in errors
    assert store.counts().keys() == {"LIST"}
    store.request("PUT", "/bucket/in/2.jpg", png(1))
    code, _, errors = convcli(*TREE, "--save", "compress_level=1")
    assert (code, "1 failed" in errors) == (0 + 1, True), errors
    assert "Error: s3://bucket/out/2.jpg: " in errors
    white = '{"weight": [[1, 1], [1, 1]]}'
    doubtful = ["apply", "-f", white, "-j", "1", "-r", "s3://bucket/in/0", "-d"]
    expected = convcli(*doubtful[:5], "--dry-run", "-d", "out", "-r", "s3://bucket/in/0")[2]
    assert "Warning: " in expected
    assert "Warning: " not in convcli(*doubtful, "out", "--format", "npy")[2]


def test_results_are_those_of_files(store: Store, convcli: Any) -> None:
    convcli(*TREE)
    convcli(*APPLY, "-r", "s3://bucket/in", "-d", "here")
    for path in Path("here").rglob("*.png"):
        assert read_object(f"s3://bucket/out/{path.relative_to('here')}") == path.read_bytes()
    code, _, _ = convcli(*APPLY, "-r", "here", "-d", "s3://bucket/again")
    assert code == 0
    assert len(keys("s3://bucket/again")) == 8


def test_lists_reports_and_single_pictures_may_be_objects(store: Store, convcli: Any) -> None:
    names = "s3://bucket/in/0/a 0.png\ns3://bucket/in/1/a 1.png\n"
    write_object("s3://bucket/list", names.encode(), overwrite=False)
    flags = ["--files-from", "s3://bucket/list", "--relative-to", "s3://bucket/in", "-d"]
    report = ["--report", "s3://bucket/r.jsonl"]
    code, _, errors = convcli(*APPLY, *flags, "s3://bucket/out", *report)
    assert (code, "2 done" in errors) == (0, True)
    records = [json.loads(line) for line in read_object("s3://bucket/r.jsonl").splitlines()]
    assert [record["output"] for record in records] == [
        "s3://bucket/out/0/a 0.png",
        "s3://bucket/out/1/a 1.png",
    ]
    one = [*APPLY, "s3://bucket/in/0/a 0.png", "-o"]
    assert convcli(*one, "s3://bucket/one.jpg")[0] == 0
    code, _, errors = convcli(*one, "s3://bucket/one.jpg")
    assert (code, "s3://bucket/one.jpg exists already" in errors) == (1, True)
    assert convcli(*one, "s3://bucket/one.jpg", "--skip-existing")[0] == 0
    assert convcli(*one, "s3://bucket/c-{channel}.png")[0] == 0
    assert [key for key in keys("s3://bucket") if key.startswith("c-")] == [
        f"c-{channel}.png" for channel in range(3)
    ]


def test_a_dry_run_writes_nothing(store: Store, convcli: Any) -> None:
    code, output, _ = convcli(*TREE, "--dry-run", "--shard", "1/1")
    assert code == 0
    assert "s3://bucket/in/0/a 0.png -> s3://bucket/out/0/a 0.png  6x4 RGB -> 6x4\n" in output
    assert output.count("\n") == 8
    assert "PUT" not in store.counts()
    parts = [convcli(*TREE, "--dry-run", "--shard", f"{n}/2")[1].splitlines() for n in (1, 2)]
    assert sorted(line for part in parts for line in part) == sorted(output.splitlines())


def test_two_inputs_of_one_result_are_reported(store: Store, convcli: Any) -> None:
    store.request("PUT", "/bucket/in/0/a%200.bmp", png(3))
    code, _, errors = convcli(*TREE, "--format", "png")
    assert code == 1
    assert "s3://bucket/in/0/a 0.bmp would also be written to s3://bucket/out/0/a 0.png" in errors
    assert "8 done, 0 skipped, 1 failed" in errors


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["-r", "s3://gone/in", "-d", "out"], "s3://gone/in cannot be listed: there is no such b"),
        (["-r", "s3://bucket/in", "-d", "s3://gone"], "s3://gone cannot be listed: there is no"),
        (["s3://bucket/in/", "-d", "out"], "s3://bucket/in/ is a folder: -r takes the images"),
        (["s3://", "-d", "out"], "s3://: it names no bucket: write s3://BUCKET/KEY"),
        (["--files-from", "s3://bucket/no", "-d", "out"], "list s3://bucket/no: there is no such"),
        (
            ["-r", "s3://bucket/in", "-d", "out", "--report", "s3://gone/r"],
            "there is no such bucket",
        ),
    ],
)
def test_what_is_not_there_is_one_line_and_touches_nothing(
    store: Store, convcli: Any, arguments: list[str], fault: str
) -> None:
    code, output, errors = convcli(*APPLY, *arguments)
    assert (code, output, fault in errors) == (2, "", True), errors
    assert errors.count("\n") == 1
    assert not Path("out").exists()


def test_a_missing_object_fails_alone(store: Store, convcli: Any) -> None:
    names = ["s3://bucket/no.png", "s3://bucket/in/0/a 0.png"]
    code, _, errors = convcli(*APPLY, *names, "-d", "out")
    assert code == 1
    assert "Error: s3://bucket/no.png: there is no such object\n" in errors
    assert os.listdir("out") == ["a 0.png"]


def test_a_bucket_that_goes_away_is_reported(store: Store) -> None:
    with pytest.raises(ImageError, match="there is no such bucket"):
        write_object("s3://gone/a.png", b"", overwrite=False)

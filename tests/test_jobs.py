"""Where every result goes is settled before any picture is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from convcli import PlanError
from convcli.batch.inputs import Source
from convcli.batch.jobs import Job, check_apart, plan_jobs


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def targets(*sources: str | Source, **options: object) -> list[str]:
    return [job.target for job in plan_jobs(sources, **options)]


def test_results_go_to_a_folder_that_need_not_exist() -> None:
    assert targets("x/a.png", "b.jpg", output_dir="new/out") == ["new/out/a.png", "new/out/b.jpg"]
    assert os.listdir() == []


def test_files_of_a_folder_keep_their_tree() -> None:
    found = [Source("in/sub/a.png", "sub/a.png", True), Source("in/a.png", "a.png", True)]
    assert targets(*found, output_dir="out") == ["out/sub/a.png", "out/a.png"]


def test_a_suffix_goes_before_the_extension_in_a_folder_or_beside_the_input() -> None:
    assert targets("x/a.b.png", suffix="-2", output_dir="out") == ["out/a.b-2.png"]
    assert targets("x/a.png", "b.jpg", suffix="-2") == ["x/a-2.png", "b-2.jpg"]
    assert targets("x/a.png", suffix="-2", format="jpg") == ["x/a-2.jpg"]
    assert targets("x/a.png", suffix="-{channel}") == ["x/a-{channel}.png"]


def test_a_result_of_an_earlier_run_is_no_input_of_a_later_one() -> None:
    found = [Source(f"in/{name}", name, True) for name in ("a-2.png", "a.png", "b-2.png")]
    assert targets(*found, suffix="-2") == ["in/a-2.png", "in/b-2-2.png"]
    assert targets(*found, suffix="-2", output_dir="in") == ["in/a-2.png", "in/b-2-2.png"]


def test_the_format_is_that_of_the_extension_or_the_one_named() -> None:
    assert plan_jobs(["a.jpeg"], output="b.tif") == [Job("a.jpeg", "b.tif", "TIFF")]
    assert plan_jobs(["a.jpeg"], output="b.tif", format="png") == [Job("a.jpeg", "b.tif", "PNG")]
    assert plan_jobs(["a"], output_dir="d", format=".PNG") == [Job("a", "d/a.png", "PNG")]
    assert plan_jobs(["-"]) == [Job("-", "-", None)]


def test_in_place_needs_overwrite() -> None:
    for options in ({"output": "a.png"}, {"output_dir": "."}, {"suffix": ""}):
        with pytest.raises(PlanError, match=r"a\.png would be replaced by its own result"):
            targets("a.png", **options)
        assert [os.path.normpath(one) for one in targets("a.png", overwrite=True, **options)] == [
            "a.png"
        ]


def test_links_do_not_hide_that_a_result_would_replace_its_input() -> None:
    Path("a.png").touch()
    Path("link.png").symlink_to("a.png")
    Path("folder").symlink_to(".")
    for source, output in (("link.png", "a.png"), ("a.png", "link.png"), ("a.png", "folder/a.png")):
        with pytest.raises(PlanError, match="replaced by its own result"):
            targets(source, output=output)


def test_no_result_replaces_another_input_even_with_overwrite() -> None:
    with pytest.raises(
        PlanError, match=r"of a\.png would replace a-2\.png, which is also an input"
    ):
        targets("a.png", "a-2.png", suffix="-2", overwrite=True)


def test_no_inputs_are_no_error_but_no_output_is() -> None:
    assert targets(output_dir="out") == targets(output="a.png") == targets(suffix="-2") == []
    with pytest.raises(PlanError, match="Name output=FILE for one picture"):
        targets()


@pytest.mark.parametrize(
    ("sources", "options", "fault"),
    [
        (
            ["x/a.png", "y/a.png"],
            {"output_dir": "out"},
            "both be written to out/a.png: relative_to=DIR",
        ),
        (["a.png", "a.jpg"], {"output_dir": "out", "format": "png"}, "without format=NAME"),
        (["a.png", "./a.png"], {"suffix": "-2"}, "it is one file, so name it once"),
        (
            ["a.png"],
            {"output_dir": "file"},
            "the output folder file cannot be created: .*file is a file",
        ),
        (["a.png"], {"output_dir": "file/below/it"}, "file is a file"),
        (["a.png"], {"output_dir": ""}, "the name of the output folder is empty"),
        (["a.png"], {"output": "file/b.png"}, "output folder file cannot be created"),
        (["a.png"], {"output": "b.png", "suffix": "-2"}, "suffix=TEXT is for output_dir=DIR"),
        (["a.png"], {"suffix": "/2"}, "cannot be part of a file's name"),
        (["a.xyz"], {"output_dir": "out"}, "a.xyz: '.xyz' is not an image format"),
        (["a.psd"], {"output_dir": "out"}, "a.psd: '.psd' is not an image format"),
        (["file"], {"output_dir": "out"}, "file has no extension"),
        (["folder"], {"output_dir": "out"}, "folder: there is no such file or folder"),
        (["-"], {"suffix": "-2"}, "standard input has no name"),
        (
            [Source("in/a.png", "a.png", True)],
            {"output": "b.png"},
            "output_dir=DIR takes any number",
        ),
    ],
)
def test_contradicting_output_options_are_refused(
    sources: list[str | Source], options: dict[str, str], fault: str
) -> None:
    Path("file").touch()
    with pytest.raises(PlanError, match=fault):
        plan_jobs(sources, **options)
    assert os.listdir() == ["file"]


def test_a_report_is_not_written_over_an_image_of_the_batch() -> None:
    jobs = plan_jobs(["a.png", "b.png"], output_dir="out")
    check_apart("out/c.png", jobs)
    for name in ("./a.png", "out/b.png"):
        with pytest.raises(PlanError, match="is an image of this batch"):
            check_apart(name, jobs)


def test_a_report_is_not_written_over_the_list_or_in_the_place_of_a_folder() -> None:
    jobs = plan_jobs([Source("in/a.png", "b/a.png", True)], output_dir="out")
    check_apart("out/b/c.jsonl", jobs, ["list", "filter.json"])
    with pytest.raises(PlanError, match="list is a list or filter of this batch"):
        check_apart("./list", jobs, ["filter.json", "list"])
    for name in ("out", "out/b"):
        with pytest.raises(PlanError, match=f"{name} is a folder of results: name a file in it"):
            check_apart(name, jobs)
    with pytest.raises(PlanError, match="new/ is a folder: name a file in it"):
        check_apart("new/", jobs)

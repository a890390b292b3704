"""What a user names becomes one list of files, whatever their names hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from convcli import PlanError
from convcli.batch import lists
from convcli.batch.inputs import Source, expand
from convcli.batch.lists import is_in_order, read_list

TEMPORARY = ".convcli-0123456789abcdef.png"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of files that are never opened, and work beside it."""
    for name in (
        "b.png",
        "a.JPG",
        "notes.txt",
        "film.mpg",
        "array.npy",
        "sub/z.png",
        "sub/deep/c.tif",
        ".hidden/d.png",
        ".e.png",
        TEMPORARY,
    ):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "in"


def places(sources: list[Source]) -> list[str]:
    return [source.place for source in sources]


def test_files_keep_their_order_and_go_under_their_base_names() -> None:
    assert expand(["y/b.png", "x/a.png", "-"]) == [
        Source("y/b.png", "b.png"),
        Source("x/a.png", "a.png"),
        Source("-", "-"),
    ]


def test_a_folder_stands_for_its_images_by_name_with_their_tree(tree: Path) -> None:
    found = expand(["in"], recursive=True)
    assert places(found) == ["a.JPG", "b.png", "sub/z.png", "sub/deep/c.tif"]
    assert [source.path for source in found] == [f"in/{place}" for place in places(found)]
    assert all(source.is_found for source in found)


def test_a_folder_without_recursive_is_refused_with_the_remedy(tree: Path) -> None:
    with pytest.raises(PlanError, match="in is a folder: recursive=True takes"):
        expand(["in"])
    with pytest.raises(PlanError, match="in is a folder: recursive=True takes"):
        expand([], listed=["in"])


def test_a_file_that_is_named_is_taken_whatever_its_extension(tree: Path) -> None:
    assert places(expand(["in/notes.txt", "in/.e.png"])) == ["notes.txt", ".e.png"]


@pytest.mark.parametrize("output", ["in/sub", "in/sub/", "./in/../in/sub"])
def test_the_output_folder_is_not_walked_into(tree: Path, output: str) -> None:
    found = expand(["in"], recursive=True, output_dir=output)
    assert places(found) == ["a.JPG", "b.png"]


def test_a_folder_that_is_its_own_output_is_walked_through(tree: Path) -> None:
    assert len(expand(["in"], recursive=True, output_dir="in")) == 4


def test_links_to_folders_are_not_followed_and_links_to_files_are(tree: Path) -> None:
    (tree / "sub" / "loop").symlink_to(tree)
    (tree / "link.png").symlink_to("b.png")
    assert "link.png" in places(expand(["in"], recursive=True))
    assert len(expand(["in"], recursive=True)) == 5
    Path("elsewhere").symlink_to(tree)
    assert len(expand(["elsewhere"], recursive=True)) == 5


def test_an_unreadable_folder_is_reported(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Permissions do not stop a superuser.
    scandir = os.scandir

    def refusing(folder: str):
        if folder.endswith("deep"):
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(PlanError, match="in/sub/deep: the folder cannot be read: Permission"):
        expand(["in"], recursive=True)


def test_an_unfinished_result_is_refused_by_name_and_passed_over_in_a_list(tree: Path) -> None:
    with pytest.raises(PlanError, match="remove it"):
        expand([f"in/{TEMPORARY}"])
    assert places(expand([], listed=[f"in/{TEMPORARY}", "in/b.png"])) == ["b.png"]
    assert places(expand(["in/.convcli-mine.png"])) == [".convcli-mine.png"]


@pytest.mark.parametrize(
    ("content", "null", "names"),
    [
        (b"a.png\nsub/b c.png\n", False, ["a.png", "sub/b c.png"]),
        (b"a.png\r\n\r\n  \nb.png", False, ["a.png", "b.png"]),
        (b"\xef\xbb\xbfa.png\n", False, ["a.png"]),
        (b" a.png \n-f.png\n", False, [" a.png ", "-f.png"]),
        (b"a\nb.png\0\0-.png\0\r\0", True, ["a\nb.png", "-.png", "\r"]),
        (b"\xff\xfe.png\0", True, ["\udcff\udcfe.png"]),
        (b"\xff.png\n", False, ["\udcff.png"]),
        (b"", False, []),
        (b"", True, []),
    ],
)
def test_a_list_is_read_by_lines_or_by_nul(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, null: bool, names: list[str]
) -> None:
    (tmp_path / "list").write_bytes(content)
    assert list(read_list(str(tmp_path / "list"), null=null)) == names
    monkeypatch.setattr(lists, "PIECE", 2)  # names and their ends come in pieces
    assert list(read_list(str(tmp_path / "list"), null=null)) == names


def test_a_list_with_the_wrong_separator_is_reported(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"a.png\0b.png\0")
    with pytest.raises(PlanError, match="null=True reads it"):
        list(read_list(str(tmp_path / "list")))
    with pytest.raises(PlanError, match="cannot be read: No such file"):
        list(read_list(str(tmp_path / "gone")))
    with pytest.raises(PlanError, match="cannot be read: Is a directory"):
        list(read_list(str(tmp_path)))


def test_a_list_is_in_order_if_each_name_comes_after_the_last(tmp_path: Path) -> None:
    for names, expected in (("a a-b a/b b", True), ("a b ab", False), ("a a", False), ("", True)):
        (tmp_path / "list").write_text(names.replace(" ", "\n"))
        assert is_in_order(str(tmp_path / "list")) == expected
    assert not is_in_order("-")


def test_a_dash_in_a_list_is_a_file_of_that_name() -> None:
    assert expand([], listed=["-"]) == [Source("./-", "-")]


def test_a_list_may_come_from_standard_input_with_any_names(
    run, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photo.parent)
    names = [
        b"with space.png",
        b"two\nlines.png",
        b"-f.png",
        b"\xff\xfe.png",
        b"-",
        b"\x1b[31m.png",
    ]
    for name in names:
        os.link(photo, os.fsencode(photo.parent) + b"/" + name)
    flags = ["--files-from", "-", "-0", "-d", "out", "--format", "png", "-j", "1"]
    done = run("apply", "-f", "identity", *flags, stdin=b"\0".join(names))
    assert done.exit_code == 0
    assert done.stderr.startswith("6 done, 0 skipped, 0 failed, ")
    expected = {name if name.endswith(b".png") else name + b".png" for name in names}
    assert set(os.listdir(b"out")) == expected


def test_control_characters_in_names_are_escaped_in_messages(run, tmp_path: Path) -> None:
    flags = ["--files-from", "-", "-0", "-d", tmp_path / "out"]
    names = b"red\x1b[31m\nline.png\0\xff.png"
    done = run("apply", "-f", "identity", *flags, "-j", "1", stdin=names)
    assert done.exit_code == 1
    assert "Error: red\\x1b[31m\\nline.png: there is no such file\n" in done.stderr
    assert "Error: \\xff.png: there is no such file\n" in done.stderr


def test_an_empty_list_is_no_error(run, tmp_path: Path) -> None:
    flags = ["--files-from", "-", "-d", tmp_path / "out", "--report", tmp_path / "report"]
    done = run("apply", "-f", "identity", *flags, stdin=b"\n\n")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "Nothing to do" in done.stderr
    assert os.listdir(tmp_path) == ["report"]
    done = run("apply", "-f", "identity", *flags, "-q", stdin=b"")
    assert (done.exit_code, done.stderr) == (0, "")

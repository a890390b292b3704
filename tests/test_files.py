"""A file is written whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from convcli import ImageError
from convcli.system.atomic_files import is_temporary, replacing


def write(target: Path, data: bytes = b"new", overwrite: bool = False) -> None:
    with replacing(target, overwrite) as file:
        file.write(data)


def test_a_file_appears_with_the_permissions_of_a_new_one(tmp_path: Path) -> None:
    write(tmp_path / "a")
    (tmp_path / "b").write_bytes(b"")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_another_hard_link_keeps_the_old_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    os.link(tmp_path / "a", tmp_path / "b")
    write(tmp_path / "a", overwrite=True)
    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "b").read_bytes() == b"old"


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    with pytest.raises(ImageError, match="exists already"):
        write(target)
    assert target.read_bytes() == b"old"
    write(target, overwrite=True)
    assert target.read_bytes() == b"new"


def test_a_file_created_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "a"
    with pytest.raises(ImageError, match="exists already"), replacing(target, False) as file:
        file.write(b"new")
        target.write_bytes(b"other")
    assert target.read_bytes() == b"other"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_after_an_error_the_target_is_as_before(
    tmp_path: Path, interruption: type[BaseException]
) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    with pytest.raises(interruption), replacing(target, True) as file:
        file.write(b"half")
        raise interruption
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["a.png", "a", "a.tar.gz", "x" * 251 + ".png", "a." + "é" * 99])
def test_temporary_files_are_recognized_by_name(tmp_path: Path, name: str) -> None:
    with replacing(tmp_path / name, False):
        (temporary,) = tmp_path.iterdir()
        assert is_temporary(temporary)
        assert is_temporary(temporary.name)
    assert not is_temporary(tmp_path / name)


@pytest.mark.parametrize(
    "name",
    [
        ".convcli-",
        ".convcli-mine.png",
        "convcli-0123456789abcdef.png",
        ".convcli-0123456789abcdefg",
    ],
)
def test_other_names_are_not_those_of_temporary_files(name: str) -> None:
    assert not is_temporary(name)


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_writing_through_a_dangling_link_creates_its_target(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_device_is_written_to_and_stays_a_device() -> None:
    write(Path("/dev/null"))
    write(Path("/dev/null"), overwrite=True)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("missing/a", "does not exist"),
        (".", "is a folder"),
        ("x" * 300, "cannot be written: File name too long"),
    ],
)
def test_an_unwritable_target_is_reported(tmp_path: Path, name: str, fault: str) -> None:
    with pytest.raises(ImageError, match=fault):
        write(tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_reported() -> None:
    with pytest.raises(ImageError, match="No space left"):
        write(Path("/dev/full"))


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="needs posix_fadvise")
@pytest.mark.parametrize("knows", [True, False])
def test_a_large_file_goes_to_the_disk_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, knows: bool
) -> None:
    ranges: list[tuple[int, int]] = []

    def begin(number: int, start: int, size: int, advice: int) -> None:
        assert advice == os.POSIX_FADV_DONTNEED
        assert os.fstat(number).st_size >= start + size - 8192  # which a buffer may still hold
        ranges.append((start, size))
        if not knows:
            raise OSError

    monkeypatch.setattr(os, "posix_fadvise", begin)
    part = bytes(range(256)) * 20_000
    with replacing(tmp_path / "a", overwrite=False) as file:
        file.write(b"head")
        for _ in range(5):
            file.write(part)
        file.seek(0)
        file.write(b"HEAD")
    assert (tmp_path / "a").read_bytes() == b"HEAD" + 5 * part
    ends = [start + size for start, size in ranges]
    assert [start for start, _ in ranges] == [0, *ends[:-1]]
    assert len(ranges) > 1
    assert ends[-1] <= 5 * len(part) + 8

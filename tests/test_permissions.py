"""A file that replaces another has its permission bits, owner and group, and is never wider."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from convcli.system.atomic_files import replace_all, replacing

pytestmark = pytest.mark.skipif(not hasattr(os, "fchown"), reason="needs POSIX permissions")

needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, to own files as others"
)

ALICE, BOB, STAFF, CREW = 61001, 61002, 61003, 61004  # numbers suffice


def replace(target: Path) -> None:
    with replacing(target, True) as file:
        file.write(b"new")


def replace_channels(target: Path) -> None:
    replace_all([target], True, lambda number, file: file.write(b"new") and None)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def old(folder: Path, mode: int, owner: int = -1, group: int = -1) -> Path:
    path = folder / "a.png"
    path.write_bytes(b"old")
    os.chown(path, owner, group)
    path.chmod(mode)
    return path


def as_user(user: int, groups: list[int], do: Callable[[], None]) -> None:
    """Call ``do`` in a process of ``user``, a member of ``groups``."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups(groups)
            os.setresgid(groups[0], groups[0], groups[0])
            os.setresuid(user, user, user)
            do()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Yield a folder that every user may write to; nobody else gets into pytest's."""
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        yield Path(folder)


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o000])
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o664, 0o755, 0o4711, 0o000])
@pytest.mark.parametrize("way", [replace, replace_channels])
def test_permission_bits_are_kept(
    tmp_path: Path, mode: int, umask: int, way: Callable[[Path], None]
) -> None:
    target = old(tmp_path, mode)
    before = os.umask(umask)
    try:
        way(target)
    finally:
        os.umask(before)
    assert mode_of(target) == mode
    target.chmod(0o600)
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_what_the_umask_leaves(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        replace(tmp_path / "new")
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "new") == 0o666 & ~umask


def test_the_permissions_of_a_links_target_are_kept(tmp_path: Path) -> None:
    target = old(tmp_path, 0o600)
    (tmp_path / "link").symlink_to(target.name)
    replace(tmp_path / "link")
    assert mode_of(target) == 0o600


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o604, 0o4750])
def test_permissions_are_never_wider_than_the_final_ones(
    tmp_path: Path, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = CREW if os.geteuid() == 0 else -1
    target = old(tmp_path, mode, group=group)
    seen: list[tuple[int, int]] = []

    def noting(function: Callable[..., object]) -> Callable[..., object]:
        def noted(*arguments: object) -> object:
            result = function(*arguments)
            number = result if isinstance(result, int) else arguments[0]
            found = os.fstat(number)  # type: ignore[arg-type]
            seen.append((found.st_gid, stat.S_IMODE(found.st_mode)))
            return result

        return noted

    for name in ("open", "fchown", "fchmod"):
        monkeypatch.setattr(os, name, noting(getattr(os, name)))
    replace(target)
    final = target.stat().st_gid, mode
    assert len(seen) >= 2
    assert seen[-1] == final
    for found in seen[:-1]:
        assert found[1] & ~0o700 == 0
        assert found[1] & ~mode == 0


def test_permissions_revoked_while_writing_stay_revoked(tmp_path: Path) -> None:
    target = old(tmp_path, 0o644)
    with replacing(target, True) as file:
        file.write(b"new")
        target.chmod(0o600)
    assert mode_of(target) == 0o600


@needs_root
def test_root_keeps_owner_and_group(tmp_path: Path) -> None:
    target = old(tmp_path, 0o6640, ALICE, STAFF)
    replace(target)
    found = target.stat()
    assert (found.st_uid, found.st_gid, mode_of(target)) == (ALICE, STAFF, 0o6640)


@needs_root
@pytest.mark.parametrize(
    ("groups", "mode", "expected"),
    [
        ([CREW, STAFF], 0o664, (STAFF, 0o664)),
        ([CREW, STAFF], 0o4640, (STAFF, 0o640)),  # not set-user-ID of another user
        ([CREW], 0o640, (CREW, 0o600)),  # the crew was not allowed to read it
        ([CREW], 0o664, (CREW, 0o644)),
        ([CREW], 0o604, (CREW, 0o600)),  # the staff was not either
        ([CREW], 0o2755, (CREW, 0o755)),
    ],
)
def test_a_user_keeps_the_group_of_anothers_file_where_allowed(
    open_folder: Path, groups: list[int], mode: int, expected: tuple[int, int]
) -> None:
    target = old(open_folder, mode, ALICE, STAFF)
    as_user(BOB, groups, lambda: replace(target))
    found = target.stat()
    assert found.st_uid == BOB
    assert (found.st_gid, mode_of(target)) == expected
    assert target.read_bytes() == b"new"

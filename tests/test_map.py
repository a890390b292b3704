"""The README's map names every room and module of the package, and nothing that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def named(text: str) -> Iterator[str]:
    """Yield the paths that a map names: ``room/`` lines, and below them modules between commas.

    Two spaces deeper is one room further in; two spaces or more end the names of a line.
    """
    rooms: list[str] = []
    for line in text.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        for name in re.split(r" {2,}", line.strip())[0].split(", "):
            path = "".join(rooms[:depth]) + name
            if name.endswith("/"):
                rooms[depth:] = [name]
                yield path
            else:
                yield f"{path}.py"


def tree() -> set[str]:
    """Return what is to be named: every folder with modules, and every module but __init__."""
    modules = {path.relative_to(ROOT) for path in (ROOT / "convcli").rglob("*.py")}
    rooms = {f"{module.parent.as_posix()}/" for module in modules}
    return rooms | {module.as_posix() for module in modules if module.name != "__init__.py"}


def test_the_map_names_what_is_there_and_nothing_else() -> None:
    (text,) = re.findall(r"^```\n(convcli/\n.*?)^```$", README, re.MULTILINE | re.DOTALL)
    listed = list(named(text))
    assert len(listed) == len(set(listed)), "named twice"
    assert set(listed) == tree() | {"filters/"}


def test_the_reading_of_maps() -> None:
    lines = [
        "convcli/",
        "  errors  kinds",
        "  kernel/   arrays",
        "    engine/",
        "      fft, direct",
    ]
    assert list(named("\n".join([*lines, "    matrix"]))) == [
        "convcli/",
        "convcli/errors.py",
        "convcli/kernel/",
        "convcli/kernel/engine/",
        "convcli/kernel/engine/fft.py",
        "convcli/kernel/engine/direct.py",
        "convcli/kernel/matrix.py",
    ]

"""Imports point to lower floors only, and each heavy library is imported by its owners alone."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "convcli"

FLOORS = (
    ("errors",),
    ("system",),
    ("kernel",),
    ("images",),
    ("filters",),
    ("pipeline",),
    ("batch", "deconvolution", "drawing"),
    ("explain", "fitting"),
    ("cli",),
)
"""The rooms, the lowest first: a room imports from floors below its own."""

FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
PATHS = sorted(PACKAGE.rglob("*.py"))
MODULES = {
    ".".join(("convcli", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in PATHS
}


def room(path: Path) -> str:
    """Return the room of a file: its top-level package, or its own name."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imports(path: Path, *, when_running: bool = True) -> tuple[str, ...]:
    """Return every module that a file imports; ``when_running`` leaves out TYPE_CHECKING blocks."""
    return tuple(_imports(path, when_running))


def _imports(path: Path, when_running: bool) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and when_running:
            skipped.update(ast.walk(node))
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            package = node.module or ""
            submodules = {f"{package}.{alias.name}" for alias in node.names} & MODULES.keys()
            yield from submodules
            if len(submodules) < len(node.names):
                yield package


def imports_of_the_house() -> dict[str, set[str]]:
    """Return for each module those of the package that it imports, for type checkers too."""
    return {
        name: {found for found in imports(path, when_running=False) if found in MODULES}
        for name, path in MODULES.items()
    }


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return a circle of imports for each module that a depth-first search meets again."""
    found: list[list[str]] = []
    finished: set[str] = set()

    def visit(name: str, trail: list[str]) -> None:
        if name in trail:
            found.append(trail[trail.index(name) :])
        elif name not in finished:
            for other in sorted(graph[name]):
                visit(other, [*trail, name])
            finished.add(name)

    for name in sorted(graph):
        visit(name, [])
    return found


def test_every_room_has_a_floor() -> None:
    assert {room(path) for path in PATHS} - {"__init__", "__main__"} == set(FLOOR)


def test_rooms_import_from_lower_floors_alone() -> None:
    upwards = [
        f"{name} imports {other}"
        for name, others in imports_of_the_house().items()
        for other in others
        if (here := room(MODULES[name])) in FLOOR
        if (there := room(MODULES[other])) != here and there != "__init__"
        if FLOOR[there] >= FLOOR[here]
    ]
    assert upwards == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(imports_of_the_house()) == []


def test_the_rooms_within_images_do_not_import_each_other_in_a_circle() -> None:
    def inner(name: str) -> str:
        return ".".join(name.split(".")[:3])

    rooms = {f"convcli.images.{path.name}" for path in (PACKAGE / "images").iterdir()}
    rooms &= {inner(name) for name in MODULES if name.count(".") > 2}
    graph: dict[str, set[str]] = {one: set() for one in rooms}
    for name, others in imports_of_the_house().items():
        if inner(name) in rooms:
            graph[inner(name)] |= {inner(other) for other in others} & rooms - {inner(name)}
    assert len(rooms) > 4
    assert circles(graph) == []


def test_the_search_for_circles_finds_one_within_a_room() -> None:
    graph = {"banded": {"rows"}, "rows": {"window", "banded"}, "window": set()}
    assert circles(graph) == [["banded", "rows"]]


def test_the_lesson_reaches_the_engine_through_few_modules() -> None:
    """Of the engine, the lesson uses ``prepare``, ``run``, what they take, and enlarging."""
    doors = {
        other
        for name, others in imports_of_the_house().items()
        if name.startswith("convcli.kernel.") and ".engine" not in name
        for other in others
        if ".engine" in other
    }
    assert doors <= {
        f"convcli.kernel.engine.{name}" for name in ("dispatch", "method", "problem", "transposed")
    }


@pytest.mark.parametrize(
    ("library", "owners"),
    [
        ("PIL", {"explain", "images"}),
        ("click", {"cli"}),
        (
            "numpy",
            {
                *("deconvolution", "drawing", "explain", "filters", "fitting", "images"),
                *("kernel", "pipeline", "system"),
            },
        ),
    ],
)
def test_only_its_owners_import_a_library(library: str, owners: set[str]) -> None:
    users = {
        room(path) for path in PATHS if any(name.split(".")[0] == library for name in imports(path))
    }
    assert users == owners


def test_the_kernel_knows_only_numpy() -> None:
    outside = {
        name.split(".")[0] for path in (PACKAGE / "kernel").rglob("*.py") for name in imports(path)
    }
    assert outside - sys.stdlib_module_names == {"convcli", "numpy"}

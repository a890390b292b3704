"""The house as it stands: imports point to lower ranks, and heavy libraries have one owner."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "convcli"

RANKS = {
    **dict.fromkeys(("channels", "ending", "errors", "lazy"), 0),
    **dict.fromkeys(("bundled", "checks", "executors", "files", "interpolation", "kernel"), 1),
    **dict.fromkeys(("streams", "warned"), 1),
    **dict.fromkeys(("filters", "images", "light", "workers"), 2),
    **dict.fromkeys(("inputs", "steps"), 3),
    **dict.fromkeys(("plan", "stages"), 4),
    "pipeline": 5,
    "strips": 6,
    "ops": 7,
    **dict.fromkeys(("batch", "fitting"), 8),
    **dict.fromkeys(("preview", "report"), 9),
    "cli": 10,
}
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))


def part(path: Path) -> str:
    """Return the part of the package that a file belongs to: its folder or its own name."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path, *, when_running: bool = True) -> Iterator[str]:
    """Give every module that a file imports; without what is there for type checkers alone."""
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
            yield node.module or ""


def test_every_part_has_a_rank() -> None:
    parts = {part(path) for path in MODULES} - {"__init__", "__main__"}
    assert parts == set(RANKS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_to_lower_ranks(path: Path) -> None:
    here = part(path)
    if here in ("__init__", "__main__"):
        return
    for module in imports(path, when_running=False):
        names = module.split(".")
        if names[0] == "convcli" and len(names) > 1 and names[1] != here:
            assert RANKS[names[1]] < RANKS[here], f"{here} imports {module}"


@pytest.mark.parametrize(
    ("library", "owners"),
    [
        ("PIL", {"images"}),
        ("click", {"cli"}),
        (
            "numpy",
            {
                *("kernel", "interpolation", "light", "checks", "filters", "images"),
                *("steps", "pipeline", "strips", "ops", "fitting"),
            },
        ),
    ],
)
def test_only_its_owners_import_a_library(library: str, owners: set[str]) -> None:
    users = {
        part(path)
        for path in MODULES
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert users == owners


def test_the_kernel_knows_only_numpy() -> None:
    outside = {
        name.split(".")[0] for path in (PACKAGE / "kernel").glob("*.py") for name in imports(path)
    }
    assert outside - sys.stdlib_module_names == {"convcli", "numpy"}

"""The examples in docstrings are right, and every public function and class has one."""

from __future__ import annotations

import doctest
import importlib

import pytest

import convcli

MODULES = (
    "convcli.kernel.convolution",
    "convcli.kernel.geometry",
    "convcli.kernel.matrix",
    "convcli.kernel.reference",
    "convcli.pipeline.apply",
)
PUBLIC = [
    name
    for name in convcli.__all__
    if not (
        isinstance(getattr(convcli, name), type) and issubclass(getattr(convcli, name), Exception)
    )
]


def examples(value: object, name: str) -> list[doctest.DocTest]:
    """Return the docstrings of ``value``, and of what is in it, that have examples."""
    found = doctest.DocTestFinder(recurse=True).find(value, name, globs={})
    return [test for test in found if test.examples]


def run(tests: list[doctest.DocTest]) -> None:
    """Run examples, and fail with the report of doctest where one is wrong."""
    runner = doctest.DocTestRunner(verbose=False)
    report: list[str] = []
    for test in tests:
        runner.run(test, out=report.append)
    assert runner.failures == 0, "".join(report)


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_public_has_an_example_that_is_right(name: str) -> None:
    tests = [test for test in examples(getattr(convcli, name), name) if test.name == name]
    assert tests, f"the docstring of convcli.{name} has no example"
    run(tests)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_right(name: str) -> None:
    tests = examples(importlib.import_module(name), name)
    assert tests
    run(tests)


def test_a_wrong_example_is_reported() -> None:
    parser = doctest.DocTestParser()
    wrong = parser.get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    with pytest.raises(AssertionError, match=r"Expected:\s+3\s+Got:\s+2"):
        run([wrong])

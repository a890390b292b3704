"""The JSON schema of filter files says what the parser says, over many changed files."""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT

from convcli.filters.bundled import bundled_filters
from convcli.filters.check import file_problems
from convcli.filters.entries import KEYS
from convcli.filters.kinds.catalogue import KINDS
from convcli.filters.making import read_kind
from convcli.filters.schema import filter_schema

jsonschema = pytest.importorskip("jsonschema")

VALIDATOR = jsonschema.Draft7Validator(filter_schema())

BANK = [[[[1, 2], [3, 4]]], [[[0, 1], [1, 0]]]]
FILES: tuple[dict[str, Any], ...] = (
    {"weight": [[1, 2, 1], [2, 4, 2]], "divisor": "sum", "pad": [0, 1], "range": "abs"},
    {"weight": BANK, "reduce": "max", "bias": [0.5, -1], "preserve_alpha": True},
    {"weight": BANK, "groups": 2, "stride": [1, 2], "pad": [1, 2, 3, 4], "flip": True},
    {"column": [1, 2, 1], "row": [1, -1], "dilation": 2, "pad_mode": "reflect", "pad": "valid"},
    {"weight": "k.npy", "name": "n", "description": "d", "source": "s", "$schema": "x"},
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 0.5, -0.25, 1.0, 2.5, 1e-39, -1e-39, 1e38, 2e38, -2e38),
    *(
        1e9,
        -1e9,
        2e9,
        -2e9,
        2**31 - 1,
        2**31,
        "",
        "sum",
        "same",
        "valid",
        "zeros",
        "abs",
        "max",
        "k.npy",
    ),
    *("K.NPY", "k.json", [], {}, [1], [1, 2], [1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4, 5], [0, 0]),
    *([1.5, 1], ["1"], [True], [[]], [[1]], [["1"]], [[[1]]], [[[[1]]]], BANK),
    *([[[[1]], [[1]]]], [[[[[1]]]]], [[[[1]]], 2], {"weight": [[1]]}),
)
UNSAYABLE = re.compile("its neighbours have|numbers for . filter|do not divide|divided by divisor")
"""Problems that follow from lengths elsewhere in the file, which a schema cannot compare."""


def changed() -> Iterator[dict[str, Any]]:
    """Give the files with one thing changed: a key, its value, or a number deeper down."""
    for number, file in enumerate(FILES):
        yield file
        for key in file:
            yield {name: value for name, value in file.items() if name != key}
        for key in (*KEYS, "$schema", "kernel"):
            for value in VALUES[number::5]:
                yield file | {key: value}
        for place in list(places(file)):
            for value in (True, "1", [1], 1e39):
                other = copy.deepcopy(file)
                *path, last = place
                target: Any = other
                for step in path:
                    target = target[step]
                target[last] = value
                yield other


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the paths of everything within lists and objects."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in pairs:
        yield (*path, key)
        if isinstance(item, (dict, list)):
            yield from places(item, (*path, key))


def test_schema_and_parser_agree_on_changed_files(tmp_path: Path) -> None:
    np.save(tmp_path / "k.npy", np.array(BANK, float))
    np.save(tmp_path / "K.NPY.npy", np.array(BANK, float))
    (tmp_path / "K.NPY.npy").rename(tmp_path / "K.NPY")
    path = tmp_path / "mine.json"
    counts: Counter[tuple[bool, bool]] = Counter()
    for file in changed():
        path.write_text(json.dumps(file))
        problems = file_problems(path)
        is_valid = VALIDATOR.is_valid(file)
        counts[not problems, is_valid] += 1
        if is_valid != (not problems):
            assert problems, file
            assert all(map(UNSAYABLE.search, problems)), (file, problems)
    assert counts[True, True] > 100
    assert counts[False, False] > 400
    assert counts[False, True] < 100


@pytest.mark.parametrize("name", list(bundled_filters()))
def test_bundled_filters_suit_the_schema(name: str) -> None:
    VALIDATOR.validate(json.loads(bundled_filters()[name].read_text()))


def test_made_filters_suit_the_schema_and_their_parameters_that_of_their_kind() -> None:
    kinds = filter_schema()["definitions"]["kinds"]
    assert list(kinds) == list(KINDS)
    for name, kind in KINDS.items():
        parameters = jsonschema.Draft7Validator(kinds[name])
        parameters.validate(dict(kind.example))
        assert not parameters.is_valid({**kind.example, "other": 1})
        if name != "image":
            chosen = read_kind(kind.text(kind.example))
            assert chosen is not None
            VALIDATOR.validate(json.loads(chosen.to_json()))
    box = jsonschema.Draft7Validator(kinds["box"])
    assert [box.is_valid({"size": size}) for size in (3, 4, 2.5, -1, "3")] == [True] + [False] * 4


def test_the_schema_is_a_schema_and_has_every_key(run) -> None:
    done = run("filters", "schema")
    assert done.exit_code == 0
    schema = json.loads(done.stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    assert list(schema["properties"]) == ["$schema", *KEYS]
    assert all(entry["description"] for entry in schema["properties"].values())
    readme = (ROOT / "README.md").read_text()
    assert all(f"`{key}`" in readme for key in KEYS)

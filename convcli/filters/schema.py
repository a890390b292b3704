"""The JSON schema of filter files, draft-07, from the limits and words that the checks use.

What a schema cannot say is left to the checks: rows of one length, how many weights there are in
all, whether bias and groups suit the filters, the size of weights once divided.
"""

from __future__ import annotations

from typing import Any

from convcli.filters.fields import RANGES, REDUCTIONS
from convcli.filters.kinds.catalogue import KINDS
from convcli.filters.kinds.kind import Kind, Parameter
from convcli.filters.validate import GREATEST, GREATEST_BIAS, LEAST_DIVISOR, MOST_TAPS
from convcli.kernel.geometry import LARGEST, PAD_MODES

Schema = dict[str, Any]


def filter_schema() -> Schema:
    """Return the schema, as ``json.dumps`` writes it.

    ``definitions`` has the parameters of every kind too, under ``kinds``.
    """
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A filter of convcli",
        "type": "object",
        "additionalProperties": False,
        "properties": _properties(),
        "oneOf": [
            {"required": ["weight"]},
            {"required": ["column", "row"]},
        ],
        "dependencies": {
            "column": ["row"],
            "row": ["column"],
            "reduce": _with_bank("singles", {"groups": {"const": 1}}),
        },
        "if": {"properties": {"groups": {"minimum": 2}}, "required": ["groups"]},
        "then": _with_bank("bank", {}),
        "definitions": {
            "number": _between(-GREATEST, GREATEST),
            "row": _list("number"),
            "kernel": _list("row"),
            "filter": _list("kernel"),
            "bank": _list("filter"),
            "single": {**_list("kernel"), "maxItems": 1},
            "singles": _list("single"),
            "array": {"type": "string", "pattern": r"\.[nN][pP][yY]$"},
            "taps": {**_list("number"), "maxItems": MOST_TAPS},
            "kinds": {name: _kind(kind) for name, kind in KINDS.items()},
        },
    }


def _properties() -> Schema:
    steps = _one_or_lists(1, 2)
    return {
        "$schema": _about("the address of this schema, for editors", {"type": "string"}),
        "weight": _about(
            "[Hf][Wf]: one kernel for every channel; [C][Hf][Wf]: one filter across C channels; "
            "[F][C/groups][Hf][Wf]: F filters; or the path of a .npy array of such a shape",
            {"anyOf": [_reference(name) for name in ("kernel", "filter", "bank", "array")]},
        ),
        "column": _about("the vertical taps of a separable kernel", _reference("taps")),
        "row": _about("the horizontal taps of a separable kernel", _reference("taps")),
        "groups": _about(
            "how many groups of channels are filtered apart, as in PyTorch",
            {"type": "integer", "minimum": 1, "default": 1},
        ),
        "bias": _about(
            "added to the result, on the scale from 0 to 1: a number, or one for each filter",
            {
                "anyOf": [
                    _between(-GREATEST_BIAS, GREATEST_BIAS),
                    {
                        "type": "array",
                        "minItems": 1,
                        "items": _between(-GREATEST_BIAS, GREATEST_BIAS),
                    },
                ],
                "default": 0,
            },
        ),
        "divisor": _about(
            'divides the weight; "sum" is the sum of the weights, or 1 where that is 0',
            {
                "anyOf": [
                    {"const": "sum"},
                    _between(LEAST_DIVISOR, GREATEST),
                    _between(-GREATEST, -LEAST_DIVISOR),
                ],
                "default": 1,
            },
        ),
        "stride": _about("a number, or [y, x]", {**steps, "default": 1}),
        "dilation": _about("a number, or [y, x]", {**steps, "default": 1}),
        "pad": _about(
            '"same", "valid", a number, [y, x] or [top, left, bottom, right]',
            {
                "anyOf": [{"enum": ["same", "valid"]}, *_one_or_lists(0, 2, 4)["anyOf"]],
                "default": "same",
            },
        ),
        "pad_mode": _about("what is beyond the border", _enum(PAD_MODES, "zeros")),
        "flip": _about("rotate the kernel by 180 degrees", _flag()),
        "range": _about("what happens to values outside 0 to 1", _enum(RANGES, "clip")),
        "preserve_alpha": _about("filter colour alone, and copy alpha", _flag()),
        "reduce": _about(
            "how the results of a bank [F][1][Hf][Wf] become one",
            {"enum": list(REDUCTIONS)},
        ),
        "name": _about("the name, by default that of the file", {"type": "string"}),
        "description": _about("what it does", {"type": "string"}),
        "source": _about("where it comes from", {"type": "string"}),
    }


def _about(description: str, schema: Schema) -> Schema:
    return {"description": description, **schema}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _list(items: str) -> Schema:
    return {"type": "array", "minItems": 1, "items": _reference(items)}


def _between(low: float, high: float) -> Schema:
    return {"type": "number", "minimum": low, "maximum": high}


def _enum(words: tuple[str, ...], default: str) -> Schema:
    return {"enum": list(words), "default": default}


def _flag() -> Schema:
    return {"type": "boolean", "default": False}


def _one_or_lists(least: int, *lengths: int) -> Schema:
    whole = {"type": "integer", "minimum": least, "maximum": LARGEST}
    lists = [
        {"type": "array", "items": whole, "minItems": length, "maxItems": length}
        for length in lengths
    ]
    return {"anyOf": [whole, *lists]}


def _with_bank(bank: str, others: Schema) -> Schema:
    """Return what holds where the weight has to be a ``bank``, or an array in a file."""
    weight = {"anyOf": [_reference(bank), _reference("array")]}
    return {"required": ["weight"], "properties": {"weight": weight, **others}}


def _kind(kind: Kind) -> Schema:
    return {
        "description": kind.summary,
        "type": "object",
        "additionalProperties": False,
        "properties": {one.name: _parameter(one) for one in kind.parameters},
        "required": [one.name for one in kind.parameters if one.is_required],
    }


def _parameter(parameter: Parameter) -> Schema:
    schema: Schema = {"description": f"{parameter.help}: {parameter.range_text}"}
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    elif parameter.type == "path":
        schema["type"] = "string"
    else:
        schema["type"] = "integer" if parameter.type == "whole" else "number"
        schema |= {"minimum": parameter.low, "maximum": parameter.high}
    if parameter.parity:
        even = {"multipleOf": 2}
        schema |= even if parameter.parity == "even" else {"not": even}
    if parameter.default is not None:
        schema["default"] = parameter.default
    return schema

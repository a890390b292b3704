"""Jobs for every bundled filter and the common options; libvips where it does the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from peers import HERE, Job, Tools, sharpen
from routes import Route

FILTERS = HERE.parents[1] / "filters"

OPTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("--linear", ("--linear", "-f", "sharpen")),
    ("--linear, two filters", ("--linear", "-f", "sharpen", "-f", "gaussian-blur")),
    ("--range abs", ("--range", "abs", "-f", "sobel-x")),
    ("--range rescale", ("--range", "rescale", "-f", "sobel-x")),
    ("--mode L", ("--mode", "L", "-f", "sharpen")),
    ("--stride 2", ("--stride", "2", "-f", "gaussian-blur")),
    ("--dilation 2", ("--dilation", "2", "-f", "gaussian-blur")),
    ("--pad-mode circular", ("--pad-mode", "circular", "-f", "gaussian-blur")),
    ("--pad valid", ("--pad", "valid", "-f", "gaussian-blur")),
    ("three filters", ("-f", "gaussian-blur", "-f", "sharpen", "-f", "grayscale")),
)
"""Options that no peer has in one command."""


@dataclass(frozen=True)
class Bundled(Route):
    """A bundled filter, and libvips with its ``matrix``, which is written when it is needed."""

    operation: str = ""
    matrix: str = ""

    def lines(self, tools: Tools, work: Path) -> Iterator[tuple[str, list[str]]]:
        yield from super().lines(tools, work)
        if self.operation and "vips" in tools.found:
            file = work / f"{self.arguments[-1]}.mat"
            file.write_text(self.matrix)
            source, out = str(work / self.picture), "TARGET[Q=75]"
            line = [tools.found["vips"], self.operation, source, out, str(file)]
            # A kernel that is not of whole numbers needs floats, which is libvips' default.
            yield f"vips {self.operation}", line


def bundled_jobs(*, quick: bool) -> list[Job]:
    """Return the jobs, on smaller pictures to be ``quick``."""
    size, label = ("1800x1200", "2 MP") if quick else ("6000x4000", "24 MP")
    photo = f"photo-{size}.jpg"
    found: list[Job] = []
    for path in sorted(FILTERS.glob("*.json")):
        filter = json.loads(path.read_text())
        operation, matrix = _vips(filter)
        name = f"{label} JPEG bundled {path.stem}"
        arguments = ("-f", path.stem)
        job = Bundled(name, photo, sharpen(), arguments=arguments, margin=7)
        found.append(replace(job, operation=operation, matrix=matrix))
    for option, arguments in OPTIONS:
        found.append(Route(f"{label} JPEG {option}", photo, sharpen(), arguments=arguments))
    return found


def _vips(filter: dict[str, Any]) -> tuple[str, str]:
    """Return what libvips does with a filter, and its matrix; nothing for banks and ranges."""
    weight = filter.get("weight")
    if weight is None or filter.get("reduce") or filter.get("range", "clip") != "clip":
        return "", ""
    shape = _shape(weight)
    if len(shape) == 2:
        divisor = filter.get("divisor", 1)
        total = sum(map(sum, weight)) if divisor == "sum" else divisor
        offset = 255 * filter.get("bias", 0)
        return "conv", _matrix(weight, f"{total} {offset:g}")
    if prod(shape[2:]) != 1:
        return "", ""
    rows = [[taps[0][0] for taps in row] for row in (weight if len(shape) == 4 else [weight])]
    return "recomb", _matrix(rows)


def _shape(weight: Any) -> tuple[int, ...]:
    return (len(weight), *_shape(weight[0])) if isinstance(weight, list) else ()


def _matrix(rows: list[list[float]], scale: str = "1 0") -> str:
    """Return a matrix as libvips reads it: width, height, divisor and offset, then the rows."""
    numbers = "\n".join(" ".join(map(str, row)) for row in rows)
    return f"{len(rows[0])} {len(rows)} {scale}\n{numbers}\n"

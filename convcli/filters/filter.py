"""Filters as values, and as JSON files.

A :class:`Filter` is checked when it is made, whether by a file or by Python code; every
:class:`FilterError` names the place and the remedy, and for a file the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convcli.errors import FilterError, ShapeError
from convcli.filters.bundled import bundled_filters
from convcli.filters.validate import (
    GREATEST,
    GREATEST_BIAS,
    GREATEST_QUOTIENT,
    LEAST_DIVISOR,
    check_one_of,
    number_of,
    shape_text,
    short,
    weights_of,
)
from convcli.kernel.geometry import PAD_MODES, IntOrPair, PadLike, check_pad, pair

RANGES = ("clip", "abs", "rescale")
REDUCTIONS = ("magnitude", "max", "sum")
MOST_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class Filter:
    """A kernel or a bank of kernels, and how it wants to be applied.

    ``weight`` is given as nested lists or an array and kept as float64, read-only:
    2-D (Hf, Wf) is one kernel for every channel by itself; 3-D (C, Hf, Wf) one filter across C
    channels; 4-D (F, C, Hf, Wf) F filters across C channels. ``divisor`` divides it, where
    "sum" is the sum of each filter's weights (1 where that is 0). ``bias`` is on the 0-1 pixel
    scale. ``stride`` is None where the command's own default shall hold. ``range``,
    ``preserve_alpha`` and ``reduce`` say how answers become pixels.

    Weights and divisor lie within ±1e38, their quotient within ±1e30, a bias within ±1e9; stride,
    dilation and pad go up to 2^31-1. Raises :class:`FilterError` for anything else.

    >>> from convcli import Filter
    >>> mean = Filter([[1, 1, 1], [1, 1, 1]], name="mean", divisor="sum", pad_mode="replicate")
    >>> mean.weight.shape, mean.stride
    ((2, 3), None)
    """

    weight: NDArray[np.float64]
    bias: float | tuple[float, ...] = 0.0
    divisor: float | Literal["sum"] = 1.0
    stride: IntOrPair | None = None
    dilation: IntOrPair = 1
    pad: PadLike = "same"
    pad_mode: str = "zeros"
    flip: bool = False
    range: str = "clip"
    preserve_alpha: bool = False
    reduce: str | None = None
    name: str = ""
    description: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        """Check every field, and bring those with several spellings into one."""
        weight = weights_of(self.weight)
        weight.setflags(write=False)
        self._set("weight", weight)
        self._set("bias", self._checked_bias())
        if self.divisor != "sum":
            divisor = number_of(self.divisor, "divisor", ' or "sum"', most=GREATEST)
            if divisor == 0:
                raise FilterError('divisor is 0: give another number, or "sum"')
            if abs(divisor) < LEAST_DIVISOR:
                raise FilterError(
                    f"divisor is {short(divisor)}: give a number of {LEAST_DIVISOR:g} or more, "
                    "without its sign"
                )
            self._set("divisor", divisor)
        try:
            if self.stride is not None:
                self._set("stride", pair(self.stride, "stride", 1))
            self._set("dilation", pair(self.dilation, "dilation", 1))
            self._set("pad", check_pad(self.pad))
        except ShapeError as error:
            raise FilterError(str(error)) from None
        check_one_of(self.pad_mode, "pad_mode", PAD_MODES)
        check_one_of(self.range, "range", RANGES)
        if self.reduce is not None:
            check_one_of(self.reduce, "reduce", REDUCTIONS)
            if weight.ndim != 4 or weight.shape[1] != 1:
                raise FilterError(
                    "reduce needs a bank of kernels, weight as [F][1][Hf][Wf]: "
                    f"it is {shape_text(weight.shape)}"
                )
        for key in ("flip", "preserve_alpha"):
            if not isinstance(getattr(self, key), bool):
                raise FilterError(f"{key} must be true or false: got {short(getattr(self, key))}")
        for key in ("name", "description", "source"):
            if not isinstance(getattr(self, key), str):
                raise FilterError(f"{key} must be text: got {short(getattr(self, key))}")
        self._check_quotient()

    def __eq__(self, other: object) -> bool:
        """Filters are equal when every field is."""
        if not isinstance(other, Filter):
            return NotImplemented
        return all(
            np.array_equal(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)
        )

    def __hash__(self) -> int:
        return hash((self.name, self.weight.shape, self.weight.tobytes()))

    @property
    def kernel(self) -> NDArray[np.float64]:
        """The weight as (F, C, Hf, Wf), divided and flipped; a 2-D weight has F = C = 1."""
        kernel = self.weight.reshape((1,) * (4 - self.weight.ndim) + self.weight.shape)
        if self.divisor == "sum":
            sums = kernel.sum((1, 2, 3), keepdims=True)
            kernel = kernel / np.where(sums == 0, 1, sums)
        else:
            kernel = kernel / self.divisor
        return kernel[..., ::-1, ::-1] if self.flip else kernel

    @property
    def offsets(self) -> NDArray[np.float64]:
        """The bias of each of the F filters."""
        return np.broadcast_to(np.asarray(self.bias, np.float64), len(self.kernel))

    @property
    def is_cross_channel(self) -> bool:
        """Whether it looks across channels, rather than at each one by itself."""
        return self.weight.ndim > 2 and self.reduce is None

    def override(self, **options: Any) -> Filter:
        """Return this filter with the ``options`` that are not None in place of its own."""
        given = {key: value for key, value in options.items() if value is not None}
        return replace(self, **given) if given else self

    def _set(self, key: str, value: object) -> None:
        object.__setattr__(self, key, value)

    def _checked_bias(self) -> float | tuple[float, ...]:
        if not isinstance(self.bias, (list, tuple, np.ndarray)):
            return number_of(self.bias, "bias", most=GREATEST_BIAS)
        filters = self.weight.shape[0] if self.weight.ndim == 4 else 1
        bias = tuple(
            number_of(item, f"bias[{k}]", most=GREATEST_BIAS) for k, item in enumerate(self.bias)
        )
        if len(bias) != filters:
            raise FilterError(
                f"bias has {len(bias)} numbers for {filters} filter(s): "
                "give one number, or one for each filter"
            )
        return bias

    def _check_quotient(self) -> None:
        kernel = np.abs(self.kernel)
        if not kernel.max() <= GREATEST_QUOTIENT:
            raise FilterError(
                f"weight divided by divisor comes to {kernel.max():.3g}: "
                f"{GREATEST_QUOTIENT:g} is the most"
            )
        if kernel.any() and not kernel.astype(np.float32).any():
            raise FilterError(
                f"weight divided by divisor comes to {kernel.max():.3g} at most, which is 0 as a "
                "32-bit float: use a smaller divisor"
            )


def load_filter(name: str | os.PathLike[str]) -> Filter:
    """Return the filter of a JSON file, or the bundled one of that name; a file wins.

    Raises :class:`FilterError` that names the file, the place in it, and what to do.

    >>> from convcli import load_filter
    >>> sharpen = load_filter("sharpen")
    >>> sharpen.weight.shape
    (3, 3)
    """
    path = find_filter(name)
    return parse_filter(_read(path), path)


def find_filter(name: str | os.PathLike[str]) -> Path:
    """Return the path of the filter called ``name``: a file's, or a bundled filter's."""
    path = Path(name)
    is_folder = os.path.isdir(path)
    if os.path.exists(path) and not is_folder:
        return path
    bundled = bundled_filters()
    if os.fspath(name) in bundled:
        return bundled[os.fspath(name)]
    if is_folder:
        raise FilterError(f"{path} is a folder: name a filter file in it")
    near = _nearest(path.stem.lower(), bundled, 3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise FilterError(
        f"no filter file and no bundled filter is called {os.fspath(name)!r}: {hint}"
        "'convcli filters list' shows the bundled ones"
    )


def parse_filter(text: bytes, path: Path) -> Filter:
    """Return the filter that the JSON ``text`` of ``path`` describes."""
    try:
        if text.startswith(b"\x93NUMPY"):
            raise FilterError(
                "it is a NumPy array, and a filter is a JSON file: in Python, "
                f'json.dumps({{"weight": numpy.load({str(path)!r}).tolist()}}) gives its text'
            )
        try:
            entries = json.loads(
                text.decode("utf-8-sig"),
                object_pairs_hook=_unique,
                parse_int=_integer,
            )
        except UnicodeDecodeError as error:
            raise FilterError(f"it is not UTF-8 text (byte {error.start})") from None
        except json.JSONDecodeError as error:
            raise FilterError(
                f"it is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}"
            ) from None
        except RecursionError:
            raise FilterError(
                "its lists are nested too deep: weight has two, three or four levels"
            ) from None
        if not isinstance(entries, dict):
            raise FilterError('it must hold one JSON object, {"weight": [[…]], …}')
        known = [field.name for field in fields(Filter)]
        for key in entries:
            if key not in known:
                near = _nearest(key, known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
                raise FilterError(f"unknown key {short(key)}: {hint}")
        if "weight" not in entries:
            raise FilterError('the key "weight" is missing: the kernel, as a list of rows')
        for key in ("stride", "reduce"):
            if key in entries and entries[key] is None:
                raise FilterError(f"{key} is null: leave the key out instead")
        return Filter(**{"name": path.stem, **entries})
    except FilterError as error:
        raise FilterError(f"filter {path}: {error}") from None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            # Asked for at once, the most would be allocated for the least.
            parts = iter(lambda: file.read(1 << 16), b"")
            text = b"".join(islice(parts, (MOST_BYTES >> 16) + 1))
    except OSError as error:
        raise FilterError(f"filter {path}: cannot be read: {error.strerror}") from None
    if len(text) > MOST_BYTES:
        raise FilterError(f"filter {path}: larger than {MOST_BYTES >> 20} MiB is no filter")
    return text


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    entries: dict[str, object] = {}
    for key, value in pairs:
        if key in entries:
            raise FilterError(f"duplicate key {short(key)}: remove one")
        entries[key] = value
    return entries


def _integer(digits: str) -> float:
    # Python refuses to read integers of thousands of digits; as a float they are infinite.
    return int(digits) if len(digits) < 400 else float(digits)


def _nearest(name: str, known: Iterable[str], most: int) -> list[str]:
    from difflib import get_close_matches  # takes longer to import than most filters to run

    return get_close_matches(name, list(known), most, 0.5)

"""Near misses: which filter, kind, file or key was probably meant."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from convcli.filters.bundled import bundled_filters
from convcli.filters.kinds.catalogue import KINDS

MOST = 8

_FAMILIES = {
    "blur": ("gaussian", "box", "disk", "motion"),
    "smooth": ("gaussian", "binomial", "savgol"),
    "mean": ("box-blur", "box"),
    "average": ("box-blur", "box"),
    "bokeh": ("disk",),
    "defocus": ("disk",),
    "lens": ("disk",),
    "edge": ("sobel", "edge-detect", "laplacian"),
    "outline": ("edge-detect", "laplacian", "log"),
    "gradient": ("sobel", "scharr", "prewitt"),
    "derivative": ("sobel", "savgol"),
    "sharp": ("sharpen", "unsharp"),
    "relief": ("emboss",),
    "marr": ("log",),
    "robinson": ("compass",),
    "psf": ("image", "disk", "gaussian"),
    "kernel": ("image",),
    "gray": ("grayscale",),
    "grey": ("grayscale",),
    "none": ("identity",),
    "translate": ("shift",),
    "move": ("shift", "motion"),
    "sinc": ("lowpass",),
}
"""Words for what filters do, with the filters and kinds that do it."""

_KEYS = {
    "weight": ("kernel", "filter", "matrix", "mask", "values", "data", "coefficients", "taps"),
    "divisor": ("factor", "scale", "sum", "norm", "normalize", "normalise", "denominator"),
    "bias": ("offset", "add", "delta", "shift"),
    "pad": ("border", "margin"),
    "pad_mode": ("border_mode", "edge", "edge_mode", "mode", "boundary"),
    "stride": ("step", "steps", "subsample"),
    "preserve_alpha": ("alpha", "opacity"),
    "column": ("vertical", "y", "col"),
    "row": ("horizontal", "x"),
    "groups": ("group", "depthwise"),
    "reduce": ("combine", "reduction"),
    "range": ("clip", "abs", "rescale", "values_range"),
    "flip": ("rotate", "convolution"),
}
"""Other words for the keys of a file."""


def nearest_key(key: str, known: Iterable[str]) -> str | None:
    """Return the key of a filter file that ``key`` is near to, in letters or in meaning."""
    known = tuple(known)
    lower = key.lower().replace("-", "_")
    meant = next((name for name, words in _KEYS.items() if lower in words), None)
    if lower in known or meant:
        return lower if lower in known else meant
    near = get_close_matches(lower, known, 1, 0.5)
    return near[0] if near else None


def near_filters(name: str) -> list[str]:
    """Return bundled filters, kinds and files that ``name`` may mean, the nearest first."""
    # A longer name is no misspelling, and takes long to compare.
    text = Path(name).name.partition(":")[0].lower()[:40]
    stem = text.removesuffix(".json").removesuffix(".npy")
    bundled = bundled_filters()
    names = {**dict.fromkeys(bundled), **{_kind_text(kind): None for kind in KINDS}}
    spelled = {_without_parameters(each): each for each in names}
    found = [spelled[each] for each in get_close_matches(stem, spelled, 3, 0.6)]
    found += [spelled[each] for each in _family(stem) if each in spelled]
    found += [spelled[each] for each in get_close_matches(stem, spelled, 3, 0.5)]
    return [*dict.fromkeys([*_near_files(name), *found])][:MOST]


def _family(stem: str) -> Iterator[str]:
    """Yield the filters of which ``stem`` is a word, and those of a family that it names."""
    words = [word for word in re.split(r"[\W_]+", stem) if len(word) > 2]
    families = [each for each in _FAMILIES if any(_is_near(word, each) for word in words)]
    words += families
    for name in (*bundled_filters(), *KINDS):
        if any(word in name.split("-") or name.startswith(word) for word in words):
            yield name
    for family in families:
        yield from _FAMILIES[family]


def _is_near(word: str, family: str) -> bool:
    return word.startswith(family) or bool(get_close_matches(word, [family], 1, 0.8))


def _near_files(name: str) -> list[str]:
    """Return filter files beside the one that ``name`` would be."""
    path = Path(name[:4096])
    names: list[str] = []
    with suppress(OSError, ValueError):
        names = os.listdir(path.parent)
    files = [each for each in names if each.endswith((".json", ".npy")) and each[0] != "."]
    wanted = (path.name, f"{path.name}.json", f"{path.name}.npy")
    near = [each for each in files if each in wanted]
    near += get_close_matches(path.name[:80], files[:1000], 2, 0.8)
    return [str(path.parent / each) for each in dict.fromkeys(near)]


def _kind_text(name: str) -> str:
    kind = KINDS[name]
    return kind.text(kind.example) if any(one.is_required for one in kind.parameters) else name


def _without_parameters(text: str) -> str:
    return text.partition(":")[0]

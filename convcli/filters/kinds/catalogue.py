"""The kinds. Everything that depends on them is made from this one list:

``-f kind:key=value``, ``convcli filters make``, completion, ``convcli filters list``, the
definitions of the JSON schema, and the README's table.
"""

from __future__ import annotations

from typing import Any

from convcli.filters.kinds.kind import LARGEST_SIZE, Kind, Parameter

_SMOOTHING = {"pad_mode": "replicate"}
_EDGES = {"pad_mode": "replicate", "preserve_alpha": True}
_SIGNED_EDGES = {**_EDGES, "range": "abs"}

_DENSE_SIZE = 999
"""The largest odd size whose square is below the most weights."""


def _number(
    name: str, help: str, low: float, high: float, default: float | None = None, **more: Any
) -> Parameter:
    return Parameter(name, help, default=default, low=low, high=high, **more)


def _size(high: int, otherwise: str) -> Parameter:
    return Parameter(
        "size",
        "rows and columns, in place of the size that is computed",
        "whole",
        otherwise=otherwise,
        low=1,
        high=high,
        parity="odd",
    )


def _angle(help: str, **more: Any) -> Parameter:
    return _number("angle", f"{help}, in degrees counter-clockwise", -3600, 3600, **more)


def _sigma(high: float, help: str = "standard deviation, in pixels") -> Parameter:
    return _number("sigma", help, 0.01, high)


def _gradient(name: str, summary: str, sizes: tuple[int, ...]) -> Kind:
    return Kind(
        name,
        summary,
        f"gradients:{name}",
        (
            Parameter("size", "rows and columns", "whole", 3, choices=sizes),
            _angle("the direction of the slope", otherwise="the magnitude"),
        ),
        _EDGES,
        {"angle": 45},
    )


_KINDS = (
    Kind(
        "gaussian",
        "Blurs softly, by a Gaussian.",
        "smoothing:gaussian",
        (
            _sigma(10_000, "standard deviation along the angle, in pixels"),
            _number("sigma-y", "that across the angle", 0.01, 10_000, otherwise="sigma"),
            _angle("the direction of sigma", default=0.0),
            _number("truncate", "radius, in standard deviations", 1, 20, 4.0),
            _size(LARGEST_SIZE, "from sigma and truncate"),
        ),
        _SMOOTHING,
        {"sigma": 2},
    ),
    Kind(
        "box",
        "Blurs by the mean of a square.",
        "smoothing:box",
        (Parameter("size", "side of the square", "whole", low=1, high=LARGEST_SIZE, parity="odd"),),
        _SMOOTHING,
        {"size": 5},
    ),
    Kind(
        "disk",
        "Blurs as a lens out of focus: the mean of a disk.",
        "smoothing:disk",
        (_number("radius", "radius of the disk, in pixels", 0.01, _DENSE_SIZE / 2),),
        _SMOOTHING,
        {"radius": 4.5},
    ),
    Kind(
        "motion",
        "Blurs as a camera that moves: the mean along a line one pixel wide.",
        "smoothing:motion",
        (
            _number("length", "length of the line, in pixels", 1, LARGEST_SIZE),
            _angle("the direction of the line", default=0.0),
        ),
        _SMOOTHING,
        {"length": 31, "angle": 30},
    ),
    Kind(
        "binomial",
        "Blurs softly, by binomial coefficients: whole numbers.",
        "design:binomial",
        (Parameter("order", "taps less one", "whole", low=2, high=50, parity="even"),),
        _SMOOTHING,
        {"order": 4},
    ),
    Kind(
        "savgol",
        "Smooths, or differentiates, by the polynomial that fits a window (Savitzky and Golay).",
        "design:savgol",
        (
            Parameter(
                "size", "length of the window", "whole", low=1, high=LARGEST_SIZE, parity="odd"
            ),
            Parameter("degree", "degree of the polynomial", "whole", low=0, high=12),
            Parameter("derivative", "which derivative; 0 smooths", "whole", 0, low=0, high=12),
            Parameter(
                "axis",
                "along rows (x), down columns (y), or both",
                "word",
                "x",
                choices=("x", "y", "both"),
            ),
        ),
        _SMOOTHING,
        {"size": 7, "degree": 2},
    ),
    Kind(
        "lowpass",
        "Removes detail above a frequency, by a windowed sinc.",
        "design:lowpass",
        (
            _number("cutoff", "where the gain is one half, of the Nyquist frequency", 1e-4, 0.9999),
            Parameter(
                "taps",
                "rows and columns",
                "whole",
                otherwise="from cutoff",
                low=3,
                high=LARGEST_SIZE,
                parity="odd",
            ),
            Parameter(
                "window",
                "the window",
                "word",
                "hamming",
                choices=("hann", "hamming", "blackman", "kaiser"),
            ),
            _number("beta", "shape of the Kaiser window", 0, 50, 8.6),
        ),
        _SMOOTHING,
        {"cutoff": 0.25},
    ),
    Kind(
        "log",
        "Outlines and spots: the Laplacian of a Gaussian.",
        "laplacians:log",
        (
            _sigma(124, "standard deviation of the Gaussian, in pixels"),
            _size(_DENSE_SIZE, "from sigma"),
        ),
        _SIGNED_EDGES,
        {"sigma": 2},
    ),
    Kind(
        "dog",
        "Outlines and spots: a Gaussian less a wider one.",
        "laplacians:dog",
        (
            _sigma(124, "standard deviation of the narrow Gaussian, in pixels"),
            _number("ratio", "that of the wide one, in sigmas", 1.01, 100, 1.6),
            _size(_DENSE_SIZE, "from sigma and ratio"),
        ),
        _SIGNED_EDGES,
        {"sigma": 2},
    ),
    Kind(
        "laplacian",
        "Outlines: the Laplacian, from 4 or 8 neighbours.",
        "laplacians:laplacian",
        (Parameter("neighbours", "which neighbours count", "whole", 4, choices=(4, 8)),),
        _SIGNED_EDGES,
        {"neighbours": 8},
    ),
    _gradient("sobel", "Edges: the slope by Sobel's operator.", (3, 5, 7)),
    _gradient("prewitt", "Edges: the slope by Prewitt's operator.", (3,)),
    _gradient("scharr", "Edges: the slope by Scharr's operator, as strong as Sobel's.", (3,)),
    Kind(
        "kirsch",
        "Edges: the strongest of Kirsch's masks.",
        "compass:kirsch",
        (Parameter("orientations", "how many masks", "whole", 8, choices=(2, 4, 8)),),
        _EDGES,
        {"orientations": 8},
    ),
    Kind(
        "compass",
        "Edges: the strongest of Robinson's masks.",
        "compass:robinson",
        (Parameter("orientations", "how many masks", "whole", 8, choices=(2, 4, 8)),),
        _EDGES,
        {"orientations": 8},
    ),
    Kind(
        "gabor",
        "Stripes of one width and direction: a wave within a Gaussian.",
        "gabor:gabor",
        (
            _sigma(300, "standard deviation along the wave, in pixels"),
            _number("wavelength", "from one crest to the next, in pixels", 2, 2000),
            _angle("the direction in which the wave runs", default=0.0),
            _number("aspect", "how much narrower it is across the wave", 0.05, 20, 1.0),
            _number("phase", "of the wave at the centre, in degrees; 90 is odd", -3600, 3600, 0.0),
            Parameter(
                "orientations",
                "a bank of so many directions, of which the strongest counts",
                "whole",
                otherwise="one",
                low=2,
                high=64,
            ),
            _size(_DENSE_SIZE, "from sigma and aspect"),
        ),
        _SIGNED_EDGES,
        {"sigma": 4, "wavelength": 8},
    ),
    Kind(
        "unsharp",
        "Sharpens: adds what a Gaussian blur takes away.",
        "sharpening:unsharp",
        (
            _sigma(124, "standard deviation of the blur, in pixels"),
            _number("amount", "how much of it is added", -1, 1000, 1.0),
            _size(_DENSE_SIZE, "from sigma"),
        ),
        _SMOOTHING,
        {"sigma": 2, "amount": 1.5},
    ),
    Kind(
        "emboss",
        "A relief, lit from one side.",
        "sharpening:emboss",
        (
            _angle("where the light comes from", default=135.0),
            _number("depth", "how deep the relief is", 0, 1000, 1.0),
        ),
        _EDGES,
        {"angle": 135, "depth": 2},
    ),
    Kind(
        "image",
        "A picture as kernel: a point of light takes its shape. Grey, and its sum is 1.",
        "picture:image",
        (Parameter("path", "the picture", "path"),),
        {**_SMOOTHING, "flip": True},
        {"path": "psf.png"},
    ),
    Kind("identity", "Leaves every pixel as it is.", "placing:identity", (), _SMOOTHING, {}),
    Kind(
        "shift",
        "Moves the picture, by whole pixels or parts of them (bilinear).",
        "placing:shift",
        (
            _number("x", "pixels to the right", -49_998, 49_998, 0.0),
            _number("y", "pixels down", -49_998, 49_998, 0.0),
        ),
        _SMOOTHING,
        {"x": 2.5},
    ),
)

KINDS = {kind.name: kind for kind in _KINDS}


def readme_table() -> str:
    """Return the README's table of kinds, in Markdown."""
    lines = ["| kind | keys (default) | what it does |", "|---|---|---|"]
    for kind in KINDS.values():
        lines.append(f"| `{kind.name}` | {kind.keys_text or '–'} | {kind.summary} |")
    return "\n".join(lines)

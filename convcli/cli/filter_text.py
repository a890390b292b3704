"""The text of ``convcli filters info``: what a filter is, does and costs, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from convcli.cli.filter_wording import (
    COLOURS,
    channel_names,
    channels_text,
    flat_text,
    gain_text,
    linear_text,
    number_text,
    pair_text,
    ramp_text,
    reduced,
    seconds_text,
)
from convcli.errors import ImageError, ShapeError

if TYPE_CHECKING:
    from convcli.filters import Filter

MOST_LISTED = 4
"""Kernels of a bank that are listed one by one; of more, the least and greatest values are."""

_NYQUIST = (("0", 0.0), ("1/4", 0.125), ("1/2", 0.25), ("Nyquist", 0.5))
"""Fractions of the Nyquist frequency, and cycles per pixel."""

_METHODS = {
    "direct": "one tap after the other",
    "banded": "products with banded matrices",
    "kn2row": "a product for all columns of the kernel",
    "separable": "rows, then columns, for each rank",
    "fft": "fast Fourier transforms of tiles",
    "int16": "exact sums of 16-bit integers",
    "int16 to floats": "exact sums of 16-bit integers, as floats",
    "int32": "exact sums of 32-bit integers",
    "decimated": "few samples of the smooth result, and what lies between them",
}

_LABEL = 11


def info_lines(filter: Filter) -> list[str]:
    """Return the lines about a filter."""
    text = _Text(filter)
    title = filter.name or "filter"
    lines = [f"{title}: {filter.description}" if filter.description else title]
    if filter.source:
        lines.append(f"source: {filter.source}")
    return [
        *lines,
        "",
        *_labelled("kernel", text.kernel()),
        *_labelled("sum", text.sum()),
        *_labelled("flat area", text.flat()),
        *_labelled("ramp", text.ramp()),
        *_labelled("rank", text.rank()),
        *_labelled("symmetry", text.symmetry()),
        *_labelled("settings", text.settings()),
        *_labelled("computed", text.computed()),
        "",
        *text.gains(),
    ]


def _labelled(label: str, lines: Sequence[str]) -> list[str]:
    labels = [label, *[""] * (len(lines) - 1)]
    return [f"  {label:<{_LABEL}}{line}" for label, line in zip(labels, lines, strict=True)]


class _Text:
    def __init__(self, filter: Filter) -> None:
        from convcli.filters.analysis import profiles, ramp_offsets
        from convcli.filters.sums import absolute_sums

        self._filter = filter
        self._count, channels, self._rows, self._columns = filter.kernel_shape
        self._inputs = channels * filter.groups
        # Sums that cancel out keep rounding errors.
        least = 1e-9 * float(absolute_sums(filter).max())

        def exact(values: list[list[float]], unit: float = 1) -> list[list[float]]:
            return [[0.0 if abs(v) <= least * unit else v for v in row] for row in values]

        self._weights = exact(profiles(filter)[0].sum(2).tolist())
        self._sums = exact([[sum(row)] for row in self._weights])
        steps = ((self._rows, 0), (self._columns, 1))
        dilation = filter.dilation if isinstance(filter.dilation, tuple) else (filter.dilation,) * 2
        moments = ramp_offsets(filter)
        self._moments = [
            exact(moments[axis].sum(1, keepdims=True).tolist(), max(1, taps * dilation[axis]))
            for taps, axis in steps
        ]
        self._biases: list[float] = filter.offsets.tolist()

    def kernel(self) -> list[str]:
        """Return the size, and which channels are read and written."""
        filter, size = self._filter, f"{self._columns} wide, {self._rows} high"
        if self._rows == self._columns:
            size = f"{self._rows}×{self._columns}"
        if filter.reduce is not None:
            how = f"{self._count} kernels {size} on each channel, reduced to their {filter.reduce}"
        elif filter.is_cross_channel:
            groups = f" in {filter.groups} groups" if filter.groups > 1 else ""
            inputs, outputs = channels_text(self._inputs), channels_text(self._count)
            how = f"{size}, from {inputs} to {outputs}{groups}"
        else:
            how = f"{size}, on each channel by itself"
        return [how + (", given as column and row" if filter.column is not None else "")]

    def sum(self) -> list[str]:
        sums = [row[0] for row in self._sums]
        return [self._listed(sums, "kernel")]

    def flat(self) -> list[str]:
        """Return what becomes of a flat picture."""
        if self._filter.is_cross_channel and self._inputs > 1 and self._inputs <= MOST_LISTED:
            if self._count > MOST_LISTED:
                return ["see sum: the value of equal channels is multiplied by it"]
            read, written = channel_names(self._inputs), channel_names(self._count)
            per_group = self._count // self._filter.groups
            lines = []
            for f, (weights, bias) in enumerate(zip(self._weights, self._biases, strict=True)):
                first = f // per_group * len(weights)
                terms = [(w, read[first + c]) for c, w in enumerate(weights) if w]
                lines.append(f"{written[f]} = {linear_text(terms, bias)}")
            return lines
        if self._count > MOST_LISTED:
            return ["see sum: a value is multiplied by it"]
        outputs = [
            flat_text(row[0], bias) for row, bias in zip(self._sums, self._biases, strict=True)
        ]
        return self._by_kernel(outputs)

    def ramp(self) -> list[str]:
        """Return what becomes of ramps of 1 a pixel, across and down."""
        lines = []
        if self._filter.is_cross_channel and not any(row[0] for m in self._moments for row in m):
            return ["as flat areas"]
        for name, moments in (("across", self._moments[1]), ("down", self._moments[0])):
            offsets = [row[0] for row in moments]
            sums = [row[0] for row in self._sums]
            if self._count > MOST_LISTED:
                lines.append(f"{name}: adds {self._listed(offsets, 'kernel')}, times the slope")
                continue
            texts = [ramp_text(*pair) for pair in zip(sums, offsets, strict=True)]
            if self._filter.reduce is not None and not any(sums):
                slope = reduced(offsets, self._filter.reduce)
                texts = [
                    f"{ramp_text(0.0, slope)}, {self._filter.reduce} of "
                    f"{', '.join(map(number_text, offsets))}"
                ]
            lines += [f"{name}: {text}" for text in self._by_kernel(texts)]
        return lines

    def rank(self) -> list[str]:
        from convcli.filters.analysis import ranks

        least, greatest = ranks(self._filter)
        most = min(self._rows, self._columns)
        if most == 1:
            return ["1: a single row, column or weight"]
        span = str(least) if least == greatest else f"{least} to {greatest}"
        if greatest <= 1:
            return [f"{span}: separable, a column times a row"]
        return [f"{span} of {most}: not separable" + (", full rank" if least == most else "")]

    def symmetry(self) -> list[str]:
        from convcli.filters.analysis import symmetry

        if self._rows == self._columns == 1:
            return ["a single weight"]
        found = symmetry(self._filter)
        names = {
            "left-right": found.across,
            "top-bottom": found.down,
            "half turn": found.half_turn,
            "rows and columns swapped": found.diagonal,
        }
        same = [name for name, sign in names.items() if sign == 1]
        negated = [name for name, sign in names.items() if sign == -1]
        parts = [", ".join(same)] if same else []
        if negated:
            parts.append(f"sign changes by {', '.join(negated)}")
        return ["; ".join(parts) or "none"]

    def settings(self) -> list[str]:
        filter = self._filter
        pad = filter.pad if isinstance(filter.pad, str) else pair_text(filter.pad)
        parts = [
            f"stride {pair_text(filter.stride or 1)}",
            f"pad {pad}",
            f"pad mode {filter.pad_mode}",
            f"dilation {pair_text(filter.dilation)}",
            f"range {filter.range}",
        ]
        if any(self._biases):
            parts.insert(0, f"bias {self._listed(self._biases, 'kernel')}")
        alpha = "alpha kept" if filter.preserve_alpha else "alpha filtered with colour"
        return [", ".join(parts), alpha]

    def computed(self) -> list[str]:
        """Return the method that the engine chooses, and the time that its cost model estimates."""
        from convcli.pipeline.forecast import FEATURES, PHOTO, forecast

        try:
            found = forecast(self._filter)
        except (ImageError, ShapeError) as error:
            height, width = PHOTO if self._count <= MOST_LISTED else FEATURES
            return [f"does not fit a picture of {width}×{height}:", *wrap(str(error), 80)]
        height, width = found.size
        kind = {1: "grey", 3: "RGB"}.get(found.channels, f"{found.channels}-channel")
        how = f": {_METHODS[found.method]}" if found.method in _METHODS else ""
        processors = "1 processor" if found.threads == 1 else f"{found.threads} processors"
        return [
            f"by {found.method}{how}",
            f"{seconds_text(found.seconds)} for {width}×{height} {kind} of 8 bits on {processors}:",
            "an estimate of the sums alone; converting samples and files come on top",
        ]

    def gains(self) -> list[str]:
        """Return the table of gains at some frequencies, across and down."""
        from convcli.filters.analysis import axis_gains

        down, across = axis_gains(self._filter, [frequency for _, frequency in _NYQUIST])
        rows: list[tuple[str, list[float]]] = []
        for name, gains in (("across", across), ("down", down)):
            if self._count == 1:
                rows.append((name, gains[0].tolist()))
            elif self._count <= MOST_LISTED:
                rows += [
                    (f"{name}, {self._output(f)}", gains[f].tolist()) for f in range(len(gains))
                ]
            else:
                rows.append((f"{name}, least", gains.min(0).tolist()))
                rows.append((f"{name}, greatest", gains.max(0).tolist()))
        width = max(_LABEL, *(len(label) + 2 for label, _ in rows))
        head = "".join(f"{name:>9}" for name, _ in _NYQUIST)
        return [
            f"  {'gain at':<{width}}{head}",
            *(
                f"  {label:<{width}}" + "".join(f"{gain_text(value):>9}" for value in values)
                for label, values in rows
            ),
        ]

    def _output(self, number: int) -> str:
        if self._filter.reduce is None and self._count in COLOURS:
            return COLOURS[self._count][number]
        return f"kernel {number}"

    def _by_kernel(self, texts: list[str]) -> list[str]:
        """Return one line where all kernels do the same, or one for each."""
        if len(set(texts)) == 1:
            return texts[:1]
        return [f"{self._output(k)} {text}" for k, text in enumerate(texts)]

    def _listed(self, values: Sequence[float], what: str) -> str:
        if len(set(values)) == 1:
            return number_text(values[0])
        if len(values) <= MOST_LISTED:
            return ", ".join(map(number_text, values))
        return f"from {number_text(min(values))} to {number_text(max(values))}, by {what}"

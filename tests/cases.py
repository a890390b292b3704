"""The convolutions that kernel tests run over: edge cases, and drawn ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from hypothesis import assume, example, given
from hypothesis import strategies as st

MODES = ("zeros", "reflect", "replicate", "circular")


@dataclass(frozen=True)
class Case:
    """One convolution, with everything explicit."""

    channels: int = 1
    size: tuple[int, int] = (5, 6)
    filters: int = 1
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    mode: str = "zeros"
    groups: int = 1
    seed: int = field(default=0, compare=False)

    def __str__(self) -> str:
        c, f, k, s, d = self.channels, self.filters, self.kernel, self.stride, self.dilation
        return f"{c}x{self.size}-{f}x{k}-s{s}-d{d}-p{self.pads}-{self.mode}-g{self.groups}"

    @property
    def options(self) -> dict[str, object]:
        return {"stride": self.stride, "dilation": self.dilation, "groups": self.groups}

    @property
    def extended(self) -> tuple[int, int]:
        top, left, bottom, right = self.pads
        return self.size[0] + top + bottom, self.size[1] + left + right

    @property
    def output(self) -> tuple[int, int]:
        height, width = (
            (self.extended[k] - self.dilation[k] * (self.kernel[k] - 1) - 1) // self.stride[k] + 1
            for k in (0, 1)
        )
        return height, width

    def suited_to(self, method: str) -> Case:
        """Return this case, changed into one that a method of the engine can compute."""
        if method == "separable":
            return replace(self, channels=self.groups, filters=self.groups)
        if method == "float passes":
            return replace(self, channels=self.groups, filters=self.groups, stride=(1, 1))
        if method == "kn2row":
            return replace(self, stride=(self.stride[0], 1))
        return replace(self, stride=(1, 1)) if method == "fft" else self

    def arrays(self, dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (image, weight, something of the output's shape)."""
        rng = np.random.default_rng(self.seed)
        weight = (self.filters, self.channels // self.groups, *self.kernel)
        shapes = (self.channels, *self.size), weight, (self.filters, *self.output)
        return tuple(rng.standard_normal(shape).astype(dtype) for shape in shapes)


EDGES = [
    Case(size=(1, 1), kernel=(1, 1)),
    Case(size=(1, 1), pads=(1, 1, 1, 1)),
    Case(size=(1, 1), pads=(1, 1, 1, 1), mode="reflect"),
    Case(size=(1, 4), kernel=(5, 3), pads=(2, 1, 2, 1), mode="circular"),
    Case(size=(2, 3), kernel=(5, 7), pads=(2, 3, 2, 3)),
    Case(size=(2, 3), kernel=(5, 7), pads=(5, 6, 4, 7), mode="reflect"),
    Case(size=(2, 3), kernel=(5, 7), pads=(5, 6, 4, 7), mode="circular"),
    Case(size=(11, 1), kernel=(3, 2), stride=(1, 7), pads=(2, 3, 0, 0), mode="replicate"),
    Case(size=(1, 2), kernel=(1, 1), stride=(5, 5), pads=(4, 4, 0, 1), mode="circular"),
    Case(size=(7, 9), kernel=(2, 2), stride=(4, 5)),
    Case(size=(7, 9), kernel=(1, 1), stride=(3, 2), channels=3, filters=2),
    Case(size=(8, 6), kernel=(2, 4), pads=(0, 1, 1, 2), mode="replicate"),
    Case(size=(8, 9), kernel=(3, 2), dilation=(2, 3), stride=(2, 3), pads=(1, 0, 2, 3)),
    Case(size=(9, 8), kernel=(3, 3), dilation=(2, 4), stride=(4, 2), pads=(1, 3, 2, 2)),
    Case(size=(9, 8), kernel=(3, 3), dilation=(3, 2), stride=(2, 4), pads=(1, 3, 2, 2)),
    Case(channels=4, filters=6, groups=2, pads=(1, 1, 1, 1)),
    Case(channels=3, filters=3, groups=3, pads=(1, 1, 1, 1), mode="replicate"),
    Case(channels=3, filters=6, groups=3, stride=(2, 1), mode="reflect", pads=(1, 1, 1, 1)),
]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a convolution whose output has one element at least."""

    def pair(least: int, most: int) -> tuple[int, int]:
        return draw(st.tuples(*2 * [st.integers(least, most)]))

    groups = draw(st.integers(1, 3))
    channels, filters = pair(1, 2)
    case = Case(
        channels=groups * channels,
        filters=groups * filters,
        groups=groups,
        size=pair(1, 9),
        kernel=pair(1, 5),
        stride=pair(1, 4),
        dilation=pair(1, 3),
        pads=draw(st.tuples(*4 * [st.integers(0, 3)])),
        mode=draw(st.sampled_from(MODES)),
        seed=draw(st.integers(0, 99)),
    )
    assume(min(case.output) > 0)
    return case


Test = TypeVar("Test", bound=Callable[..., None])


def over_cases(test: Test) -> Test:
    """Run a test of ``case`` over the edge cases, and over drawn ones."""
    for edge in EDGES:
        test = example(case=edge)(test)
    return given(case=cases())(test)

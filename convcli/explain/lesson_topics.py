"""The topics of the lesson: paragraphs and examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Example(NamedTuple):
    """A command to show: the arguments of ``settle``, and the sections of the output to print."""

    arguments: Mapping[str, Any]
    sections: tuple[str, ...]


class Topic(NamedTuple):
    """One page of the lesson."""

    title: str
    parts: tuple[str | Example, ...]


TOPICS = (
    Topic(
        "The forward pass",
        (
            "A convolution slides a kernel over an input. At each position it multiplies the cells "
            "that it covers by its weights and sums the products: the sum is one output cell.",
            "out[i,j] = bias + the sum over u, v of in[i·S + u·D - P, j·S + v·D - P] · kernel[u,v]",
            Example({"input": "1 2 0; 3 4 1; 2 0 1", "kernel": "1 2; 0 1"}, ("Cell", "Result")),
            "With several channels, every filter has a kernel for each channel, and the sum also "
            "runs over channels. F filters give F output channels.",
            "Neural networks do not rotate the kernel. In mathematics a convolution rotates it by "
            "180° (--flip), and the operation without rotation is called cross-correlation. For a "
            "learned or a symmetric kernel it makes no difference; for an edge filter it changes "
            "the sign.",
        ),
    ),
    Topic(
        "The size of the result",
        (
            "There are H cells and P more on either side, and the kernel covers D(Hf - 1) + 1 of "
            "them. That leaves H + 2P - D(Hf - 1) positions, of which every S-th is computed.",
            Example({"input": "7x7", "kernel": "3x3", "stride": 2}, ("Size",)),
            "If S does not divide evenly, floor drops the remainder at the end.",
            Example({"input": "8x8", "kernel": "3x3", "stride": 2}, ("Size", "Which")),
        ),
    ),
    Topic(
        "Padding",
        (
            "Padding adds a border of zeros (or of other values, by --pad-mode), so that the "
            "kernel's centre reaches the edge. With stride 1 and an odd kernel, P = (K - 1) / 2 "
            "keeps the size: --pad same computes that.",
            Example({"input": "5x5", "kernel": "3x3", "pad": 1}, ("Size", "Which")),
            "Zeros are dark: outputs at the border sum fewer real cells. --pad-mode replicate "
            "repeats the edge instead, reflect mirrors the input, circular continues at the "
            "opposite edge.",
            Example(
                {"input": "a b c d", "kernel": "x y z", "pad": 1, "pad_mode": "reflect"}, ("Cell",)
            ),
        ),
    ),
    Topic(
        "Stride and dilation",
        (
            "Stride S computes every S-th position: the output is S times smaller. Dilation D "
            "places the taps D apart: the same number of weights covers a larger window.",
            Example({"input": "9x9", "kernel": "3x3", "stride": 3}, ("Which",)),
            Example({"input": "9x9", "kernel": "3x3", "dilation": 2}, ("Which",)),
        ),
    ),
    Topic(
        "The backward pass by hand",
        (
            "Let L be a loss and g = ∂L/∂out. An output is a sum of products, so each product adds "
            "g times the input to the gradient of the weight, and g times the weight to that of "
            "the input.",
            Example(
                {"input": "a b c d", "kernel": "x y z", "gradients": True},
                ("Cell", "Gradients"),
            ),
            "∂L/∂bias is the sum of g. ∂L/∂kernel is a correlation of the input with g (g spread S "
            "apart). ∂L/∂in is the sum of kernels placed at every output, each scaled by g: the "
            "transposed convolution.",
            '"Convolve with the flipped kernel" describes ∂L/∂in as a correlation, and holds for '
            "stride 1 only; for stride S, zeros are first put between the values of g.",
        ),
    ),
    Topic(
        "The transposed convolution",
        (
            "It is the computation of the gradient, used as a forward pass: every input cell "
            "scales the kernel, the copies are placed S apart, and overlaps are summed. It "
            "restores the size of a convolution's input, not its values: it is not an inverse.",
            Example(
                {"input": "a b; c d", "kernel": "1 2; 3 4", "stride": 2, "transpose": True},
                ("Size", "Cell", "Result"),
            ),
            "Padding makes the result smaller: P is the pad of the convolution that is transposed, "
            "and the border that it added is cropped here. A 2×2 input, 3×3 kernel, stride 2 and "
            "pad 1 give 3×3, not 4×4 as is often drawn:",
            Example(
                {"input": "2x2", "kernel": "3x3", "stride": 2, "pad": 1, "transpose": True},
                ("Size",),
            ),
            "Convolutions of 3 and of 4 cells both give 2. Output padding chooses which size to "
            "restore; it adds cells at the end, which are computed like the others:",
            Example(
                {
                    "input": "2x2",
                    "kernel": "3x3",
                    "stride": 2,
                    "pad": 1,
                    "transpose": True,
                    "output_padding": 1,
                },
                ("Size",),
            ),
        ),
    ),
    Topic(
        "Overlaps",
        (
            "The number of scaled kernels that an output cell sums depends on its position. Away "
            "from the edges it repeats every S cells.",
            Example(
                {"input": "4x4", "kernel": "3x3", "stride": 2, "transpose": True}, ("Overlaps",)
            ),
            Example(
                {"input": "4x4", "kernel": "4x4", "stride": 2, "transpose": True}, ("Overlaps",)
            ),
        ),
    ),
    Topic(
        "One dimension, by hand",
        (
            "Two inputs, three weights, stride 2: the copies [ax, ay, az] and [bx, by, bz] are "
            "placed two apart and share one cell.",
            Example(
                {"input": "a b", "kernel": "x y z", "stride": 2, "transpose": True},
                ("Cell", "Result"),
            ),
            "The convolution that this one transposes reads five cells and writes two:",
            Example({"input": "a b c d e", "kernel": "x y z", "stride": 2}, ("Cell", "Result")),
        ),
    ),
    Topic(
        "The matrix form",
        (
            "A convolution is linear: out = M·in, with the kernel in every row of M, S columns "
            "further each time. The transposed convolution is Mᵀ, hence its name.",
            Example(
                {"input": "0 a b c d 0", "kernel": "x y z", "matrix": True},
                ("Matrix", "M·in", "Mᵀ·out"),
            ),
            "Here the input includes its padding, so M is 4×6. The last product has six rows, and "
            "the last is d'z, since only the last output reads the last cell. A drawing that ends "
            "earlier, or with more terms, is cropped or wrong.",
            "If the input does not include the padding, M is 4×4, and Mᵀ gives the four inner rows "
            "alone: that is the crop.",
        ),
    ),
    Topic(
        "Checkerboards",
        (
            "Where overlaps are uneven, a transposed convolution of a flat input is not flat. With "
            "all weights 1 and stride 2, outputs of a kernel of 3 sum 1 or 2 terms in one "
            "dimension, and 1, 2 or 4 in two.",
            Example(
                {
                    "input": "1 1 1; 1 1 1",
                    "kernel": "1 1 1; 1 1 1; 1 1 1",
                    "stride": 2,
                    "transpose": True,
                },
                ("Overlaps", "Result"),
            ),
            "Remedies: a kernel size that the stride divides (4 for stride 2); dividing by the "
            "transposed convolution of ones (upsample --normalize, which convcli's presets do); or "
            "enlarging first and convolving afterwards. Even overlaps are not enough if the "
            "weights of the phases have different sums; --normalize corrects that too.",
        ),
    ),
)

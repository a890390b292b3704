"""What the lesson says: topics of paragraphs and examples."""

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
            "A convolution slides a kernel over an input. At each place it multiplies what it "
            "covers cell by cell and sums the products: that sum is one cell of the output.",
            "out[i,j] = bias + the sum over u, v of in[i·S + u·D - P, j·S + v·D - P] · kernel[u,v]",
            Example({"input": "1 2 0; 3 4 1; 2 0 1", "kernel": "1 2; 0 1"}, ("Cell", "Result")),
            "With several channels every filter has a kernel for each channel, and the sum runs "
            "over channels too. F filters give F output channels.",
            "Flip or not: neural networks do not rotate the kernel. Mathematics rotates it by 180° "
            "(--flip) and calls what networks do cross-correlation. For a kernel that is learned, "
            "or symmetric, it is all the same; for an edge filter it is the sign.",
        ),
    ),
    Topic(
        "The size of the result",
        (
            "H cells, P more on either side, and a kernel that spans D(Hf - 1) + 1 of them: it has "
            "room for that many places, and every S-th one is computed.",
            Example({"input": "7x7", "kernel": "3x3", "stride": 2}, ("Size",)),
            "Where S does not divide, floor drops what is left over at the end.",
            Example({"input": "8x8", "kernel": "3x3", "stride": 2}, ("Size", "Which")),
        ),
    ),
    Topic(
        "Padding",
        (
            "Padding adds a border of zeros (or of what --pad-mode says), so that the kernel's "
            "centre reaches the edge. With stride 1 and an odd kernel P = (K - 1) / 2 keeps the "
            "size: that is what --pad same computes.",
            Example({"input": "5x5", "kernel": "3x3", "pad": 1}, ("Size", "Which")),
            "Zeros are dark: outputs at the border sum fewer real cells. --pad-mode replicate "
            "repeats the edge instead, reflect mirrors it, circular goes on at the other side.",
            Example(
                {"input": "a b c d", "kernel": "x y z", "pad": 1, "pad_mode": "reflect"}, ("Cell",)
            ),
        ),
    ),
    Topic(
        "Stride and dilation",
        (
            "Stride S computes every S-th place: the output shrinks S times. Dilation D spreads "
            "the taps D apart: the same number of weights sees a larger window.",
            Example({"input": "9x9", "kernel": "3x3", "stride": 3}, ("Which",)),
            Example({"input": "9x9", "kernel": "3x3", "dilation": 2}, ("Which",)),
        ),
    ),
    Topic(
        "The backward pass by hand",
        (
            "Let L be a loss and g = ∂L/∂out. An output is a sum of products, so each product "
            "passes g on: to the weight times the input, to the input times the weight.",
            Example(
                {"input": "a b c d", "kernel": "x y z", "gradients": True},
                ("Cell", "Gradients"),
            ),
            "∂L/∂bias is the sum of g. ∂L/∂kernel is a correlation of the input with g (g spread S "
            "apart). ∂L/∂in lays the kernel down at every output, scaled by g, and sums: that is "
            "the transposed convolution.",
            '"Convolve with the flipped kernel" says the same of ∂L/∂in in correlation form, and '
            "is true in this form for stride 1 only; with stride S zeros go between the g first.",
        ),
    ),
    Topic(
        "The transposed convolution",
        (
            "It takes the way of the gradient forwards: every input cell scales the kernel, the "
            "copies are laid S apart, and overlaps are summed. It undoes the size of a "
            "convolution, not its values: it is no inverse.",
            Example(
                {"input": "a b; c d", "kernel": "1 2; 3 4", "stride": 2, "transpose": True},
                ("Size", "Cell", "Result"),
            ),
            "Padding makes the result smaller: P is the pad of the convolution that is transposed, "
            "and what was added there is cropped here. A 2×2 input, 3×3 kernel, stride 2 and pad 1 "
            "give 3×3, not 4×4 as it is often drawn:",
            Example(
                {"input": "2x2", "kernel": "3x3", "stride": 2, "pad": 1, "transpose": True},
                ("Size",),
            ),
            "Convolutions of 3 and of 4 both give 2. Output padding says which of them to go back "
            "to; it adds at the end and is computed like the rest:",
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
            "How many scaled kernels an output cell sums depends on where it lies. Inside, the "
            "count repeats every S cells.",
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
            "laid two apart and share one cell.",
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
            "further each time. The transposed convolution is Mᵀ, which gave it its name.",
            Example(
                {"input": "0 a b c d 0", "kernel": "x y z", "matrix": True},
                ("Matrix", "M·in", "Mᵀ·out"),
            ),
            "Here the input carries its padding, 4×6. Count the rows of the last product: there "
            "are six, and the last is d'z, for only the last output reads the last cell. A picture "
            "that ends earlier, or with more terms, has cropped or slipped.",
            "Without the padding among the cells M is 4×4, and Mᵀ gives the four inner rows alone: "
            "that is the crop.",
        ),
    ),
    Topic(
        "Checkerboards",
        (
            "Where overlaps are uneven, a transposed convolution of a flat input is not flat. With "
            "all weights 1 and stride 2, a kernel of 3 sums 1 term here and 2 there in one "
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
            "enlarging first and convolving after. Even overlaps do not suffice if the weights of "
            "the phases have different sums; --normalize cures that as well.",
        ),
    ),
)

"""The definitions as nested loops: slow, obvious, and what every fast path is held against."""

from __future__ import annotations

import numpy as np


def source(position: int, size: int, mode: str) -> int | None:
    """Return which of the ``size`` elements shows at ``position``, or None for a zero."""
    if 0 <= position < size:
        return position
    if mode == "zeros":
        return None
    if mode == "replicate":
        return 0 if position < 0 else size - 1
    if mode == "circular":
        return position % size
    while not 0 <= position < size:  # reflect: fold back at one end, then at the other
        position = 0 if size == 1 else abs(position)
        if position >= size:
            position = 2 * (size - 1) - position
    return position


def extend(image: np.ndarray, pads: tuple[int, int, int, int], mode: str) -> np.ndarray:
    top, left, bottom, right = pads
    channels, height, width = image.shape
    extended = np.zeros((channels, top + height + bottom, left + width + right))
    for i in range(extended.shape[1]):
        for j in range(extended.shape[2]):
            y, x = source(i - top, height, mode), source(j - left, width, mode)
            if y is not None and x is not None:
                extended[:, i, j] = image[:, y, x]
    return extended


def conv(image, weight, *, stride, pads, mode, dilation, groups) -> np.ndarray:
    """The convolution of one (C, H, W) image, straight from its definition."""
    extended = extend(image, pads, mode)
    filters, depth, taps_y, taps_x = weight.shape
    rows = (extended.shape[1] - dilation[0] * (taps_y - 1) - 1) // stride[0] + 1
    columns = (extended.shape[2] - dilation[1] * (taps_x - 1) - 1) // stride[1] + 1
    y = np.zeros((filters, rows, columns))
    for f, i, j in np.ndindex(y.shape):
        group = f // (filters // groups)
        for c, u, v in np.ndindex(depth, taps_y, taps_x):
            pixel = extended[
                group * depth + c, i * stride[0] + u * dilation[0], j * stride[1] + v * dilation[1]
            ]
            y[f, i, j] += pixel * weight[f, c, u, v]
    return y


def conv_gradients(grad_y, image, weight, *, stride, pads, mode, dilation, groups):
    """The gradients of one image's convolution: the same loops, each product differentiated."""
    extended = extend(image, pads, mode)
    grad_image, grad_weight = np.zeros(image.shape), np.zeros(weight.shape)
    filters, depth, taps_y, taps_x = weight.shape
    for f, i, j in np.ndindex(grad_y.shape):
        group = f // (filters // groups)
        for c, u, v in np.ndindex(depth, taps_y, taps_x):
            channel = group * depth + c
            at_y, at_x = i * stride[0] + u * dilation[0], j * stride[1] + v * dilation[1]
            grad_weight[f, c, u, v] += grad_y[f, i, j] * extended[channel, at_y, at_x]
            y = source(at_y - pads[0], image.shape[1], mode)
            x = source(at_x - pads[1], image.shape[2], mode)
            if y is not None and x is not None:
                grad_image[channel, y, x] += grad_y[f, i, j] * weight[f, c, u, v]
    return grad_image, grad_weight, grad_y.sum((1, 2))


def conv_transpose(image, weight, *, stride, pads, mode, dilation, groups, size) -> np.ndarray:
    """Lay scaled kernels ``stride`` apart, sum, crop to ``size``; the input goes on as ``mode``."""
    filters, depth, taps_y, taps_x = weight.shape
    result = np.zeros((groups * depth, *size))
    # Wide enough for every input element that could reach the cropped output.
    reach_y = pads[0] + size[0] + dilation[0] * taps_y
    reach_x = pads[1] + size[1] + dilation[1] * taps_x
    for i in range(-reach_y, image.shape[1] + reach_y):
        for j in range(-reach_x, image.shape[2] + reach_x):
            y, x = source(i, image.shape[1], mode), source(j, image.shape[2], mode)
            if y is None or x is None:
                continue
            for u, v in np.ndindex(taps_y, taps_x):
                at_y = i * stride[0] + u * dilation[0] - pads[0]
                at_x = j * stride[1] + v * dilation[1] - pads[1]
                if 0 <= at_y < size[0] and 0 <= at_x < size[1]:
                    for f in range(filters):
                        group = f // (filters // groups)
                        channels = slice(group * depth, (group + 1) * depth)
                        result[channels, at_y, at_x] += image[f, y, x] * weight[f, :, u, v]
    return result


def by_taps(image: np.ndarray, kernel: np.ndarray, stride: tuple[int, int]) -> np.ndarray:
    """The definition in 64-bit integers, without borders."""
    rows, columns = ((image.shape[k] - kernel.shape[k]) // stride[k] + 1 for k in (0, 1))
    answers = np.zeros((rows, columns), np.int64)
    for u, v in np.ndindex(kernel.shape):
        seen = image[u :: stride[0], v :: stride[1]][:rows, :columns]
        answers += int(kernel[u, v]) * seen.astype(np.int64)
    return answers

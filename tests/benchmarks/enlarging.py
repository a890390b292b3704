"""Enlarging in process: ours, Pillow's, OpenCV's and PyTorch's, in turn.

``enlarging.py PICTURE [ROUNDS]`` prints medians in milliseconds of wall and processor time, with a
Python that has the peers; those that are not installed are left out.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from arrays import cv2, torch
from PIL import Image

from convcli import Filter, Picture, read_image, upsample
from convcli.images import Frame

PRESETS = ("nearest", "bilinear", "bicubic", "lanczos")
OPENCV = {
    "nearest": "INTER_NEAREST",
    "bilinear": "INTER_LINEAR",
    "bicubic": "INTER_CUBIC",
    "lanczos": "INTER_LANCZOS4",
}

Call = Callable[[], Any]


def by_preset(path: str, preset: str, scale: tuple[int, int]) -> dict[str, Call]:
    """Return what each tool does to enlarge an RGB picture by (y, x)."""
    picture, image = read_image(path), Image.open(path).convert("RGB")
    samples = np.asarray(image)
    size = image.width * scale[1], image.height * scale[0]
    calls: dict[str, Call] = {
        "convcli": lambda: upsample(picture, preset, scale=scale),
        "pillow": lambda: image.resize(size, Image.Resampling[preset.upper()]),
    }
    if cv2 is not None:
        method = getattr(cv2, OPENCV[preset])
        calls["opencv"] = lambda: cv2.resize(samples, size, interpolation=method)
    if torch is not None and preset in ("bilinear", "bicubic"):
        planes = torch.from_numpy(samples.transpose(2, 0, 1)[np.newaxis].astype(np.float32))
        resize = torch.nn.functional.interpolate
        calls["torch"] = lambda: resize(planes, size[::-1], mode=preset, align_corners=False)
    return calls


def by_kernel(path: str, taps: int, *, separates: bool, normalize: bool) -> dict[str, Call]:
    """Return what we do with a kernel of our own, which is given dense."""
    picture, rng = read_image(path), np.random.default_rng(1)
    weight = np.outer(*rng.random((2, taps))) if separates else rng.random((taps, taps))
    kernel = Filter(weight, divisor=float(weight.sum()) / 4)
    return {"convcli": lambda: upsample(picture, kernel, normalize=normalize)}


def by_samples(path: str, kind: str) -> dict[str, Call]:
    """Return what we do with other samples than opaque ones of 8 bits."""
    image = Image.open(path).convert("RGB")
    samples = np.asarray(image)
    alpha = np.full(samples.shape[:2], 255, np.uint8)
    if kind == "transparent":
        alpha[:] = np.arange(image.width) * 255 // image.width
    frames = {
        "16 bits": Frame.of(samples.astype(np.uint16) * 257, "RGB"),
        "floats": Frame.of(samples / np.float32(255), "RGB"),
        "grey": Frame.of(np.asarray(image.convert("L"))[..., np.newaxis], "L"),
        "opaque": Frame.of(np.dstack([samples, alpha]), "RGBA"),
        "transparent": Frame.of(np.dstack([samples, alpha]), "RGBA"),
        "linear light": Frame.of(samples, "RGB"),
    }
    picture, linear = Picture((frames[kind],)), kind == "linear light"
    return {"convcli": lambda: upsample(picture, "bicubic", linear=linear)}


def measure(name: str, calls: dict[str, Call], rounds: int) -> None:
    """Let every tool do it in turn, once to warm up, and print medians."""
    wall: dict[str, list[float]] = {tool: [] for tool in calls}
    processor: dict[str, list[float]] = {tool: [] for tool in calls}
    for number in range(rounds + 1):
        for tool, call in calls.items():
            time.sleep(0.02)  # until the threads of the last one sleep, too
            start, used = time.perf_counter(), time.process_time()
            call()
            if number:
                wall[tool].append(1e3 * (time.perf_counter() - start))
                processor[tool].append(1e3 * (time.process_time() - used))
    cells = [f"{tool} {median(wall[tool]):.0f} ({median(processor[tool]):.0f})" for tool in calls]
    print(f"{name}: {', '.join(cells)}", flush=True)


def main(path: str, rounds: int) -> None:
    for scale in ((2, 2), (3, 3), (4, 4), (2, 3)):
        for preset in PRESETS:
            measure(f"{preset} {scale}", by_preset(path, preset, scale), rounds)
    for kind in ("16 bits", "floats", "grey", "opaque", "transparent", "linear light"):
        measure(f"bicubic, {kind}", by_samples(path, kind), rounds)
    for taps in (3, 5, 9):
        for separates in (True, False):
            for normalize in (False, True):
                kind = "separable" if separates else "dense"
                name = f"{kind} {taps}×{taps}{' normalized' if normalize else ''}"
                calls = by_kernel(path, taps, separates=separates, normalize=normalize)
                measure(name, calls, rounds)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5)

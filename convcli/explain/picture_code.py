"""Code that applies a filter to a picture, in NumPy, PyTorch or convcli."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from convcli import Filter, Picture
from convcli.errors import PlanError
from convcli.explain.code import NUMPY_PADS, numbers, torch_padding
from convcli.kernel.geometry import conv_geometry


def picture_code(
    picture: Picture,
    path: str,
    filter: Filter,
    name: str,
    language: str,
    *,
    overrides: Mapping[str, Any],
    mode: str | None = None,
    linear: bool = False,
) -> list[str]:
    """Return code that applies ``filter``, called ``name``, to the picture at ``path``.

    ``overrides`` are the options that replace those of the filter. In NumPy and PyTorch there is
    code for 8-bit grey and RGB; a :class:`PlanError` is raised for other pictures.
    """
    given = {key: value for key, value in overrides.items() if value is not None}
    if language == "convcli":
        return _convcli(path, name, given, mode, linear)
    frame = picture.frames[0]
    if frame.mode not in ("L", "RGB") or frame.raster.dtype.itemsize > 1 or linear:
        kind = "linear light" if linear else f"{frame.mode or 'an array'} ({frame.raster.dtype})"
        raise PlanError(
            f"{kind} takes more than a few lines of {language}: 8-bit grey and RGB are written "
            "out; use --mode L or RGB, or --code convcli"
        )
    channels = filter.kernel_shape[1] * filter.groups
    reads = channels if filter.is_cross_channel else frame.raster.channels
    if reads != frame.raster.channels:
        raise PlanError(
            f"the filter reads {reads} channels and the picture has {frame.raster.channels}: "
            "--mode converts it"
        )
    make = _numpy if language == "numpy" else _pytorch
    return make(frame.size, frame.mode, path, filter)


def _convcli(
    path: str, name: str, given: Mapping[str, Any], mode: str | None, linear: bool
) -> list[str]:
    words = ["convcli", "apply", "-f", name]
    for key, value in given.items():
        flag = key.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            parts = value if isinstance(value, tuple) else (value,)
            words += [f"--{flag}", ",".join(map(str, parts))]
    words += ["--mode", mode] if mode else []
    words += ["--linear"] if linear else []
    override = ", ".join(f"{key}={value!r}" for key, value in given.items())
    chosen = f"load_filter({name!r})" + (f".override({override})" if override else "")
    reading = f", mode={mode!r}" if mode else ""
    return [
        f"# in a shell: {shlex.join([*words, path, '-o', 'result.png'])}",
        "from convcli import apply_filters, load_filter, read_image, write_image",
        "",
        f"picture = read_image({path!r}{reading})",
        f"chosen = {chosen}",
        f"result = apply_filters(picture, [chosen]{', linear=True' if linear else ''})",
        'write_image(result, "result.png")',
    ]


def _numpy(size: tuple[int, int], mode: str, path: str, filter: Filter) -> list[str]:
    geometry = conv_geometry(
        size, filter.kernel_shape[2:], filter.stride or 1, filter.pad, filter.dilation
    )
    top, left, bottom, right = geometry.pads
    (sy, sx), (dy, dx) = geometry.stride, geometry.dilation
    how = NUMPY_PADS[filter.pad_mode]
    lines = [
        "import numpy as np",
        "from PIL import Image",
        "",
        f'image = np.atleast_3d(Image.open({path!r}).convert("{mode}")).transpose(2, 0, 1) / 255',
        f"weight = np.array({numbers(filter.kernel)})",
        f"bias = np.array({numbers(filter.offsets)})",
        f'padded = np.pad(image, ((0, 0), ({top}, {bottom}), ({left}, {right})), "{how}")',
        f"span = ({dy} * (weight.shape[2] - 1) + 1, {dx} * (weight.shape[3] - 1) + 1)",
        "windows = np.lib.stride_tricks.sliding_window_view(padded, span, (1, 2))",
        f"windows = windows[:, ::{sy}, ::{sx}, ::{dy}, ::{dx}]",
    ]
    if filter.groups > 1:
        lines += [
            f"windows = windows.reshape({filter.groups}, -1, *windows.shape[1:])",
            f"weight = weight.reshape({filter.groups}, -1, *weight.shape[1:])",
            'out = np.einsum("gchwuv,gfcuv->gfhw", windows, weight)',
            "out = out.reshape(-1, *out.shape[2:]) + bias[:, None, None]",
        ]
    elif filter.is_cross_channel:
        lines.append('out = np.einsum("chwuv,fcuv->fhw", windows, weight) + bias[:, None, None]')
    else:
        lines.append(
            'responses = np.einsum("chwuv,fuv->fchw", windows, weight[:, 0])'
            " + bias[:, None, None, None]"
        )
        lines.append(f"out = {_reduce(filter.reduce, 'np', 'axis=0')}")
    return [*lines, *_finish(filter, "np")]


def _pytorch(size: tuple[int, int], mode: str, path: str, filter: Filter) -> list[str]:
    geometry = conv_geometry(
        size, filter.kernel_shape[2:], filter.stride or 1, filter.pad, filter.dilation
    )
    # A batch of one picture, or of its channels, each filtered alone.
    batch = "image[None]" if filter.is_cross_channel else "image[:, None]"
    lines = [
        "import numpy as np",
        "import torch",
        "from PIL import Image",
        "from torch.nn.functional import conv2d, pad",
        "",
        f'array = np.atleast_3d(Image.open({path!r}).convert("{mode}")).transpose(2, 0, 1)',
        "image = torch.tensor(array / 255)",
        f"weight = torch.tensor({numbers(filter.kernel)}, dtype=torch.float64)",
        f"bias = torch.tensor({numbers(filter.offsets)}, dtype=torch.float64)",
        *torch_padding(batch, geometry.pads, filter.pad_mode, size),
        f"responses = conv2d(padded, weight, bias, stride={geometry.stride}, "
        f"dilation={geometry.dilation}{f', groups={filter.groups}' * (filter.groups > 1)})",
    ]
    if filter.is_cross_channel:
        lines.append("out = responses[0]")
    else:
        lines.append("responses = responses.transpose(0, 1)")
        lines.append(f"out = {_reduce(filter.reduce, 'torch', 'dim=0')}")
    return [*lines, *_finish(filter, "torch")]


def _reduce(reduce: str | None, library: str, axis: str) -> str:
    if reduce == "magnitude":
        return f"{library}.sqrt((responses**2).sum({axis}))"
    if reduce == "max":
        return f"responses.{'max' if library == 'np' else 'amax'}({axis})"
    return f"responses.sum({axis})" if reduce == "sum" else "responses[0]"


def _finish(filter: Filter, library: str) -> list[str]:
    lines = []
    if filter.range == "abs":
        lines.append("out = abs(out)")
    elif filter.range == "rescale":
        lines.append("out = (out - out.min()) / (out.max() - out.min())")
    elif filter.range == "rescale-channels":
        axes = "dim=(1, 2), keepdim=True" if library == "torch" else "axis=(1, 2), keepdims=True"
        least, most = ("amin", "amax") if library == "torch" else ("min", "max")
        lines.append(f"low, high = out.{least}({axes}), out.{most}({axes})")
        lines.append("out = (out - low) / (high - low)")
    if library == "torch":
        lines.append("out = out.numpy()")
    return [
        *lines,
        "pixels = np.floor(np.clip(out, 0, 1) * 255 + 0.5).astype(np.uint8)",
        "if len(pixels) in (1, 3):  # grey or RGB",
        '    Image.fromarray(pixels.transpose(1, 2, 0).squeeze()).save("result.png")',
    ]

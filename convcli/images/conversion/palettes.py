"""Pictures reduced to the colours of a palette, 256 at most."""

from __future__ import annotations

import numpy as np
from PIL import Image

from convcli.images.conversion.changes import Loss

_OPAQUE = 128  # pixels of this alpha or more become opaque
_SAMPLE = 1 << 17  # pixels from which colours are chosen, which takes 0.2 s for this many
_CLOSE = 1.5  # root mean square error, of 255, below which banding is invisible


def palette_losses(mode: str, format_name: str) -> tuple[Loss, ...]:
    """Return the losses that :func:`with_palette` may cause, for an image of ``mode``."""
    if mode == "L":  # 256 greys at most
        return ()
    degrees = (_no_degrees(format_name),) if mode == "RGBA" else ()
    return (*degrees, _few_colours(format_name))


def _no_degrees(format_name: str) -> Loss:
    return Loss(
        f"partly transparent pixels become opaque or transparent: {format_name} holds no degrees",
        "if there are any",
    )


def _few_colours(format_name: str) -> Loss:
    return Loss(f"colours become 256 at most: {format_name} holds no more", "if there are more")


def with_palette(image: Image.Image, format_name: str, is_animated: bool = False) -> Image.Image:
    """Return an image of mode L, RGB or RGBA as P.

    Up to 256 colours stay exact. More are reduced to 256, chosen by median cut and k-means, with
    error diffusion where the error is visible. A frame that ``is_animated`` has neither: error
    diffusion would flicker, and k-means take too long for every frame. Pixels less than half
    opaque get one transparent colour, its index in ``info["transparency"]``. Warns with
    :class:`ImageWarning` of what is lost.
    """
    if image.mode != "RGBA":
        return _reduced(image.convert("RGB"), 256, format_name, is_animated)
    alpha = np.asarray(image.getchannel("A"))
    hidden = alpha < _OPAQUE
    if ((alpha > 0) & (alpha < 255)).any():
        _no_degrees(format_name).warn()
    colours = image.convert("RGB")
    if not hidden.any():
        return _reduced(colours, 256, format_name, is_animated)
    mask = Image.fromarray(hidden)
    # Transparent pixels must not use up a colour: they take that of the first opaque one.
    row, column = divmod(int(np.argmin(hidden)), image.width)
    opaque = colours.crop((column, row, column + 1, row + 1))
    colours.paste(opaque.resize(colours.size), mask=mask)
    reduced = _reduced(colours, 255, format_name, is_animated)
    index = len(reduced.getpalette() or []) // 3
    reduced.putpalette([*(reduced.getpalette() or []), 0, 0, 0])
    reduced.paste(index, mask=mask)
    reduced.info["transparency"] = index
    return reduced


def _reduced(image: Image.Image, count: int, format_name: str, is_animated: bool) -> Image.Image:
    known = image.getcolors(count)
    if known is not None:
        return _indexed(image, [colour for _, colour in known if isinstance(colour, tuple)])
    _few_colours(format_name).warn()
    if is_animated:
        return image.quantize(count, Image.Quantize.MEDIANCUT)
    sample = image
    if image.width * image.height > _SAMPLE:
        shrink = (_SAMPLE / (image.width * image.height)) ** 0.5
        size = max(1, int(image.width * shrink)), max(1, int(image.height * shrink))
        sample = image.resize(size, Image.Resampling.NEAREST)
    chosen = sample.quantize(count, Image.Quantize.MEDIANCUT, kmeans=1)
    if sample is image and _error(image, chosen) < _CLOSE:
        return chosen
    return image.quantize(palette=chosen, dither=Image.Dither.FLOYDSTEINBERG)


def _indexed(image: Image.Image, known: list[tuple[int, ...]]) -> Image.Image:
    """Return an RGB image with exactly these colours as its palette."""
    # Pillow's quantize() finds a colour by its upper bits alone (seen in Pillow 13.0, no issue
    # known: quantize an image of the colours 0, 1, 2 with a palette of the same).
    numbers = np.sort([red << 16 | green << 8 | blue for red, green, blue in known])
    samples = np.asarray(image).astype(np.uint32)
    packed = samples[..., 0] << 16 | samples[..., 1] << 8 | samples[..., 2]
    indexed = Image.fromarray(np.searchsorted(numbers, packed).astype(np.uint8))
    indexed.putpalette(
        np.stack([numbers >> 16, numbers >> 8, numbers], 1).astype(np.uint8).tobytes()
    )
    return indexed


def _error(image: Image.Image, reduced: Image.Image) -> float:
    difference = np.asarray(image, np.float32) - np.asarray(reduced.convert("RGB"), np.float32)
    return float(np.sqrt(np.square(difference).mean()))

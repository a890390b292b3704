"""Pictures in as few colours as a palette has."""

from __future__ import annotations

import numpy as np
from PIL import Image

from convcli.images.conversion.changes import Loss

_OPAQUE = 128  # from half opacity on, a pixel is there
_SAMPLE = 1 << 17  # pixels to choose the colours by; the search takes 0.2 s for so many
_CLOSE = 1.5  # root mean square error, of 255, below which no banding can be seen


def palette_losses(mode: str, format_name: str) -> tuple[Loss, ...]:
    """Return what :func:`with_palette` may have to warn of, for an image of ``mode``."""
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


def with_palette(image: Image.Image, format_name: str, moves: bool = False) -> Image.Image:
    """Return an image of mode L, RGB or RGBA as P.

    256 colours or fewer stay exactly what they are. More become the best 256 found by median cut
    and k-means, mixed by error diffusion where the error is to be seen. In a picture that ``moves``
    that would flicker, and k-means take too long for every frame. Pixels less than half opaque
    become one transparent colour, its index in ``info["transparency"]``. Warns with
    :class:`ImageWarning` of what is lost.
    """
    if image.mode != "RGBA":
        return _reduced(image.convert("RGB"), 256, format_name, moves)
    alpha = np.asarray(image.getchannel("A"))
    hidden = alpha < _OPAQUE
    if ((alpha > 0) & (alpha < 255)).any():
        _no_degrees(format_name).warn()
    colours = image.convert("RGB")
    if not hidden.any():
        return _reduced(colours, 256, format_name, moves)
    mask = Image.fromarray(hidden)
    # What is hidden must not use up a colour: it takes one that is there.
    row, column = divmod(int(np.argmin(hidden)), image.width)
    there = colours.crop((column, row, column + 1, row + 1))
    colours.paste(there.resize(colours.size), mask=mask)
    reduced = _reduced(colours, 255, format_name, moves)
    index = len(reduced.getpalette() or []) // 3
    reduced.putpalette([*(reduced.getpalette() or []), 0, 0, 0])
    reduced.paste(index, mask=mask)
    reduced.info["transparency"] = index
    return reduced


def _reduced(image: Image.Image, count: int, format_name: str, moves: bool) -> Image.Image:
    known = image.getcolors(count)
    if known is not None:
        return _indexed(image, [colour for _, colour in known if isinstance(colour, tuple)])
    _few_colours(format_name).warn()
    if moves:
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
    # Pillow looks a colour up by its upper bits.
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

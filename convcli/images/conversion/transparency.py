"""Transparency that a mode or a format does not hold: pictures composited on white."""

from __future__ import annotations

from PIL import Image

from convcli.images.conversion.changes import Change, Loss


def transparency_loss(holder: str, verb: str) -> Loss:
    """Return what is lost in a mode or format without transparency, ``holder``."""
    return Loss(
        f"{holder} {verb} no transparency: the picture is composited on white",
        "if any of it is transparent",
    )


def compositing_on_white(holder: str, verb: str = "holds") -> Change:
    """Return the change for a mode or format without transparency, ``holder``."""
    loss = transparency_loss(holder, verb)
    return Change(_on_white, (loss,), lambda image: not is_opaque(image))


def is_opaque(image: Image.Image) -> bool:
    """Return whether an image of mode LA or RGBA is opaque everywhere."""
    return image.getchannel("A").getextrema() == (255, 255)


def _on_white(image: Image.Image) -> Image.Image:
    """Return an image of mode LA or RGBA composited on white: L or RGB."""
    colours = image.mode.removesuffix("A")
    result = Image.new(colours, image.size, "white")
    result.paste(image.convert(colours), mask=image.getchannel("A"))
    return result

"""What a format cannot hold becomes what it can, as little changed as possible."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from PIL import Image

from convcli.errors import ImageError, ImageWarning
from convcli.images.formats import PROFILE_FORMATS, held_modes
from convcli.images.icc import converted, in_srgb, is_opaque, is_srgb, on_white, suits
from convcli.images.picture import Frame, quantized
from convcli.images.raster import PillowRaster

_NEXT_BEST = {
    "L": ("L", "RGB", "LA", "RGBA", "P", "1", "F"),
    "LA": ("LA", "RGBA", "PA", "L", "RGB", "P", "1", "F"),
    "RGB": ("RGB", "RGBA", "P", "L", "1", "F"),
    "RGBA": ("RGBA", "PA", "RGB", "P", "L", "1", "F"),
    "CMYK": ("CMYK", "RGB", "RGBA", "P", "L", "1", "F"),
}
"""For each mode of a result, those that do instead, the better ones first."""


def fitted(
    frame: Frame, format_name: str, profile: bytes | None, *, palette: bool = True
) -> Image.Image:
    """Return a frame as an image that a format holds; ``profile`` tells its colours.

    The result has a mode of :func:`held_modes`, or is of mode P, where one index may be
    transparent, ``info["transparency"]``. Without
    ``palette`` it keeps all its colours instead, for one that is chosen later. Raises
    :class:`ImageError` for what is no picture; warns with :class:`ImageWarning` of what is lost.
    """
    held = held_modes(format_name)
    image = _with_depth(frame, format_name, held)
    if image.mode in held:
        return _with_known_colours(image, format_name, profile)
    target = next(mode for mode in _NEXT_BEST[image.mode] if mode in held)
    if image.mode in ("LA", "RGBA") and target not in ("LA", "RGBA", "PA"):
        if not is_opaque(image):
            _warn(f"{format_name} holds no transparency: the picture is laid on white")
        image = on_white(image)
    if image.mode == "CMYK":
        how = "converted to RGB by its ICC profile" if profile else "converted to RGB"
        _warn(f"{format_name} holds no CMYK: {how}")
        image = converted(image, "RGB", profile)
        profile = None
    image = _with_known_colours(image, format_name, profile)
    if target in ("P", "PA"):
        from convcli.images.palettes import with_palette

        colours = image.convert("RGBA") if target == "PA" else image
        return with_palette(colours, format_name) if palette else colours
    if target in ("L", "1", "F") and image.mode != "L":
        _warn(f"{format_name} holds no colours: the picture becomes grey")
        image = image.convert("L")
    if target == "F":
        return Image.fromarray(np.asarray(image).astype(np.float32) / 255)
    if target == "1" and any(image.histogram()[1:255]):
        _warn(f"{format_name} holds black and white: greys become patterns of dots")
    return image if image.mode == target else image.convert(target)


def pictured(mode: str, channels: int) -> str:
    """Return ``mode``, or for "" that of a picture with so many channels; or an ImageError."""
    mode = mode or {1: "L", 3: "RGB"}.get(channels, "")
    if not mode:
        raise ImageError(
            f"a result of {channels} channels is no picture (1 is grey, 3 are RGB): "
            "write it to a .npy file, or each channel to its own, with {channel} in the name"
        )
    return mode


def _with_depth(frame: Frame, format_name: str, held: frozenset[str]) -> Image.Image:
    """Return a frame as an image of 8 bits, or of more where the format holds them."""
    raster = frame.raster
    mode = pictured(frame.mode, raster.channels)
    if isinstance(raster, PillowRaster):
        return raster.image
    samples = frame.samples
    if samples.dtype == np.float32:
        if raster.channels == 1 and "F" in held:
            return Image.fromarray(np.ascontiguousarray(samples[:, :, 0]))
        holds = "floats of grey pictures only" if "F" in held else "no floats"
        if not (np.nanmin(samples) >= 0 and np.nanmax(samples) <= 1):
            _warn(f"values outside 0-1 are clipped: {format_name} holds {holds}; .npy holds all")
        elif frame.mode:
            others = ".npy and tif do" if raster.channels == 1 else ".npy holds all"
            _warn(f"floats become 8 bits: {format_name} holds {holds}; {others}")
        samples = quantized(samples, np.dtype(np.uint8))
    elif samples.dtype == np.uint16:
        if raster.channels == 1 and "I;16" in held:
            return Image.fromarray(np.ascontiguousarray(samples[:, :, 0]))
        if raster.channels == 1 and "F" in held:
            return Image.fromarray(samples[:, :, 0] / np.float32(65535))
        kind = "" if raster.channels == 1 else " in colour or with transparency"
        _warn(f"16 bits become 8: {format_name} holds no more{kind}")
        samples = np.rint(samples / np.float32(257)).astype(np.uint8)
    height, width = frame.size
    data = np.ascontiguousarray(samples)
    return Image.frombuffer(mode, (width, height), data, "raw", mode, 0, 1)


def _with_known_colours(image: Image.Image, format_name: str, profile: bytes | None) -> Image.Image:
    """Return an image with colours in sRGB if they need a profile that the format cannot hold."""
    if not profile or is_srgb(profile) or image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        return image
    if format_name in PROFILE_FORMATS or not suits(profile, image.mode):
        return image
    if image.mode == "CMYK":
        _warn(f"{format_name} holds no ICC profile: it is left out, so inks may be off")
        return image
    _warn(f"{format_name} holds no ICC profile: colours are converted to sRGB")
    return in_srgb(image, profile).convert(image.mode)


def in_one_space(
    images: Sequence[Image.Image], profiles: Sequence[bytes | None], format_name: str
) -> list[Image.Image]:
    """Return frames that have several profiles, where a format holds one for all, in sRGB."""
    if format_name not in PROFILE_FORMATS:  # it has been done
        return list(images)
    _warn(f"{format_name} holds one ICC profile: colours are converted to sRGB")
    return [
        in_srgb(image, profile).convert(image.mode)
        for image, profile in zip(images, profiles, strict=True)
    ]


def unified(images: Sequence[Image.Image]) -> list[Image.Image]:
    """Return the frames of an animation in one mode that holds them all."""
    modes = {image.mode for image in images}
    if "P" in modes or (len(modes) == 1 and "I;16" not in modes):
        return list(images)
    has_alpha = bool(modes & {"LA", "RGBA"})
    colours = "RGB" if modes & {"RGB", "RGBA"} else "L"
    common = colours + "A" * has_alpha
    return [_in_8_bits(image).convert(common) for image in images]


def _in_8_bits(image: Image.Image) -> Image.Image:
    if not image.mode.startswith("I;16"):
        return image
    _warn("16 bits become 8: frames of an animation are alike")
    return Image.fromarray(np.rint(np.asarray(image) / np.float32(257)).astype(np.uint8))


def _warn(text: str) -> None:
    warnings.warn(text, ImageWarning, 4)

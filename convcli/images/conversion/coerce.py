"""Frames converted to modes and sample types that a format can hold, with the least loss.

:func:`frame_conversion` decides without samples; :meth:`FrameConversion.image` converts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

from convcli.errors import ImageError
from convcli.images.conversion.changes import Change, Loss, changed, converting
from convcli.images.conversion.deep_modes import deep_mode, holds_wide_colour, is_deep
from convcli.images.conversion.icc import is_srgb, mode_changes, suits, to_srgb
from convcli.images.conversion.sample_changes import SampleChange, all_made
from convcli.images.conversion.transparency import compositing_on_white
from convcli.images.formats import PROFILE_FORMATS, held_modes
from convcli.images.picture import Frame, quantized
from convcli.images.raster import ArrayRaster, PillowRaster, Raster
from convcli.system.warn import warn

_NEXT_BEST = {
    "L": ("L", "RGB", "LA", "RGBA", "P", "1", "F"),
    "LA": ("LA", "RGBA", "PA", "L", "RGB", "P", "1", "F"),
    "RGB": ("RGB", "RGBA", "P", "L", "1", "F"),
    "RGBA": ("RGBA", "PA", "RGB", "P", "L", "1", "F"),
    "CMYK": ("CMYK", "RGB", "RGBA", "P", "L", "1", "F"),
}
"""For each mode of a result, the modes that can replace it, the best first."""


class FrameConversion(NamedTuple):
    """How a frame is converted to an image that a format holds.

    Its samples become an image of Pillow's mode ``stored``, to which the ``changes`` are applied;
    ``mode`` is the mode of the result. ``losses`` are those of storing the samples.
    ``sample_changes`` are made before, where there are more than 8 bits; ``stored`` may then be a
    mode that Pillow does not have, of 16 bits (RGB;16) or floats (RGB;F).
    """

    stored: str
    losses: tuple[Loss, ...]
    changes: tuple[Change, ...]
    mode: str
    sample_changes: tuple[SampleChange, ...] = ()

    @property
    def is_deep(self) -> bool:
        """Whether Pillow has no image for the samples."""
        return is_deep(self.stored)

    def raster(self, frame: Frame) -> Raster:
        """Return the samples that are stored; warns with :class:`ImageWarning` of what is lost."""
        if not self.sample_changes:
            return frame.raster
        return ArrayRaster(all_made(frame.samples, self.sample_changes))

    def all_losses(self) -> Iterator[Loss]:
        """Yield all losses, those that depend on samples included."""
        yield from self.losses
        for sample_change in self.sample_changes:
            yield from sample_change.losses
        for change in self.changes:
            yield from change.losses

    def image(self, frame: Frame) -> Image.Image:
        """Return the frame converted; warns with :class:`ImageWarning` of what is lost."""
        if self.sample_changes:
            frame = Frame(self.raster(frame), self.mode)
        return changed(_stored(frame, self.stored, self.losses), self.changes)

    def then(self, changes: Iterable[Change], mode: str) -> FrameConversion:
        """Return this conversion with more changes, after which the image has ``mode``."""
        return self._replace(changes=(*self.changes, *changes), mode=mode)


def frame_conversion(
    frame: Frame,
    format_name: str,
    profile: bytes | None,
    *,
    is_animated: bool = False,
    is_alike: bool = False,
) -> FrameConversion:
    """Decide how a frame is converted to an image that a format holds; needs no samples.

    ``profile`` is the frame's ICC profile. The result has a mode of :func:`held_modes`, or is
    deep; for PA it has mode P, and the index ``info["transparency"]`` is transparent. A frame of an
    animation keeps all its colours, and its palette is chosen later; ``is_alike`` says that all of
    them have one mode and depth. Raises :class:`ImageError`
    where the frame is not a picture, or needs an extra that is not installed; warns with
    :class:`ImageWarning` of what is lost.
    """
    held = held_modes(format_name)
    frame_mode = pictured(frame.mode, frame.raster.channels)
    deep = deep_mode(
        frame, frame_mode, format_name, profile, is_animated=is_animated, is_alike=is_alike
    )
    if deep is not None:
        return FrameConversion(deep.stored, (), (), deep.mode, deep.changes)
    stored, losses = _depth(frame, frame_mode, format_name, held)
    if stored in held:
        changes = _to_known_colours(stored, format_name, profile)
        return FrameConversion(stored, losses, tuple(changes), stored)
    target = next(mode for mode in _NEXT_BEST[stored] if mode in held)
    mode, changes = stored, []
    if mode in ("LA", "RGBA") and target not in ("LA", "RGBA", "PA"):
        changes.append(compositing_on_white(format_name))
        mode = mode.removesuffix("A")
    if mode == "CMYK":
        how = "converted to RGB by its ICC profile" if profile else "converted to RGB"
        warn(f"{format_name} holds no CMYK: {how}")
        changes += mode_changes("CMYK", "RGB", profile)
        mode, profile = "RGB", None
    changes += _to_known_colours(mode, format_name, profile)
    if target in ("P", "PA"):
        last, mode = _to_palette(mode, target, format_name, not is_animated)
    else:
        last, mode = _to_mode(mode, target, format_name), target
    return FrameConversion(stored, losses, (*changes, *last), mode)


def _to_palette(
    mode: str, target: str, format_name: str, palette: bool
) -> tuple[list[Change], str]:
    """Return the changes that give an image of ``mode`` a palette, and the mode it then has.

    Without ``palette`` they only prepare it for one. PA has one transparent index.
    """
    changes = []
    if target == "PA" and mode != "RGBA":
        mode = "RGBA"
        changes.append(converting(mode))
    if not palette:
        return changes, mode
    from convcli.images.conversion.palettes import palette_losses, with_palette

    reduce = Change(
        lambda image: with_palette(image, format_name), palette_losses(mode, format_name)
    )
    return [*changes, reduce], "P"


def _to_mode(mode: str, target: str, format_name: str) -> list[Change]:
    """Return the changes from ``mode`` to ``target``, a mode without a palette."""
    changes = []
    if target in ("L", "1", "F") and mode != "L":
        warn(f"{format_name} holds no colours: the picture becomes grey")
        changes.append(converting("L"))
        mode = "L"
    if target == "F":
        changes.append(Change(_as_floats))
    elif target == "1":
        dots = Loss(
            f"{format_name} holds black and white: greys become patterns of dots",
            "if there are any",
        )
        changes.append(Change(converting("1").do, (dots,), _has_greys))
    elif mode != target:
        changes.append(converting(target))
    return changes


def _as_floats(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image).astype(np.float32) / 255)


def _has_greys(image: Image.Image) -> bool:
    return any(image.histogram()[1:255])


def pictured(mode: str, channels: int) -> str:
    """Return ``mode``, or for "" the mode for this number of channels, or raise an ImageError."""
    mode = mode or {1: "L", 3: "RGB"}.get(channels, "")
    if not mode:
        raise ImageError(
            f"a result of {channels} channels is not a picture (1 is grey, 3 are RGB): "
            "write it to a .npy file, or each channel to its own, with {channel} in the name"
        )
    return mode


def _depth(
    frame: Frame, mode: str, format_name: str, held: frozenset[str]
) -> tuple[str, tuple[Loss, ...]]:
    """Decide the mode in which samples are stored: 8 bits, or more where the format holds more.

    The first loss of floats is for values outside 0-1, the second for all others.
    """
    raster = frame.raster
    if raster.dtype == np.float32:
        if raster.channels == 1 and "F" in held:
            return "F", ()
        holds = "floats of grey pictures only" if "F" in held else "no floats"
        clipped = Loss(
            f"values outside 0-1 are clipped: {format_name} holds {holds}; .npy holds all",
            "if there are any",
        )
        if not frame.mode:
            return mode, (clipped,)
        others = ".npy and tif do" if raster.channels == 1 else ".npy holds all"
        shallow = Loss(f"floats become 8 bits: {format_name} holds {holds}; {others}")
        return mode, (clipped, shallow)
    if raster.dtype == np.uint16:
        if raster.channels == 1 and "I;16" in held:
            return "I;16", ()
        if raster.channels == 1 and "F" in held:
            return "F", ()
        kind = "" if raster.channels == 1 else " in colour or with transparency"
        if holds_wide_colour(format_name, mode):
            warn("16 bits become 8: all frames of an animation have one depth")
        else:
            warn(f"16 bits become 8: {format_name} holds no more{kind}")
    return mode, ()


def _stored(frame: Frame, mode: str, losses: tuple[Loss, ...]) -> Image.Image:
    """Return the samples of a frame as an image of ``mode``, as decided by :func:`_depth`."""
    if isinstance(frame.raster, PillowRaster):
        return frame.raster.image
    samples = frame.samples
    if mode == "F" and samples.dtype == np.uint16:
        return Image.fromarray(samples[:, :, 0] / np.float32(65535))
    if mode in ("F", "I;16"):
        return Image.fromarray(np.ascontiguousarray(samples[:, :, 0]))
    if samples.dtype == np.float32:
        clipped, *others = losses
        if not (np.nanmin(samples) >= 0 and np.nanmax(samples) <= 1):
            clipped.warn()
        else:
            for loss in others:
                loss.warn()
        samples = quantized(samples, np.dtype(np.uint8))
    elif samples.dtype == np.uint16:
        samples = np.rint(samples / np.float32(257)).astype(np.uint8)
    height, width = frame.size
    data = np.ascontiguousarray(samples)
    return Image.frombuffer(mode, (width, height), data, "raw", mode, 0, 1)


def _to_known_colours(mode: str, format_name: str, profile: bytes | None) -> list[Change]:
    """Return the changes to sRGB, if colours need a profile that the format cannot hold."""
    if not profile or is_srgb(profile) or mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        return []
    if format_name in PROFILE_FORMATS or not suits(profile, mode):
        return []
    if mode == "CMYK":
        warn(f"{format_name} holds no ICC profile: it is left out, so inks may be off")
        return []
    warn(f"{format_name} holds no ICC profile: colours are converted to sRGB")
    return to_srgb_within(mode, profile)


def to_srgb_within(mode: str, profile: bytes | None) -> list[Change]:
    """Return the changes to sRGB that keep the mode."""
    changes, result = to_srgb(mode, profile)
    return changes if result == mode else [*changes, converting(mode)]

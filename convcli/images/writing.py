"""Pictures to files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from convcli.channels import has_channels, has_frames, is_split, part_targets, prefix
from convcli.errors import ExistsError, ImageError, ImageWarning
from convcli.files import replace_all, replacing
from convcli.images import formats
from convcli.images.animations import animation_options, frames_for
from convcli.images.fitting import fitted, in_one_space, unified
from convcli.images.metadata import encoder_options, stripped
from convcli.images.picture import Frame, Picture
from convcli.images.profiles import is_srgb, suits
from convcli.kernel.threads import processors

JPEG_QUALITY = 90
_FINE = range(90, 101)
"""Qualities that keep colour in a JPEG as fine as grey, unless it was coarser in the source."""


def write_image(
    picture: Picture | ArrayLike,
    target: str | os.PathLike[str] | BinaryIO,
    *,
    format: str | None = None,
    quality: int | None = None,
    save: Mapping[str, Any] | None = None,
    strip: bool = False,
    overwrite: bool = False,
    check: Callable[[], object] | None = None,
) -> None:
    """Write a picture, or an array of (C, H, W) values on the 0-1 scale, to a file.

    The format is that of the extension of ``target``, or ``format``; a binary file as ``target``
    needs it. ``quality`` (1-100) is for the formats that lose: JPEG (90 by default), WebP, AVIF.
    ``save`` goes to Pillow's encoder as it is: ``{"compress_level": 9}``, ``{"lossless": True}``.
    ``strip`` leaves out what is not pixels: profile, EXIF, text; timing of an animation stays.
    The file appears whole or not at all, and replaces another only with ``overwrite``. ``check``
    is called when all is encoded: what it raises leaves the target as it was.

    Where the name has ``{channel}`` in it, every channel becomes a grey picture in a file of its
    own, and with ``{frame}`` every frame or page does; both are numbered from 0.

    Raises :class:`ImageError`; warns with :class:`ImageWarning` of what the format cannot hold.
    """
    if not isinstance(picture, Picture):
        picture = Picture.from_array(picture)
    wishes = dict(save or {}) if quality is None else {"quality": quality, **(save or {})}
    if isinstance(target, (str, os.PathLike)):
        path = Path(target)
        chosen = formats.output_format(format or path.suffix)
        try:
            if is_split(path):
                _write_parts(picture, path, overwrite, chosen, wishes, strip, check)
            else:
                with replacing(path, overwrite) as file:
                    _encode(picture, file, chosen, wishes, strip)
                    if check is not None:
                        check()
        except ExistsError:
            raise
        except ImageError as error:
            message = str(error)
            # The name of a part's own file begins as that of all.
            if not message.startswith(str(path.parent / prefix(path.name))):
                message = f"{path}: {message}"
            raise ImageError(message) from error.__cause__
    else:
        if format is None:
            raise ImageError("a stream has no extension: name the format")
        # Encoders seek; a pipe cannot.
        buffer = BytesIO()
        _encode(picture, buffer, formats.output_format(format), wishes, strip)
        if check is not None:
            check()
        _send(buffer.getbuffer(), target)


def _write_parts(
    picture: Picture,
    path: Path,
    overwrite: bool,
    format_name: str,
    wishes: Mapping[str, Any],
    strip: bool,
    check: Callable[[], object] | None,
) -> None:
    """Write each frame, each channel, or each channel of each frame to a file of its own."""
    pages = picture.pages() if has_frames(path) else [picture]
    split = (page.split() if has_channels(path) else [page] for page in pages)
    counts = [page.channels if has_channels(path) else 1 for page in pages]
    waiting = chain.from_iterable(split)

    def write(number: int, file: BinaryIO) -> None:
        _encode(next(waiting), file, format_name, wishes, strip)
        if check is not None:
            check()

    replace_all(part_targets(path, counts), overwrite, write)


def _send(data: memoryview, stream: BinaryIO) -> None:
    """Write all of ``data``; an unbuffered stream takes it in parts."""
    try:
        while data:
            data = data[stream.write(data) :]
        stream.flush()
    except BrokenPipeError:  # whoever reads has enough, which is no fault
        raise
    except OSError as error:
        raise ImageError(f"the result cannot be written: {error.strerror or error}") from error


def _encode(
    picture: Picture, file: BinaryIO, format_name: str, wishes: Mapping[str, Any], strip: bool
) -> None:
    if format_name == formats.ARRAY_FORMAT:
        np.save(file, picture.tensor, allow_pickle=False)
        return
    frames, metadata = frames_for(picture, format_name)
    profiles = _profiles(frames, metadata)
    is_still = len(frames) == 1
    images = [
        fitted(frame, format_name, profile, palette=is_still)
        for frame, profile in zip(frames, profiles, strict=True)
    ]
    if len(images) > 1 and format_name not in formats.PAGE_FORMATS:
        if len(set(profiles)) > 1:
            images, profiles = in_one_space(images, profiles, format_name), [None]
        images = unified(images)
    profile = profiles[0]
    if strip:
        metadata = stripped(metadata)
    elif profile is None or not suits(profile, images[0].mode):
        metadata.pop("icc_profile", None)
    if format_name == "TIFF" and len(set(profiles)) > 1 and not strip:
        images = [images[0], *map(_with_profile, images[1:], profiles[1:])]
    compression = wishes.get("compression", metadata.get("compression"))
    compression = None if compression == "raw" else compression
    options = encoder_options(metadata, format_name, frames[0].size, compression)
    if format_name in ("JPEG", "MPO", "PDF"):
        options["quality"] = JPEG_QUALITY
        if wishes.get("quality", JPEG_QUALITY) in _FINE and "qtables" not in wishes:
            options["subsampling"] = max(0, metadata.get("subsampling", 0))
    if format_name == "WEBP" and metadata.get("lossless") and "quality" not in wishes:
        options["lossless"] = True
    if len(images) > 1:
        options |= animation_options(images, format_name, metadata)
    options |= wishes
    if format_name == "TIFF" and options.get("compression") != "jpeg":
        options.pop("quality", None)  # of which Pillow's encoder would complain
    try:
        _save(images, file, format_name, options, metadata, only=wishes.keys() <= {"quality"})
    except (ImageError, MemoryError):
        raise
    # Each encoder has its own way to say that it cannot.
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk, not the encoder
            raise
        raise ImageError(f"cannot be written as {format_name}: {error}") from error


def _profiles(frames: Sequence[Frame], metadata: Mapping[str, Any]) -> list[bytes | None]:
    """Return the ICC profile of each frame; none where it is for other colours than it has now."""
    same = [metadata.get("icc_profile")] * len(frames)
    profiles: list[bytes | None] = []
    for profile, frame in zip(metadata.get("page_profiles", same), frames, strict=True):
        is_apt = profile is not None and suits(profile, frame.mode)
        if profile and not is_apt and not is_srgb(profile):
            _warn("its ICC profile is for other colours than the result has, and left out")
        profiles.append(profile if is_apt else None)
    return profiles


def _with_profile(page: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a page after the first of a TIFF, with a profile of its own, or none."""
    page = page.copy()
    # Where Pillow looks for what is said of this page alone.
    page.encoderinfo = {"icc_profile": profile if profile and suits(profile, page.mode) else None}
    return page


def _save(
    images: Sequence[Image.Image],
    file: BinaryIO,
    format_name: str,
    options: dict[str, Any],
    metadata: Mapping[str, Any],
    only: bool,
) -> None:
    """Write by Pillow, or by what does it better; ``only``: no one asked for Pillow's options."""
    image = images[0]
    if format_name == "PNG":
        from convcli.images import png  # what it needs is for large pictures of this format

        if png.can_write(image, options):
            png.write_png(image, file, options, processors())
            return
    elif format_name == "JPEG":
        from convcli.images import jpeg  # as above

        if jpeg.can_write(image, options):
            jpeg.write_jpeg(image, file, options, processors())
            return
    elif format_name == "GIF" and len(images) > 1 and only:
        from convcli.images.gif import write_animation

        write_animation(images, file, metadata)
        return
    elif format_name in ("ICO", "ICNS"):
        from convcli.images.icons import write_icon

        write_icon(image, file, format_name, options)
        return
    elif format_name == "WEBP" and "duration" in options and len(images) > 1:
        from convcli.images.webp import with_all_frames

        buffer = BytesIO()
        image.save(buffer, format_name, **options)
        file.write(with_all_frames(buffer.getvalue(), metadata.get("durations", ())))
        return
    elif format_name == "JPEG2000":  # on a full disk its encoder would go on for ever
        buffer = BytesIO()
        image.save(buffer, format_name, **options)
        file.write(buffer.getbuffer())
        return
    image.save(file, _format_to_name(file, format_name), **options)


def _format_to_name(file: BinaryIO, format_name: str) -> str | None:
    """Return None where the file's own name tells: Pillow then loads that one plugin, not all."""
    suffix = Path(str(getattr(file, "name", ""))).suffix
    if formats.COMMON.get(suffix.lower().removeprefix(".")) == format_name:
        return None
    return formats.encoder_name(format_name)


def _warn(text: str) -> None:
    warnings.warn(text, ImageWarning, 5)

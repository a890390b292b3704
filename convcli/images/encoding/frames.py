"""Several frames: which of them go into a file, and the encoder's options for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

from PIL import Image

from convcli.errors import ImageError
from convcli.images import formats
from convcli.images.picture import Frame, Picture
from convcli.system.warn import warn


def frames_for(picture: Picture, format_name: str) -> tuple[Sequence[Frame], dict[str, Any]]:
    """Return the frames that go into a file, and metadata for them.

    Raises :class:`ImageError` if the format does not hold frames of this number or size.
    """
    frames, metadata = picture.frames, dict(picture.metadata)
    if metadata.get("has_poster") and format_name in ("AVIF", "GIF", "WEBP"):
        warn("the still picture before the animation (APNG's default image) is left out")
        frames = frames[1:]
        metadata["durations"] = metadata["durations"][1:]
    check_count(len(frames), format_name)
    sizes = {frame.size for frame in frames}
    if len(sizes) > 1 and format_name not in formats.PAGE_FORMATS:
        raise ImageError(
            f"frames in {format_name} have one size, and these have {len(sizes)}: write tif, take "
            'the first (frames="first"), or name the result with {frame} for a file each'
        )
    for size in sizes:
        check_size(size, format_name)
    return frames, metadata


def check_count(frames: int, format_name: str) -> None:
    """Raise an ImageError for more frames than a format holds."""
    if frames > 1 and format_name not in formats.FRAME_FORMATS:
        raise ImageError(
            f"{format_name} holds one image, and this has {frames}: "
            'take the first (frames="first"), write gif, png, webp, tif or npy, '
            "or name the result with {frame} for a file each"
        )


def check_size(size: tuple[int, int], format_name: str) -> None:
    """Raise an ImageError for a picture of (H, W) that is larger than a format holds."""
    most = formats.MOST_PIXELS_A_SIDE.get(format_name)
    height, width = size
    if most and max(height, width) > most:
        raise ImageError(
            f"cannot be written as {format_name}: that holds {most}×{most} pixels at most, "
            f"and this has {width}×{height}: write png or tif"
        )


def animation_options(format_name: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the encoder's options for several frames that need no samples.

    Warns with :class:`ImageWarning` of timing that the format does not hold.
    """
    options: dict[str, Any] = {"save_all": True}
    if format_name in formats.PAGE_FORMATS:
        if any(metadata.get("durations", ())):
            warn(f"{format_name} holds no timing: frames become pages")
        return options
    if any(metadata.get("durations", ())):
        options["duration"] = list(metadata["durations"])
    if format_name == "AVIF" and "duration" in options:
        options["duration"] = _whole(options["duration"])
    if format_name in ("PNG", "WEBP"):
        plays = metadata.get("plays", 0)
        options["loop"] = min(plays, _MOST_PLAYS) if format_name == "WEBP" else plays
    if format_name == "PNG":
        has_poster = bool(metadata.get("has_poster"))
        # Pillow takes durations of the frames after the default image.
        if "duration" in options:
            options["duration"] = options["duration"][has_poster:]
        # Each frame replaces the one before it: it is not blended with it.
        options |= {"default_image": has_poster, "blend": 0}
    elif format_name == "GIF":
        # Used if options for Pillow's encoder are given.
        options["disposal"] = 2
        plays = metadata.get("plays", 0)
        options |= {} if plays == 1 else {"loop": max(plays - 1, 0)}
    return options


def frame_options(
    images: Sequence[Image.Image], format_name: str, has_poster: bool
) -> dict[str, Any]:
    """Return the encoder's options that need the frames' samples."""
    options: dict[str, Any] = {"append_images": images[1:]}
    if format_name == "PNG":
        options["disposal"] = _disposals(images[has_poster:])
    return options


def _whole(durations: Sequence[float]) -> list[int]:
    """Return durations in whole milliseconds, without adding up rounding errors."""
    ends = [round(end) for end in accumulate(durations)]
    return [end - start for start, end in pairwise([0, *ends])]


_MOST_PLAYS = 65535  # of a WebP


def _disposals(images: Sequence[Image.Image]) -> list[int]:
    """Return APNG's disposal of each frame: 0 leaves it, 2 restores the one before it.

    Both show the same for a frame that equals the one before it. Pillow merges equal frames unless
    their disposals differ (intended, as for GIF: issue 7809; seen in Pillow 13.0).
    """
    disposals = [0]
    for before, image in pairwise(images):
        is_equal = before.tobytes() == image.tobytes()
        disposals.append(2 if is_equal and disposals[-1] == 0 else 0)
    return disposals

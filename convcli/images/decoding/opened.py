"""Open image files: checked against limits, decoded in a thread or when needed.

Does not import NumPy, so that a file can be decoded while NumPy is imported.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image, UnidentifiedImageError

from convcli.errors import ImageError, ImageWarning
from convcli.images.conversion.transparency import is_opaque
from convcli.images.decoding.identification import open_identified
from convcli.images.decoding.pillow_quirks import (
    bits_stored,
    has_whole_tags,
    rename_ambiguous_texts,
    scale_transparency_to_8_bits,
)
from convcli.system.thread_warnings import as_errors
from convcli.system.warn import warn

if TYPE_CHECKING:
    from PIL import ImageFile

    from convcli.images.decoding.wide_animation import WideAnimation, WideFrame
    from convcli.images.decoding.wide_colour import WideImage

_WIDE_FORMATS = ("PNG", "PPM", "SGI", "TIFF")
"""Formats of which 16-bit colour is read."""


class Opened:
    """An image file whose header is read; :meth:`decoded` reads the pixels."""

    def __init__(self, source: str | BinaryIO, max_pixels: int | None = None) -> None:
        """Open a file; raises an ImageError if it is broken or too large."""
        self.limit = limit_of(max_pixels)
        self._thread: threading.Thread | None = None
        self._failure: Exception | None = None
        self.path: str | None = None
        """The path of the file, if it is decoded ahead and nobody has read it yet."""
        self.warnings: list[str] = []
        """Those of opening a file that is decoded ahead, given by :meth:`decoded`."""
        try:
            self.image = _opened(source, self.limit)
        except UnidentifiedImageError:
            from convcli.images.decoding.unreadable import unidentified  # for errors alone

            raise unidentified(source) from None
        except MemoryError:
            # Only a header that announces a part of gigabytes needs much memory.
            raise ImageError("the image is broken, or there is no memory left to open it") from None
        except Exception as error:
            raise self._reported(error) from error
        try:
            self._check()
        except Exception as error:
            self.image.close()
            raise self._reported(error) from error
        self.bits = bits_stored(self.image, source)
        """Bits a channel in the file, where fewer are read; else 8."""
        self._source = source
        self.wide: WideImage | WideFrame | None = None
        """The 16-bit colour of the current page, if all its bits can be read."""
        self._animation: WideAnimation | None = None
        try:
            self._find_wide()
        except Exception as error:
            self.image.close()
            raise self._reported(error) from error
        if self.wide is not None:
            self.bits = 8
        if self.image.format == "PNG":
            rename_ambiguous_texts(self.image)
            if self.wide is None:
                scale_transparency_to_8_bits(self.image)

    def start_decoding(self) -> None:
        """Decode in a thread, while the caller does something else."""
        # Each read needs the GIL, which the main thread holds: few blocks of the file, and large.
        if self.image.format == "JPEG":
            self.image.decodermaxblock = os.path.getsize(self.image.filename) + 1
        elif self.image.format == "TIFF":  # not at once: it may be as large as its pixels
            self.image.decodermaxblock = 1 << 20
        thread = threading.Thread(target=self._load, daemon=True)
        # start() raises RuntimeError if the system allows no further thread.
        with suppress(RuntimeError):
            thread.start()
            self._thread = thread

    def decoded(self) -> Image.Image:
        """Return the image with its pixels; raises an ImageError if they are broken."""
        if self._thread is not None:
            self._thread.join()
            for text in self.warnings:
                warn(text)
        else:
            self._load()
        if self._failure is not None:
            self.image.close()
            raise self._reported(self._failure) from self._failure
        return self.image

    def release(self) -> None:
        """Let go of the pixels, which those who still refer to this object no longer need."""
        self.wide = self._animation = self.path = None
        del self.image

    def frames(self) -> Iterator[Image.Image]:
        """Yield every frame or page, decoded; each is valid until the next one is yielded."""
        first = self.decoded()
        size, is_gif = first.size, first.format == "GIF"
        was_opaque = is_gif and not first.has_transparency_data
        if first.format == "PNG":
            rename_ambiguous_texts(first)  # texts can follow the pixels
        yield first
        for number in range(1, self.count):
            try:
                if is_gif:
                    from convcli.images.codecs.gif import prepare_disposal  # for this format alone

                    prepare_disposal(self.image)
                self.image.seek(number)
                self._check_page()
                self._find_wide()
                self._decode()
            except Exception as error:
                self.image.close()
                raise self._reported(error) from error
            if was_opaque and self.image.mode == "RGBA" and is_opaque(self.image):
                yield self.image.convert("RGB").crop((0, 0, *size))
            elif is_gif and self.image.size != size:  # a frame extends beyond the first one
                yield self.image.crop((0, 0, *size))
            else:
                yield self.image

    def unread(self) -> Iterator[Image.Image]:
        """Yield the header of every page of a TIFF, whose pages may differ; else of one frame.

        Nothing is decoded; each is valid until the next one is yielded.
        """
        yield self.image
        for number in range(1, self.count if self.image.format == "TIFF" else 1):
            try:
                self.image.seek(number)
                self._check_page()
                self._find_wide()
            except Exception as error:
                raise self._reported(error) from error
            yield self.image

    def _load(self) -> None:
        try:
            self._decode()
        except Exception as failure:  # raised by decoded(), in the calling thread
            self._failure = failure

    def _decode(self) -> None:
        if self.wide is None:
            self.image.load()
        else:
            self.wide.load()

    def _find_wide(self) -> None:
        """Find out whether the current page is 16-bit colour of which all bits can be read."""
        self.wide = None
        if self.image.format not in _WIDE_FORMATS:
            return
        number = self.image.tell() if self.count > 1 else 0
        if self._animation is not None:
            self.wide = self._animation.frame(number)
            return
        from convcli.images.decoding.wide_colour import WideImage, wide_mode  # not for JPEG

        is_animation = self.count > 1 and self.image.format == "PNG"
        if (is_animation and number > 0) or not wide_mode(self.image):
            return
        if is_animation:
            from convcli.images.decoding.wide_animation import WideAnimation

            self._animation = WideAnimation(self._source)
            self.wide = self._animation.frame(number)
        else:
            from convcli.images.decoding.two_passes import reopening

            again = reopening(self._source, str(self.image.format), number)
            self.wide = WideImage(self.image, again)

    def _check_page(self) -> None:
        check_pixels(self.image.size, self.limit)
        if not has_whole_tags(self.image):
            raise ImageError("the image is broken: it is truncated in its table of tags")

    def _check(self) -> None:
        self._check_page()
        self.count = getattr(self.image, "n_frames", 1)
        if self.image.format == "MPO" and self.count > 1:
            # A camera's JPEG followed by a preview or a second view.
            warn(f"only the first of {self.count} pictures is used")
            self.count = 1
        elif self.image.format == "PSD":
            if self.count > 1:
                warn("only the composite of all layers is used")
            self.count = 1
        elif self.image.format in ("ICO", "ICNS", "CUR"):
            sizes = len(self.image.info.get("sizes", ()))
            if sizes > 1:
                warn(f"only the largest of {sizes} pictures is used")
        check_pixels(self.image.size, self.limit, self.count)

    def _reported(self, error: Exception) -> Exception:
        """Return the ImageError for an error of Pillow's; our own errors stay as they are.

        Pillow's plugins raise errors of many kinds for a broken file: OSError, SyntaxError,
        struct.error, ValueError, EOFError, IndexError, …
        """
        if isinstance(error, (ImageError, ImageWarning, MemoryError)):
            return error
        if isinstance(error, (Image.DecompressionBombWarning, Image.DecompressionBombError)):
            return _too_large("its size", self.limit)
        return ImageError(f"the image is broken: {error or type(error).__name__}")


MOST_FRAMES = 10
"""The pixels of all frames of an animation, at most, as a multiple of the limit of one image."""


def limit_of(max_pixels: int | None) -> int:
    """Return the limit of pixels: Pillow's for None; 0 if there is none."""
    return max_pixels or Image.MAX_IMAGE_PIXELS or 0


def check_pixels(size: tuple[int, int], limit: int, count: int = 1) -> None:
    """Raise an ImageError if ``count`` images of ``size`` (width, height) have too many pixels.

    The limit is ``limit`` for one image, and ``MOST_FRAMES * limit`` for all together; 0 is no
    limit.
    """
    width, height = size
    if limit and width * height > limit:
        raise _too_large(f"{width}×{height}", limit)
    if limit and width * height * count > MOST_FRAMES * limit:
        raise _too_large(f"{count} frames of {width}×{height}", limit)


def _too_large(size: str, limit: int) -> ImageError:
    return ImageError(
        f"it is too large: {size} is more than the limit of {limit:,} pixels (max_pixels=N)"
    )


def _opened(source: str | BinaryIO, limit: int) -> ImageFile.ImageFile:
    """Open an image file; while it opens, a ``limit`` larger than Pillow's replaces it."""
    with as_errors(Image.DecompressionBombWarning):
        pillow_limit = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max(limit, pillow_limit or 0) or None
        try:
            return open_identified(source)
        finally:
            Image.MAX_IMAGE_PIXELS = pillow_limit

"""Files to decoded Pillow images. Needs no NumPy, so that both can be had at the same time."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image, UnidentifiedImageError

from convcli.errors import ImageError, ImageWarning
from convcli.images.conversion.icc import is_opaque
from convcli.images.decoding.identification import open_identified
from convcli.images.decoding.pillow_quirks import (
    bits_stored,
    bring_transparency_to_8_bits,
    set_texts_apart,
)
from convcli.images.decoding.wide_colour import WideImage, reopening, wide_mode
from convcli.system.thread_warnings import as_errors, collect_warnings
from convcli.system.warn import warn

if TYPE_CHECKING:
    from PIL import ImageFile


class Opened:
    """An image whose header is read; :meth:`decoded` has its pixels."""

    def __init__(self, source: str | BinaryIO, max_pixels: int | None = None) -> None:
        """Open a file; raises an ImageError for one that is broken or too large."""
        self.limit = limit_of(max_pixels)
        self._thread: threading.Thread | None = None
        self._failure: Exception | None = None
        self.path: str | None = None
        """The file, where it is decoded ahead of reading it."""
        self.warnings: list[str] = []
        """Texts of warnings from opening a file ahead, given when it is read."""
        try:
            self.image = _opened(source, self.limit)
        except UnidentifiedImageError:
            from convcli.images.decoding.unreadable import unidentified  # for errors alone

            raise unidentified(source) from None
        except MemoryError:
            # A header takes next to none, unless it tells of a part of gigabytes that is to come.
            raise ImageError("the image is broken, or there is no memory left to open it") from None
        except Exception as error:
            raise self._told(error) from error
        try:
            self._check()
        except Exception as error:
            self.image.close()
            raise self._told(error) from error
        self.bits = bits_stored(self.image, source)
        self._source = source
        self.wide: WideImage | None = None
        """The 16-bit colour of the current page, where all its bits can be read."""
        self._note_wide()
        if self.image.format == "PNG":
            set_texts_apart(self.image)
            if self.wide is None:
                bring_transparency_to_8_bits(self.image)

    def start_decoding(self) -> None:
        """Decode in a thread, while this one does something else."""
        if self.image.format == "JPEG":
            # Read at once: every further read would have to wait for this thread to pause.
            self.image.decodermaxblock = os.path.getsize(self.image.filename) + 1
        thread = threading.Thread(target=self._load, daemon=True)
        # A system that has no room for another thread says so with a RuntimeError.
        with suppress(RuntimeError):
            thread.start()
            self._thread = thread

    def decoded(self) -> Image.Image:
        """Return the image with its pixels; raises an ImageError where they are broken."""
        if self._thread is not None:
            self._thread.join()
            for text in self.warnings:
                warn(text)
        else:
            self._load()
        if self._failure is not None:
            self.image.close()
            raise self._told(self._failure) from self._failure
        return self.image

    def frames(self) -> Iterator[Image.Image]:
        """Give every frame or page, decoded; one is gone when the next is asked for."""
        first = self.decoded()
        size, is_gif = first.size, first.format == "GIF"
        was_opaque = is_gif and not first.has_transparency_data
        if first.format == "PNG":
            set_texts_apart(first)  # some stand behind the pixels
        yield first
        for number in range(1, self.count):
            try:
                if is_gif:
                    from convcli.images.codecs.gif import prepare_disposal  # for this format alone

                    prepare_disposal(self.image)
                self.image.seek(number)
                check_pixels(self.image.size, self.limit)
                self._note_wide()
                self._decode()
            except Exception as error:
                self.image.close()
                raise self._told(error) from error
            if was_opaque and self.image.mode == "RGBA" and is_opaque(self.image):
                yield self.image.convert("RGB").crop((0, 0, *size))
            elif is_gif and self.image.size != size:  # a frame reached out of the picture
                yield self.image.crop((0, 0, *size))
            else:
                yield self.image

    def unread(self) -> Iterator[Image.Image]:
        """Give the header of every page of a TIFF, whose pages differ, else of the first frame.

        Nothing is decoded; one is gone when the next is asked for.
        """
        yield self.image
        for number in range(1, self.count if self.image.format == "TIFF" else 1):
            try:
                self.image.seek(number)
                check_pixels(self.image.size, self.limit)
                self._note_wide()
            except Exception as error:
                raise self._told(error) from error
            yield self.image

    def _load(self) -> None:
        try:
            self._decode()
        except Exception as failure:  # told by decoded(), in the thread that asks
            self._failure = failure

    def _decode(self) -> None:
        if self.wide is None:
            self.image.load()
        else:
            self.wide.load()

    def _note_wide(self) -> None:
        """Note whether the current page is 16-bit colour of which all bits can be read."""
        self.wide = None
        # Frames of an animation are put together by Pillow, in 8 bits.
        if (self.count == 1 or self.image.format == "TIFF") and wide_mode(self.image):
            again = reopening(self._source, str(self.image.format), self.image.tell())
            self.wide = WideImage(self.image, again)

    def _check(self) -> None:
        check_pixels(self.image.size, self.limit)
        self.count = getattr(self.image, "n_frames", 1)
        if self.image.format == "MPO" and self.count > 1:
            # A camera's JPEG with a preview or a second view behind it.
            warn(f"only the first of {self.count} pictures is used")
            self.count = 1
        elif self.image.format == "PSD":
            if self.count > 1:
                warn("only what all layers show together is used")
            self.count = 1
        elif self.image.format in ("ICO", "ICNS", "CUR"):
            sizes = len(self.image.info.get("sizes", ()))
            if sizes > 1:
                warn(f"only the largest of {sizes} pictures is used")
        check_pixels(self.image.size, self.limit, self.count)

    def _told(self, error: Exception) -> Exception:
        """Return what is to be raised for an error of Pillow's.

        Its plugins raise whatever comes up in a broken file: OSError, SyntaxError, struct.error,
        ValueError, EOFError, IndexError, …
        """
        if isinstance(error, (ImageError, ImageWarning, MemoryError)):
            return error
        if isinstance(error, (Image.DecompressionBombWarning, Image.DecompressionBombError)):
            return _too_large("its size", self.limit)
        return ImageError(f"the image is broken: {error or type(error).__name__}")


MOST_FRAMES = 10
"""How many times the pixels of one image may an animation have in all."""


def limit_of(max_pixels: int | None) -> int:
    """Return the limit that is meant: Pillow's for None; 0 where there is none."""
    return max_pixels or Image.MAX_IMAGE_PIXELS or 0


def check_pixels(size: tuple[int, int], limit: int, count: int = 1) -> None:
    """Raise an ImageError if images of ``size`` (width, height) have more pixels than ``limit``.

    One by itself, or ``count`` of them together; 0 is no limit.
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
    """Open an image file; a larger ``limit`` takes the place of Pillow's own for the process."""
    with as_errors(Image.DecompressionBombWarning):
        everywhere = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max(limit, everywhere or 0) or None
        try:
            return open_identified(source)
        finally:
            Image.MAX_IMAGE_PIXELS = everywhere


_AHEAD = (".jpg", ".jpeg", ".png", ".tif", ".tiff")


def decode_ahead(path: str, max_pixels: int | None = None) -> Opened | None:
    """Start to decode a file in a thread, and return it for ``read_image``.

    None where the format is rare, or where something is wrong, which reading it will report.
    """
    if not (os.path.isfile(path) and path.lower().endswith(_AHEAD)):
        return None
    texts: list[str] = []
    try:
        with collect_warnings(texts):
            opened = Opened(path, max_pixels)
    except (ImageError, MemoryError):
        return None
    opened.path = path
    opened.warnings += texts
    opened.start_decoding()
    return opened

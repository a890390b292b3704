"""Changes that convert an image for a mode or a format: decided first, applied afterwards.

They are decided from modes, sample types and profiles, without samples. A dry run decides from the
header; the real run decides in the same way from the decoded picture, then applies the changes. So
the deciding function gives the warnings. A warning that depends on samples is a :class:`Loss` of
the change: the real run gives it if the samples meet the condition, the dry run states the
condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from PIL import Image

from convcli.system.warn import warn


class Loss(NamedTuple):
    """A warning that may depend on samples: ``text`` is given if ``condition``, in words, holds.

    Without a condition it is given for all samples.
    """

    text: str
    condition: str = ""

    @property
    def predicted(self) -> str:
        """The warning of a dry run: with its condition."""
        return f"{self.text} ({self.condition})" if self.condition else self.text

    def warn(self) -> None:
        """Give the warning, for samples that meet the condition."""
        warn(self.text)


class Change(NamedTuple):
    """A change of an image: ``do`` returns the changed one.

    If ``is_lost`` is None, ``do`` itself warns of its ``losses``; otherwise :meth:`made` warns of
    the first of them for an image for which ``is_lost`` is true.
    """

    do: Callable[[Image.Image], Image.Image]
    losses: tuple[Loss, ...] = ()
    is_lost: Callable[[Image.Image], bool] | None = None

    def made(self, image: Image.Image) -> Image.Image:
        """Return the image with the change applied; warns of losses."""
        if self.is_lost is not None and self.is_lost(image):
            self.losses[0].warn()
        return self.do(image)


def changed(image: Image.Image, changes: Iterable[Change]) -> Image.Image:
    """Return an image with all changes applied in order."""
    for change in changes:
        image = change.made(image)
    return image


def converting(mode: str) -> Change:
    """Return Pillow's conversion to ``mode``."""
    return Change(lambda image: image.convert(mode))

"""What is done to an image so that a mode or a format holds it: decided first, done afterwards.

Deciding takes modes, sample types and profiles, and no samples. A dry run decides on what a header
says, the real run decides in the same way on the decoded picture and then makes the changes that
were decided. So a warning belongs into what decides; where it depends on samples, it is a
:class:`Loss` of the change: the real run gives it where samples are lost, the dry run with the
condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from PIL import Image

from convcli.system.warn import warn


class Loss(NamedTuple):
    """A warning that depends on samples: ``text`` is due where ``condition`` is true.

    Without a condition, something of the kind is lost in any case.
    """

    text: str
    condition: str = ""

    @property
    def foreseen(self) -> str:
        """The warning as far as a header can tell."""
        return f"{self.text} ({self.condition})" if self.condition else self.text

    def warn(self) -> None:
        """Give the warning, for samples of which the condition is true."""
        warn(self.text)


class Change(NamedTuple):
    """``do`` makes a change to an image, and warns of ``losses`` where ``is_lost`` is None.

    Else the first of ``losses`` is due for an image of which ``is_lost`` is true.
    """

    do: Callable[[Image.Image], Image.Image]
    losses: tuple[Loss, ...] = ()
    is_lost: Callable[[Image.Image], bool] | None = None

    def made(self, image: Image.Image) -> Image.Image:
        """Return the image with the change; warns of what it loses."""
        if self.is_lost is not None and self.is_lost(image):
            self.losses[0].warn()
        return self.do(image)


def changed(image: Image.Image, changes: Iterable[Change]) -> Image.Image:
    """Return an image with all changes made in turn."""
    for change in changes:
        image = change.made(image)
    return image


def converting(mode: str) -> Change:
    """Return Pillow's conversion to ``mode``."""
    return Change(lambda image: image.convert(mode))

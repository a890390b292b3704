"""Warnings attributed to the code outside this package that called it."""

from __future__ import annotations

import os
import sys
import warnings

from convcli.errors import ImageWarning

_PACKAGE = os.path.dirname(os.path.dirname(__file__))


def warn(text: str) -> None:
    """Issue an :class:`ImageWarning` for the line outside the package that called into it."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, ImageWarning, level)

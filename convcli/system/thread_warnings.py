"""Collecting warnings separately in each thread.

``warnings.catch_warnings`` changes the state of the whole process: overlapping blocks in two
threads receive each other's warnings, and may restore the wrong filters. Here overlapping blocks
share one change of that state, which the last block to end undoes.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_lock = threading.RLock()
_own = threading.local()
_collecting: list[list[str]] = []
_change: warnings.catch_warnings[None] | None = None


@contextmanager
def collect_warnings(texts: list[str]) -> Iterator[None]:
    """Append the texts of the UserWarnings issued in the block to ``texts``."""
    _begin(texts)
    try:
        yield
    finally:
        _end(texts)


@contextmanager
def as_errors(category: type[Warning]) -> Iterator[None]:
    """Raise warnings of ``category`` as errors in a short block; blocks wait for each other."""
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("error", category)
        yield


def _begin(texts: list[str]) -> None:
    global _change
    with _lock:
        if not _collecting:
            _change = warnings.catch_warnings()
            _change.__enter__()
            warnings.simplefilter("always")
            warnings.showwarning = _take
        _collecting.append(texts)
    _own.texts = texts


def _end(texts: list[str]) -> None:
    global _change
    del _own.texts
    with _lock:
        _collecting[:] = [other for other in _collecting if other is not texts]
        if not _collecting and _change is not None:
            _change.__exit__(None, None, None)
            _change = None


def _take(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    # A thread without a list decodes or computes for one that has: known if there is only one list.
    only = _collecting[0] if len(_collecting) == 1 else None
    texts: list[str] | None = getattr(_own, "texts", only)
    if texts is not None and issubclass(category, UserWarning):
        texts.append(str(message))

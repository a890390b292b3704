"""Progress of long computations: how much of a piece of work is done, from 0 to 1.

Code deep inside reports fractions; a caller that shows them listens around the call. A context
variable connects the two, so that the functions between need no parameter for it, and work that is
sent to other processes needs none that can be pickled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

Listener: TypeAlias = Callable[[float], object]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call ``listener`` with every fraction that is reported within the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def part_of(index: int, count: int) -> Iterator[None]:
    """Let what is reported within the block be the part ``index`` of ``count`` equal ones."""
    outer = _listener.get()
    if outer is None or count == 1:
        yield
        return
    with listening(lambda fraction: outer((index + fraction) / count)):
        yield


def report_progress(done: int, total: int) -> None:
    """Report that ``done`` of ``total`` steps are done."""
    listener = _listener.get()
    if listener is not None:
        listener(done / total)

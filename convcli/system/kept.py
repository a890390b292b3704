"""Things that are dear to make and asked for again, kept by what they were made from."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Kept(Generic[Made]):
    """The last few things of a kind; threads, and processes that are forked, may use it."""

    def __init__(self, most: int) -> None:
        self._most, self._made = most, OrderedDict[Hashable, Made]()
        self._lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._lock.acquire,
                after_in_parent=self._lock.release,
                after_in_child=self._lock.release,
            )

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what was made for an equal ``key``, or make it."""
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        made = make()
        with self._lock:
            self._made[key] = made
            while len(self._made) > self._most:
                self._made.popitem(last=False)
        return made

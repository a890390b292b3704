"""What becomes of the memory of arrays that are gone."""

from __future__ import annotations

import numpy as np


def keep_memory() -> None:
    """Let this process keep the memory of arrays that are gone, for the next ones.

    glibc gives large blocks back at once, and the system clears every page of the next; but once a
    block has been given back, it keeps all up to twice its size (mallopt(3), M_MMAP_THRESHOLD).
    So one of nearly the largest size that counts is given back, whose pages are never touched.
    Other C libraries do as they please.
    """
    np.empty(31 * 2**20, np.uint8)

"""Reusing the memory of freed arrays."""

from __future__ import annotations

import numpy as np


def keep_memory() -> None:
    """Make glibc keep freed memory for later arrays.

    It returns large blocks to the system at once, which clears every page of the next one. But
    freeing a block of up to 32 MiB raises its threshold to that size (mallopt(3), "dynamic mmap
    threshold"). So a block of 31 MiB is allocated and freed; its pages are never touched. With
    other C libraries this has no effect.
    """
    np.empty(31 * 2**20, np.uint8)

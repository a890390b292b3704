"""Filters: their fields and checks, their JSON files, the bundled ones, kinds and presets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.system.lazy_exports import exports

if TYPE_CHECKING:
    from convcli.filters.filter import Filter
    from convcli.filters.loader import find_filter, load_filter, parse_filter, parse_inline
    from convcli.filters.making import make_filter

__all__ = [
    "Filter",
    "find_filter",
    "load_filter",
    "make_filter",
    "parse_filter",
    "parse_inline",
]

# Lazy: completion lists the bundled filters, and must not wait for NumPy to load.
__getattr__ = exports(
    __name__,
    {
        "convcli.filters.filter": ("Filter",),
        "convcli.filters.loader": (
            "find_filter",
            "load_filter",
            "parse_filter",
            "parse_inline",
        ),
        "convcli.filters.making": ("make_filter",),
    },
)

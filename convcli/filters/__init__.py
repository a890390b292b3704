"""Filters: their fields and checks, their JSON files, the bundled filters and presets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.system.lazy_exports import exports

if TYPE_CHECKING:
    from convcli.filters.filter import Filter
    from convcli.filters.loader import find_filter, load_filter, parse_filter

__all__ = ["Filter", "find_filter", "load_filter", "parse_filter"]

# Lazy: completion lists the bundled filters, and must not wait for NumPy to load.
__getattr__ = exports(
    __name__,
    {
        "convcli.filters.filter": ("Filter",),
        "convcli.filters.loader": ("find_filter", "load_filter", "parse_filter"),
    },
)

"""What a filter is: its values, its JSON file, and the ones that come with the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.system.lazy_exports import exports

if TYPE_CHECKING:
    from convcli.filters.filter import Filter, find_filter, load_filter, parse_filter

__all__ = ["Filter", "find_filter", "load_filter", "parse_filter"]

# Completion asks for the names of bundled filters, and must not wait for NumPy.
__getattr__ = exports(
    __name__, {"convcli.filters.filter": ("Filter", "find_filter", "load_filter", "parse_filter")}
)

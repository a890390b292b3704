"""Packages that are not installed by default: they come with ``pip install 'convcli[deep]'``."""

from __future__ import annotations

from importlib.util import find_spec

from convcli.errors import ImageError

DEEP = "pip install 'convcli[deep]'"


def is_installed(package: str) -> bool:
    """Return whether a package of an extra can be imported, without importing it."""
    return find_spec(package) is not None


def require(package: str, purpose: str, otherwise: str = "") -> None:
    """Raise an :class:`ImageError` that names the extra where ``package`` is not installed."""
    if not is_installed(package):
        tail = f", {otherwise}" if otherwise else ""
        verb = "need" if purpose.endswith("s") else "needs"
        raise ImageError(f"{purpose} {verb} the package {package}: {DEEP}{tail}")

"""The files of the bundled filters. Without NumPy, so that shell completion is fast."""

from __future__ import annotations

from pathlib import Path


def bundled_filters() -> dict[str, Path]:
    """Return the paths of the bundled filters, by name."""
    package = Path(__file__).parent.parent
    # In a wheel the folder is in the package, in a checkout beside it.
    for folder in (package / "data" / "filters", package.parent / "filters"):
        if folder.is_dir():
            return dict(sorted((path.stem, path) for path in folder.glob("*.json")))
    return {}

"""The filters that come with the package, as files; shells ask for their names, and in a hurry."""

from __future__ import annotations

from pathlib import Path


def bundled_filters() -> dict[str, Path]:
    """Return the path of every filter that comes with the package, by name."""
    package = Path(__file__).parent.parent
    # In a wheel the folder lies in the package, in a checkout beside it.
    for folder in (package / "data" / "filters", package.parent / "filters"):
        if folder.is_dir():
            return dict(sorted((path.stem, path) for path in folder.glob("*.json")))
    return {}

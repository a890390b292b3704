"""A preload for workers of a Dask cluster: pictures of certain names do harm to their worker.

``poison`` kills it; ``held`` waits at the first attempt, after creating a file ``.begun`` beside
the picture, until there is a file ``.go``; ``elsewhere`` is not seen by it.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

SETTLED = 1.0
"""Seconds after which a worker may die: a nanny whose worker dies at its start starts no other."""


def dask_setup(worker: object) -> None:
    """Put the faults in place; called by Dask when a worker starts."""
    from convcli.batch import cluster_checks, run

    started = time.monotonic()
    read_image, size = run.read_image, cluster_checks._size

    def read(source: Any, **options: Any) -> Any:
        name = str(source)
        if "poison" in name:
            time.sleep(max(0.0, started + SETTLED - time.monotonic()))
            os.kill(os.getpid(), signal.SIGKILL)
        if "held" in name and not Path(f"{name}.begun").exists():
            Path(f"{name}.begun").write_text(str(os.getpid()))
            deadline = time.monotonic() + 60
            while not Path(f"{name}.go").exists() and time.monotonic() < deadline:
                time.sleep(0.01)
        return read_image(source, **options)

    run.read_image = read  # type: ignore[assignment]
    cluster_checks._size = lambda path: -1 if "elsewhere" in path else size(path)

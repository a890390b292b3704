"""The environment variables of a process that runs the command line."""

from __future__ import annotations

import os


def set_environment() -> None:
    """Set what NumPy, Pillow and Python read when they start, unless the user has set it."""
    # The kernel's own threads share the processors; BLAS must not start more under each of them.
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(variable, "1")
    # NumPy puts this one while it is imported, if it is missing. A thread decodes a picture then,
    # where libjpeg's getenv() would read what putenv() moves: the process would crash.
    os.environ.setdefault("OPENBLAS_MAIN_FREE", "1")
    # By default Pillow returns the memory of every picture to the system, which clears each page of
    # the next: a third of the time of a batch of small pictures.
    os.environ.setdefault("PILLOW_BLOCKS_MAX", "8")
    # Python's resource tracker would warn of the semaphores of a process that was terminated.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")

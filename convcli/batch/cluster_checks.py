"""What has to be alike on the client and on the workers of a cluster, compared before a batch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from convcli.batch.cluster_tasks import absolute
from convcli.batch.inputs import STREAM
from convcli.batch.jobs import Job
from convcli.batch.stores import is_url
from convcli.errors import PlanError

if TYPE_CHECKING:
    from distributed import Client

PACKAGES = {"convcli": "convcli", "python": "Python", "numpy": "NumPy", "pillow": "Pillow"}
"""Those whose versions decide about results or messages, with their names for messages."""


def check_versions(client: Client, first: Job | None) -> None:
    """Raise a PlanError if a worker has other versions than this process, or lacks a package."""
    names = PACKAGES
    if first is not None and any(is_url(path) for path in first[:2]):
        names = PACKAGES | {"obstore": "obstore"}
    found: Any = client.get_versions(packages=[name for name in names if name != "python"])
    for worker, versions in sorted(found["workers"].items()):
        here, there = found["client"]["packages"], versions["packages"]
        if faults := "; ".join(_differences(here, there, names)):
            raise PlanError(
                f"the worker {worker} differs from this machine: {faults}. "
                "Install the same versions on all machines"
            )


def _differences(
    here: Mapping[str, str | None], there: Mapping[str, str | None], names: Mapping[str, str]
) -> Iterator[str]:
    for package, name in names.items():
        ours, theirs = _version(package, here), _version(package, there)
        if ours != theirs:
            yield f"{name} {ours} here, {theirs or 'none'} there"


def _version(package: str, versions: Mapping[str, str | None]) -> str | None:
    version = versions.get(package)
    if package == "python" and version is not None:
        return ".".join(version.split(".")[:2])
    return version


def check_paths(client: Client, first: Job | None) -> None:
    """Raise a PlanError if a worker does not see the files of a job as this process does."""
    if first is None:
        return
    if STREAM in first[:2]:
        raise PlanError("a cluster has neither standard input nor output: name files")
    job = absolute(first, os.getcwd())
    if not is_url(job.source) and os.path.exists(job.source):
        size = os.path.getsize(job.source)
        answers = client.run(_size, job.source)
        if wrong := sorted(worker for worker, seen in answers.items() if seen != size):
            raise PlanError(
                f"{first.source} is not the same file on the worker {wrong[0]}: a cluster needs "
                "paths that all its machines share, or a bucket"
            )
    if not is_url(job.target):
        folder = _existing_folder(os.path.dirname(job.target))
        answers = client.run(_can_write, folder)
        if wrong := sorted(worker for worker, is_there in answers.items() if not is_there):
            raise PlanError(
                f"the worker {wrong[0]} cannot write to the folder {folder}: a cluster needs "
                "paths that all its machines share, or a bucket"
            )


def _existing_folder(folder: str) -> str:
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return -1


def _can_write(folder: str) -> bool:
    return os.path.isdir(folder) and os.access(folder, os.W_OK)

"""What tests share: a picture to start from, and the command line in this process."""

from __future__ import annotations

import os

# As the command line does. Waiting threads of BLAS make tests five times as slow on a busy machine.
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is imported

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import settings
from PIL import Image
from processes import Started

from convcli.cli import cli

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "sample_images"

# Tests start hundreds of processes, and each would compile every module anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell's background ignores one, nohup the other; processes that tests end would inherit that.
for ignored, handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, handler)


# The same cases in every run, on every machine, however slow.
settings.register_profile(
    "convcli", derandomize=True, deadline=None, database=None, max_examples=60
)
settings.load_profile("convcli")

pytest_plugins = ("object_store",)

LONGEST = ("test_readme.py", "test_fit.py", "test_explain_page.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no process waits for them at the end."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture
def samples() -> Path:
    return SAMPLES


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run a command line; an exception that is no exit fails the test."""

    def invoke(*arguments: object, stdin: bytes | None = None) -> Result:
        texts = [str(argument) for argument in arguments]
        result = CliRunner().invoke(cli, texts, input=stdin, prog_name="convcli")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Start a command line in a process of its own, which ends with the test at the latest."""
    started: list[Started] = []

    def begin(*arguments: object, prepare: Callable[[], object] = lambda: None) -> Started:
        started.append(Started(tmp_path, *arguments, prepare=prepare))
        return started[-1]

    yield begin
    for process in started:
        process.discard()


@pytest.fixture
def pixels() -> np.ndarray:
    """Return a small RGB picture without any symmetry, (H, W, 3) uint8."""
    return np.random.default_rng(7).integers(0, 256, (9, 12, 3), np.uint8)


@pytest.fixture
def photo(tmp_path: Path, pixels: np.ndarray) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path

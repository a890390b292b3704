"""Damaged files are read, or refused by an error of ours, whatever the damage.

By default a few hundred cases, the same each time. More of them, or others:
``CONVCLI_FUZZ=10000 CONVCLI_FUZZ_SEED=7 pytest tests/test_fuzz.py``. The file of a case that fails
is kept and its name reported.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from damage import arrays, damaged, deep_pictures, filters, has_every_codec, pictures
from PIL import Image

from convcli import FilterError, ImageError, apply_filters, load_filter, read_image, write_image
from convcli.images import output_format

CASES = int(os.environ.get("CONVCLI_FUZZ", 200))
SEED = int(os.environ.get("CONVCLI_FUZZ_SEED", 0))
MOST_PIXELS = 100_000
LARGEST_ICON = 1024 * 1024  # an undamaged ICNS holds one
MOST_ADDRESSES = 6 << 30
"""Room for the longest part that 32 bits can announce: Pillow allocates it before it reads."""
MOST_MEMORY = 1 << 29
"""The most a case may use."""
SECONDS_A_CASE = 20


def filter_picture(path: Path, max_pixels: int) -> None:
    """Read a picture from its file or from its bytes, filter it and write it again."""
    from_file = len(path.read_bytes()) % 2
    picture = read_image(path if from_file else path.read_bytes(), max_pixels=max_pixels)
    picture = apply_filters(picture, [load_filter("emboss")])
    write_image(picture, BytesIO(), format=_format(picture.format))


def read_or_refuse(path: Path) -> None:
    """Filter a picture; an error of the library is accepted."""
    with suppress(ImageError):
        filter_picture(path, MOST_PIXELS)


def _format(name: str) -> str:
    with suppress(ImageError):
        return output_format(name)
    return "TIFF"


def load(path: Path) -> None:
    """Load a filter file."""
    with suppress(FilterError):
        load_filter(path)


def survive(
    folder: Path, kinds: dict[str, bytes], use: Callable[[Path], None], suffix: str = ""
) -> None:
    """Use damaged files, in a process that is limited in time and memory."""
    report = folder / "report"
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff prints messages of its own
            _limit_addresses()
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            failures = list(_failures(folder, kinds, use, suffix))
            report.write_text("\n".join(failures))
            code = len(failures) > 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert report.exists(), f"ended with {code} at {folder}/case{suffix}"
    assert report.read_text() == ""


def _limit_addresses() -> None:
    statm = Path("/proc/self/statm")
    if statm.exists():
        import resource

        most = int(statm.read_text().split()[0]) * resource.getpagesize() + MOST_ADDRESSES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _memory() -> int:
    """Return the most bytes that this process has had in memory."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _failures(
    folder: Path, kinds: dict[str, bytes], use: Callable[[Path], None], suffix: str
) -> Iterator[str]:
    """Yield a traceback for each case that fails."""
    rng = np.random.default_rng(SEED)
    names, most = list(kinds), _memory() + MOST_MEMORY
    for number in range(CASES):
        name = names[int(rng.integers(len(names)))]
        path = folder / f"case{suffix}"
        path.write_bytes(damaged(kinds[name], list(kinds.values()), rng))
        signal.alarm(SECONDS_A_CASE)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                use(path)
            assert _memory() < most, "too much memory"
        except BaseException:
            kept = path.rename(folder / f"failed-{number}{suffix}")
            yield f"{kept}, once {name}:\n{traceback.format_exc()}"


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX processes")


@pytest.mark.parametrize("make", [pictures, deep_pictures])
def test_undamaged_samples_of_many_kinds_are_read_and_written(
    tmp_path: Path, make: Callable[[np.random.Generator], dict[str, bytes]]
) -> None:
    samples = make(np.random.default_rng(SEED))
    path, refused = tmp_path / "sample", {}
    for name, data in samples.items():
        path.write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                filter_picture(path, LARGEST_ICON)
            except ImageError as error:
                refused[name] = str(error)
    assert refused == {}
    if make is pictures:
        assert len(samples) > (90 if has_every_codec() else 50)


def test_damaged_pictures_are_read_or_refused(tmp_path: Path) -> None:
    survive(tmp_path, pictures(np.random.default_rng(SEED)), read_or_refuse)


def test_damaged_pictures_of_16_bits_and_of_floats_are_read_or_refused(tmp_path: Path) -> None:
    survive(tmp_path, deep_pictures(np.random.default_rng(SEED)), read_or_refuse)


def test_what_is_cut_off_is_refused_or_was_not_needed() -> None:
    for name, data in deep_pictures(np.random.default_rng(SEED)).items():
        whole = [frame.samples for frame in read_image(data).frames]
        for length in range(1, len(data), max(1, len(data) // 60)):
            with warnings.catch_warnings(), suppress(ImageError):
                warnings.simplefilter("ignore")
                for frame, expected in zip(read_image(data[:length]).frames, whole, strict=True):
                    np.testing.assert_array_equal(frame.samples, expected, f"{name}, {length}")


def test_a_header_that_announces_gigabytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_image(source: object, **_: object) -> NoReturn:
        raise MemoryError

    monkeypatch.setattr(Image, "open", open_image)
    (tmp_path / "in.jp2").write_bytes(b"\0\0\0\x0cjP  ")
    with pytest.raises(ImageError, match=r"in\.jp2: the image is broken, or there is no memory"):
        read_image(tmp_path / "in.jp2")


def test_damaged_arrays_are_read_or_refused(tmp_path: Path) -> None:
    survive(tmp_path, arrays(np.random.default_rng(SEED)), read_or_refuse, ".npy")


def test_damaged_filters_are_read_or_refused(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent
    survive(tmp_path, filters(root / "filters"), load, ".json")

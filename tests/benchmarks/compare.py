"""How long convcli and its peers take for the same jobs, and whether they agree.

Whole processes, run in turn for several rounds; then arrays in one process. Peers that are not
installed are left out, and listed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bundled import bundled_jobs
from enlargements import SHIFTED_VIPS, enlargements
from peers import HERE, Command, Job, Tools, commands, jobs, sharpen
from report import facts, table, version
from routes import routes

SLOW_SECONDS = 5.0
"""A peer that takes longer at first is run only once more."""

TOLERANCE = 0.6
"""Grey levels that results may differ by on average: tools round at different steps."""
JPEG_TOLERANCE = 1.2
"""The same after JPEG, where one grey level before coding can become several."""
FFMPEG_JPEG_TOLERANCE = 6.0
"""ffmpeg has tables of its own for JPEG, and its own way from half-size colours to RGB."""
SHIFTED_TOLERANCE = 4.0
"""``vips resize`` enlarges around a corner of the picture, not its centre (seen in 8.14)."""
ARRAY_TOLERANCE = 1e-4
"""Of the largest value: sums of float32 in different order."""

HEADER = (
    "job",
    "tool",
    "median ms",
    "best ms",
    "ratio",
    "peak MB",
    "file KB",
    "differs by",
    "runs",
)


class Run(NamedTuple):
    """One run of a command: wall time, the most memory that it took, time of all processors."""

    seconds: float
    peak_bytes: int
    processor_seconds: float


@dataclass
class Result:
    """The timings of a tool at a job, or why it failed."""

    job: str
    tool: str
    seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    file_bytes: int = 0
    difference: float | None = None
    trouble: str = ""
    is_slow: bool = False

    def row(self, ours: Result) -> list[str]:
        if self.trouble or not self.seconds:
            return [self.job, self.tool, "failed", *[""] * (len(HEADER) - 3)]
        return [
            self.job,
            self.tool,
            f"{1e3 * median(self.seconds):.1f}",
            f"{1e3 * min(self.seconds):.1f}",
            f"{median(self.seconds) / median(ours.seconds):.2f}" if ours.seconds else "",
            f"{self.peak_bytes / 2**20:.0f}" if self.peak_bytes else "",
            f"{self.file_bytes / 1000:.0f}" if self.file_bytes else "",
            "" if self.difference is None or self is ours else f"{self.difference:.2g}",
            str(len(self.seconds)),
        ]


def run(line: list[str], folder: Path | None = None) -> Run:
    """Run a command to its end.

    Memory of this process counts as the command's until it has started: so NumPy is not imported
    here. Raises RuntimeError for a command that fails.
    """
    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(line, cwd=folder, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            text = output.read().decode(errors="replace").strip()
            raise RuntimeError(f"exit code {process.returncode}: {text[-300:]}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(seconds, usage.ru_maxrss * unit, usage.ru_utime + usage.ru_stime)


def clear(command: Command, *, is_folder: bool) -> None:
    """Make room for a command's result."""
    if command.target.is_dir():
        shutil.rmtree(command.target)
    command.target.unlink(missing_ok=True)
    if is_folder:
        command.target.mkdir()


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def pictures(*arguments: str | Path | int) -> str:
    """Run pictures.py, and return what it prints."""
    line = [sys.executable, str(HERE / "pictures.py"), *map(str, arguments)]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout


def tolerance(job: Job, tool: str) -> float:
    """Return by how much a tool's result may differ from ours."""
    if tool.startswith(SHIFTED_VIPS):
        return SHIFTED_TOLERANCE
    if job.extension != ".jpg":
        return TOLERANCE
    return FFMPEG_JPEG_TOLERANCE if tool == "ffmpeg" else JPEG_TOLERANCE


def run_job(job: Job, tools: Tools, work: Path, rounds: int) -> list[Result]:
    """Run every tool: once to warm up and to compare results, then ``rounds`` times in turn."""
    results = [(command, Result(job.name, command.tool)) for command in commands(job, tools, work)]
    ours = results[0][0]
    for command, result in results:
        clear(command, is_folder=job.is_batch)
        try:
            first = run(command.line, command.folder)
            result.file_bytes = size(command.target)
            if command is not ours:
                output = pictures("difference", ours.target, command.target, job.border)
                result.difference = float(output)
        except (RuntimeError, OSError, subprocess.CalledProcessError) as failure:
            result.trouble = str(failure)
            continue
        if first.seconds > SLOW_SECONDS and command is not ours:
            result.is_slow, result.seconds = True, [first.seconds]
            result.peak_bytes = first.peak_bytes
    for number in range(rounds):
        for command, result in results:
            if result.trouble or (result.is_slow and number):
                continue
            clear(command, is_folder=job.is_batch)
            measured = run(command.line, command.folder)
            result.seconds.append(measured.seconds)
            result.peak_bytes = max(result.peak_bytes, measured.peak_bytes)
    for command, result in results:
        clear(command, is_folder=False)
        if result.difference is not None and result.difference > tolerance(job, command.tool):
            result.tool += " (DISAGREES)"
    return [result for _, result in results]


def start_up(tools: Tools, work: Path, rounds: int) -> Iterable[list[Result]]:
    """Measure what a small job costs, beside what Python costs without us."""
    python = [sys.executable, "-c"]
    picture, target = work / "photo-640x480.jpg", work / "results" / "start-up.jpg"
    code = (
        "import click, numpy, PIL.Image;"
        f"PIL.Image.open({str(picture)!r}).save({str(target)!r}, quality=75)"
    )
    ours = [*tools.convcli, "apply", "-f", str(work / "sharpen.json"), "--quality", "75"]
    for name, lines in (
        (
            "start-up, --version",
            {"convcli": [*tools.convcli, "--version"], "import click": [*python, "import click"]},
        ),
        (
            "start-up, 0.3 MP JPEG 3×3",
            {
                "convcli": [*ours, str(picture), "-o", str(target)],
                "import, decode, encode": [*python, code],
            },
        ),
    ):
        results = {tool: Result(name, tool) for tool in lines}
        for number in range(2 * rounds + 1):
            for tool, line in lines.items():
                target.unlink(missing_ok=True)
                measured = run(line)
                if number:
                    results[tool].seconds.append(measured.seconds)
                    results[tool].peak_bytes = max(results[tool].peak_bytes, measured.peak_bytes)
        yield list(results.values())


def arrays(python: str, rounds: int, *, quick: bool, only: str) -> Iterable[list[Result]]:
    """Run arrays.py in the Python of the peers, and give its results job by job."""
    root = HERE.parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root), "OPENBLAS_NUM_THREADS": "1"}
    line = [python, str(HERE / "arrays.py"), str(rounds), "quick" if quick else "full", only]
    results: list[Result] = []
    with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for output in process.stdout:
            job, tool, seconds, difference = json.loads(output)
            tool += " (DISAGREES)" if not difference < ARRAY_TOLERANCE else ""
            if results and results[0].job != job:
                yield results
                results = []
            results.append(Result(job, tool, seconds, difference=difference))
    if results:
        yield results
    if process.returncode:
        print(f"arrays.py failed with exit code {process.returncode}", file=sys.stderr)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small pictures, two rounds")
    parser.add_argument("--rounds", type=int, help="how often every tool runs (default: 5)")
    parser.add_argument(
        "--python",
        default=sys.executable,
        metavar="PATH",
        help="a Python that has NumPy and OpenCV or PyTorch (default: this one)",
    )
    parser.add_argument("--only", default="", metavar="WORD", help="jobs with that in their name")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    return parser.parse_args()


def print_facts(tools: Tools) -> None:
    """Print the machine, the versions, and what is missing."""
    lines = facts()
    lines.append(f"convcli: {version(tools.convcli)}, run by Python {sys.version.split()[0]}")
    lines += [f"{name}: {version([path])}" for name, path in tools.found.items()]
    modules = ", ".join(f"{name} {number}" for name, number in tools.modules.items())
    lines.append(f"Python of the peers: {modules}")
    lines += [f"Left out: {missing}" for missing in tools.missing]
    print("\n".join(f"- {line}" for line in lines), end="\n\n", flush=True)


def main() -> None:
    asked = arguments()
    rounds = asked.rounds or (2 if asked.quick else 5)
    word = asked.only.lower()
    tools = Tools.find(asked.python)
    print_facts(tools)
    rows: list[list[str]] = []

    def take(results: list[Result]) -> None:
        rows.extend(result.row(results[0]) for result in results)
        for result in results:
            if result.trouble:
                print(f"{result.job}, {result.tool}: {result.trouble}", file=sys.stderr)
        print(f"{results[0].job}: done", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="convcli-benchmark-") as folder:
        work = Path(folder)
        (work / "results").mkdir()
        chosen = [
            job
            for make in (jobs, routes, enlargements, bundled_jobs)
            for job in make(quick=asked.quick)
            if word in job.name.lower()
        ]
        names = dict.fromkeys(job.picture for job in chosen)
        print("drawing the pictures", file=sys.stderr, flush=True)
        pictures("make", work, "photo-640x480.jpg", *names)
        for kernel in {sharpen(), *(job.kernel for job in chosen)}:
            kernel.write(work)
        for job in chosen:
            take(run_job(job, tools, work, rounds))
        if word in "start-up":
            for results in start_up(tools, work, rounds):
                take(results)
    if "numpy" in tools.modules:
        for results in arrays(asked.python, rounds, quick=asked.quick, only=asked.only):
            take(results)
    print(table(HEADER, rows, markdown=asked.markdown))


if __name__ == "__main__":
    main()

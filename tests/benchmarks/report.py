"""What a benchmark prints: facts about the machine, and tables."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

COMMANDS_OF_VERSION = ("--version", "-version", "version")


def facts() -> list[str]:
    """Return lines about the day, the processor and the system."""
    return [
        f"Date: {date.today().isoformat()}",
        f"Processor: {_processor()}, {processors()} cores",
        f"System: {platform.platform()}",
    ]


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def version(command: Sequence[str]) -> str:
    """Return the first line of what a command says about its version."""
    for flag in COMMANDS_OF_VERSION:
        done = subprocess.run([*command, flag], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip():
            return done.stdout.strip().splitlines()[0].split(" Copyright")[0]
    return "of unknown version"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, markdown: bool) -> str:
    """Return a table with its columns aligned: the first two to the left, numbers to the right."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    if markdown:
        ruler = ["-" * w if c < 2 else "-" * (w - 1) + ":" for c, w in enumerate(widths)]
        lines.insert(1, ruler)
    texts = []
    for line in lines:
        cells = [
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        texts.append(f"| {' | '.join(cells)} |" if markdown else "  ".join(cells).rstrip())
    return "\n".join(texts)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

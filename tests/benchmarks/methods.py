"""How long each method of the kernel takes, and whether the cheapest is chosen. On one core.

Prints nanoseconds for a sample of the output, marks where the choice costs more than need be,
and suggests constants for convcli/kernel/engine/cost_model.py.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from report import facts, table

WORSE = 1.15
"""How much slower than the best a choice may be before it is marked."""


def one_core() -> None:
    """Keep this process, and BLAS, to one core. Before NumPy is imported."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["MKL_NUM_THREADS"] = "1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer sizes, two rounds")
    parser.add_argument("--rounds", type=int, help="how often each is timed (default: 5)")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the crossover as a PNG")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    asked = parser.parse_args()
    print("\n".join(f"- {line}" for line in facts()), end="\n\n", flush=True)
    one_core()

    from chart import draw
    from fitting import suggest
    from timings import METHOD_NAMES, cells, measure

    found = []
    for cell in cells(quick=asked.quick):
        found.append(measure(cell, asked.rounds or (2 if asked.quick else 5)))
    rows = []
    for timing in found:
        lost = timing.lost
        rows.append(
            [
                timing.cell.image,
                timing.cell.kernel,
                *(f"{timing.ns[m]:.2f}" if m in timing.ns else "" for m in METHOD_NAMES),
                timing.best,
                timing.chosen,
                f"{lost:.2f} times the best !" if lost > WORSE else "",
            ]
        )
    header = ("image", "kernel", *(f"{name} ns" for name in METHOD_NAMES), "best", "chosen", "")
    print(table(header, rows, markdown=asked.markdown))
    bad = sum(timing.lost > WORSE for timing in found)
    print(
        f"\nThe choice costs over {WORSE - 1:.0%} more than the best in {bad} of {len(rows)} cells."
    )

    print("\nConstants of convcli/kernel/engine/cost_model.py: a least-squares fit, in relative")
    print(
        "terms, of the cost formulas to the timings above, best of the rounds, on one core; without"
    )
    print("the small images, where making matrices and spectra takes a good part of the time.\n")
    fit = suggest(found)
    for name, (present, suggested, number) in fit.constants.items():
        print(f"{name:14} {present:8.4g} now, {suggested:8.4g} suggested, from {number} timings")
    print(f"\nMedian error of the estimates: {fit.error_now:.0%} now, {fit.error_then:.0%} then.")
    losses = fit.losses(found)
    bad = sum(lost > WORSE for lost in losses)
    print(f"By the suggested constants, {bad} of {len(found)} choices are over {WORSE - 1:.0%} too")
    print(f"slow, and the worst takes {max(losses):.2f} times the best's time.")
    if asked.picture:
        draw(found, asked.picture)
        print(f"\nDrawn: {asked.picture}")


if __name__ == "__main__":
    main()

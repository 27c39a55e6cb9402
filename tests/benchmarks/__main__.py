"""`make bench`: our server beside the SDK's bare one, measured in turn, in one run."""

import argparse
import json
import math
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

import anyio

from .calls import start, warm_calls
from .checks import checks
from .docker import docker
from .e2b import e2b
from .machine import Quiet, description
from .rows import Row, Run
from .sessions import first_results, many_at_once, memory_of_sessions, much_output

MEASURES = {
    "warm": warm_calls,
    "start": start,
    "first": first_results,
    "checks": checks,
    "memory": memory_of_sessions,
    "output": much_output,
    "many": many_at_once,
    "docker": docker,
    "e2b": e2b,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--only", choices=MEASURES, action="append", help="measure this alone")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--calls", type=int, default=100, help="of each kind, in a round")
    options = parser.parse_args()
    machine = description()
    with tempfile.TemporaryFile("w+") as log:
        quiet = Quiet()
        run = Run(quiet, log, options.rounds, options.calls)
        rows = anyio.run(_measure, options.only or list(MEASURES), run)
    print_table(rows, sys.stdout)
    machine["load_after"] = description()["load"]
    machine["rounds"] = quiet.rounds
    machine["rounds_on_a_busy_machine"] = quiet.disturbed
    sys.stdout.write("\n" + ", ".join(f"{name} {value}" for name, value in machine.items()) + "\n")
    if options.json is not None:
        figures = {"machine": machine, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 1 if any(row.holds is False for row in rows) else 0


async def _measure(names: list[str], run: Run) -> list[Row]:
    rows = []
    for name in names:
        sys.stderr.write(f"{name} ...\n")
        rows += await MEASURES[name](run)
    return rows


def print_table(rows: list[Row], out: TextIO) -> None:
    """Write the rows as a Markdown table, which reads well in a terminal too."""
    lines = [["", "median", "p95", "bare SDK", "over it", "ratio", "aim", ""]]
    lines += [_cells(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    for line in lines:
        cells = " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        out.write(f"| {cells} |\n")


def _cells(row: Row) -> list[str]:
    def shown(value: float | None) -> str:
        if value is None or math.isnan(value):
            return ""
        return f"{value:.{0 if value >= 100 else 2}f} {row.unit}"

    over = None if row.floor is None else row.value - row.floor
    ratio = "" if not row.floor else f"{row.value / row.floor:.2f}"
    held = {True: "held", False: "MISSED", None: ""}[row.holds]
    return [
        row.name,
        shown(row.value),
        shown(row.p95),
        shown(row.floor),
        shown(over),
        ratio,
        row.aim,
        held,
    ]


if __name__ == "__main__":
    sys.exit(main())

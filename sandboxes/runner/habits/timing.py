"""`%time` and `%timeit`."""

from __future__ import annotations

import ast
import math
import re
import time
import timeit
from collections.abc import Callable
from typing import Any

from bellglass.sandboxes.runner.habits.telling import UsageError, say

SECONDS = 2.0
"""About how long `%timeit` takes when nothing is said of it."""

RUNS = 7

_OPTION = re.compile(r"\s*-(n|r)\s*(\d+)|\s*-(o|q|c|t|p\s*\d+)(?=\s)")

Run = Callable[[str], Any]


def timed(code: str, run: Run) -> Any:
    """Run `code`, say how long it took, and return its last value."""
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        return run(code)
    finally:
        took = _span(time.perf_counter() - wall)
        say(f"CPU time: {_span(time.process_time() - cpu)}, wall time: {took}")


def repeated(line: str, cell: str | None, names: dict[str, Any]) -> None:
    """Run a statement many times, and say how long one takes."""
    number, runs = 0, RUNS
    while found := _OPTION.match(line):
        if found[1] == "n":
            number = int(found[2])
        elif found[1] == "r":
            runs = max(1, int(found[2]))
        line = line[found.end() :]
    setup, statement = ("pass", line.strip()) if cell is None else (line.strip() or "pass", cell)
    try:
        ast.parse(statement)
    except SyntaxError as exc:
        raise UsageError(f"%timeit cannot parse its statement: {exc.msg}") from None
    timer = timeit.Timer(statement, setup, globals=names)
    if not number:
        number, taken = 1, timer.timeit(1)
        while taken < SECONDS / RUNS / 10 and number < 10**8:
            number *= 10
            taken = timer.timeit(number)
        if taken > SECONDS:
            runs = min(runs, 2)
    each = [taken / number for taken in timer.repeat(runs, number)]
    mean = sum(each) / len(each)
    deviation = math.sqrt(sum((one - mean) ** 2 for one in each) / len(each))
    loops = f"{runs} run{'s' if runs > 1 else ''}, {number:,} loop{'s' if number > 1 else ''} each"
    say(f"{_span(mean)} ± {_span(deviation)} per loop (mean ± std. dev. of {loops})")


def _span(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"

"""Cases of whole programs: their standard input, and the output expected of them."""

from __future__ import annotations

import os
import select
import tempfile
import time
from typing import Any

from bellglass.sandboxes.common.jobs import JobShell
from bellglass.tools.run_tests.inside.child import PYTHON, Child, read, told
from bellglass.tools.run_tests.inside.failures import own_frames, shortened
from bellglass.tools.run_tests.inside.measuring import OMITTED

MAX_COMPARED_BYTES = 1024**2
"""Bytes of a program's output that are compared."""

MAX_VALUE_CHARACTERS = 2_000

EXIT_TIMEOUT_SECONDS = 300.0
"""For a program to end after it closed its output, unless the limit for all tests is earlier."""

MEASURED = ("-m", "coverage", "run", "--parallel-mode", "--rcfile=/dev/null")


def run(case: dict[str, Any], settings: dict[str, Any], shell: JobShell) -> dict[str, Any]:
    """Run the code as a main program on the input of `case`, and compare its output."""
    seconds: float | None = settings["test_timeout"]
    options: list[str] = []
    if settings["coverage"]:
        kept = [f"--data-file={settings['coverage']}", f"--omit={','.join(OMITTED)}"]
        options = [*MEASURED, *kept, f"--include={os.getcwd()}/*"]
    started = time.perf_counter()
    # Not a memfd: the filter refuses that, because no limit would count it.
    with tempfile.TemporaryFile() as stdin:
        stdin.write(case["stdin"].encode("utf-8", "replace"))
        stdin.seek(0)
        child = Child(shell, [PYTHON, *options, "solution.py"], stdin=stdin.fileno())
    try:
        printed, errors, in_time = _read(child, seconds)
        if in_time:
            child.ended(EXIT_TIMEOUT_SECONDS if seconds is None else seconds)
    finally:
        code = child.status
        how = told(child)
        child.end()
    event: dict[str, Any] = {
        "expected": shortened(case["stdout"], MAX_VALUE_CHARACTERS),
        "actual": shortened(printed, MAX_VALUE_CHARACTERS),
        "seconds": round(time.perf_counter() - started, 6),
        "outcome": "failed",
    }
    if code is None:
        most = EXIT_TIMEOUT_SECONDS if seconds is None else seconds
        return {**event, "cause": "timeout", "message": f"not finished after {most:g} s"}
    if code < 0:
        event["cause"] = "crashed"
    if code != 0:
        event["message"] = f"The program ended with {how}.\n{errors}".strip()
    elif same_output(case["stdout"], printed):
        event["outcome"] = "passed"
    else:
        event["message"] = _first_difference(case["stdout"], printed)
    return event


def same_output(expected: str, printed: str) -> bool:
    """Compare line by line, ignoring blanks at the ends of lines and of the text."""
    return _lines(expected) == _lines(printed)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


def _first_difference(expected: str, printed: str) -> str:
    wanted, got = _lines(expected), _lines(printed)
    for number, (one, other) in enumerate(zip(wanted, got), 1):
        if one != other:
            one, other = shortened(one, 300), shortened(other, 300)
            return f"Line {number} differs: expected {one!r}, got {other!r}."
    number = min(len(wanted), len(got))
    longer, what = (wanted, "missing") if len(wanted) > len(got) else (got, "one too many")
    more = len(longer) - number - 1
    rest = f", and {more} more" if more else ""
    return f"Line {number + 1} is {what}: {shortened(longer[number], 300)!r}{rest}."


def _read(child: Child, seconds: float | None) -> tuple[str, str, bool]:
    """Return what it printed and whether it closed its output in time."""
    kept = {child.out: bytearray(), child.err: bytearray()}
    in_time = True
    try:
        for fd, data in child.received(seconds):
            if fd in kept:
                kept[fd] += data[: MAX_COMPARED_BYTES - len(kept[fd])]
            if fd == child.out and not data:
                break
    except TimeoutError:
        in_time = False
    if select.select([child.err], [], [], 0)[0]:
        kept[child.err] += read(child.err)
    printed, errors = (bytes(kept[fd]).decode("utf-8", "replace") for fd in (child.out, child.err))
    return printed, shortened(own_frames(errors, os.getcwd()), MAX_VALUE_CHARACTERS), in_time

"""Cases of whole programs: their standard input, and the output expected of them."""

from __future__ import annotations

import os
import select
import tempfile
import time
from typing import Any

from bellglass.sandboxes.common.jobs import JobShell
from bellglass.tools.run_tests.inside.child import PYTHON, Child, told
from bellglass.tools.run_tests.inside.failures import own_frames, shortened
from bellglass.tools.run_tests.inside.measuring import OMITTED

MAX_COMPARED_BYTES = 1024**2
"""Bytes of a program's output that are compared."""

MAX_VALUE_CHARACTERS = 2_000

EXIT_TIMEOUT_SECONDS = 300.0
"""For a program to end after it closed its output, unless the limit for all tests is earlier."""

MEASURED = ("-m", "coverage", "run", "--parallel-mode", "--rcfile=/dev/null")


class Programs:
    """Runs of the code as a main program, each in a process of its own."""

    def __init__(self, settings: dict[str, Any], shell: JobShell) -> None:
        self._seconds: float | None = settings["test_timeout"]
        self._shell = shell
        self._options: list[str] = []
        if settings["coverage"]:
            kept = [f"--data-file={settings['coverage']}", f"--omit={','.join(OMITTED)}"]
            self._options = [*MEASURED, *kept, f"--include={os.getcwd()}/*"]

    def run(self, case: dict[str, Any]) -> dict[str, Any]:
        """Run the program on the input of `case` and compare its output."""
        started = time.perf_counter()
        # Not a memfd: the filter refuses that, because no limit would count it.
        with tempfile.TemporaryFile() as stdin:
            stdin.write(case["stdin"].encode("utf-8", "replace"))
            stdin.seek(0)
            argv = [PYTHON, *self._options, "solution.py"]
            child = Child(self._shell, argv, stdin=stdin.fileno())
        try:
            printed, errors, in_time = _read(child, self._seconds)
            if in_time:
                child.ended(EXIT_TIMEOUT_SECONDS if self._seconds is None else self._seconds)
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
            seconds = EXIT_TIMEOUT_SECONDS if self._seconds is None else self._seconds
            return {**event, "cause": "timeout", "message": f"not finished after {seconds:g} s"}
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
    """Return what it printed and whether it ended in time."""
    kept = {child.out: bytearray(), child.err: bytearray()}
    deadline = None if seconds is None else time.monotonic() + seconds
    open_fds = set(kept)
    in_time = True
    while child.out in open_fds:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            in_time = False
            break
        for fd in select.select(list(open_fds), [], [], left)[0]:
            data = os.read(fd, 1 << 16)
            if not data:
                open_fds.discard(fd)
            kept[fd] += data[: MAX_COMPARED_BYTES - len(kept[fd])]
    if child.err in open_fds and select.select([child.err], [], [], 0)[0]:
        kept[child.err] += os.read(child.err, 1 << 16)
    printed, errors = (bytes(kept[fd]).decode("utf-8", "replace") for fd in (child.out, child.err))
    return printed, shortened(own_frames(errors, os.getcwd()), MAX_VALUE_CHARACTERS), in_time

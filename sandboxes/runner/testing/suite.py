"""Running tests on a piece of code, and sending what becomes of each.

This process never runs the code: it runs the tests that can be kept apart from it, compares what
cases return, and supervises the processes that the code is in. It alone can report.

The messages, in order: `collected` with the names of cases and tests; for each of them by its place
in that list `started`, and `test` when it has finished; `problem` if the run as a whole went wrong;
`coverage`; `finished` with the exit status of pytest. Who reads them gives the verdict.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from typing import Any

from bellglass.sandboxes.runner.apart import coverage
from bellglass.sandboxes.runner.apart.suite_side import SuiteSide
from bellglass.sandboxes.runner.job import PR_SET_DUMPABLE
from bellglass.sandboxes.runner.notebook.transform import as_module
from bellglass.sandboxes.runner.testing import cases, sharing
from bellglass.sandboxes.runner.testing.collecting import INI, write
from bellglass.sandboxes.runner.testing.failures import Room
from bellglass.sandboxes.runner.testing.record import Record, Send
from bellglass.sandboxes.runner.testing.together_suite import Together

ROOM = 2 * 1024**2
"""Bytes of texts in the report: half of what the runner takes, for the rest is names and times."""

NOTHING_COLLECTED = 5
"""Exit status of pytest."""

CODE = "solution.py"


def run(arguments: dict[str, Any], send: Send) -> None:
    """Run the cases, then the tests: those given, or without either those in the code itself."""
    # Closed to inspection: the code runs as the same user.
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    # What pytest prints is nothing that anybody reads; what is there goes to who waits.
    progress = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    directory = tempfile.mkdtemp(prefix="tests-", dir="/tmp")
    try:
        _Run(arguments, directory, _only_here(send), progress).run()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class _Run:
    def __init__(
        self, arguments: dict[str, Any], directory: str, send: Send, progress: int
    ) -> None:
        self._arguments = arguments
        self._directory = directory
        self._send = send
        self._record = Record(send, Room(ROOM), progress)
        self._coverage: list[Any] = []
        self._settings = {
            "directory": directory,
            "coverage": bool(arguments.get("coverage")),
            "paths": arguments.get("paths") or [],
            "file": "test_solution.py" if arguments.get("tests") is not None else CODE,
            **{name: arguments.get(name) for name in ("select", "stop", "test_timeout")},
        }

    def run(self) -> None:
        write(self._directory, CODE, as_module(self._arguments.get("code", "")))
        write(self._directory, "pytest.ini", INI)
        if self._settings["coverage"] and not coverage.installed():
            self._settings["coverage"] = False
            self._send({"uncovered": True})
        given = self._arguments.get("cases") or []
        tests = self._arguments.get("tests")
        status = 0
        if given:
            self._cases(given)
        if tests is not None and not self._stopped():
            status = self._tests(as_module(tests))
        if (self._settings["paths"] or (tests is None and not given)) and not self._stopped():
            self._settings["file"] = CODE
            where = "in a file of the session" if self._settings["paths"] else "part of the code"
            self._send({"together": f"is {where}"})
            status = _worse(status, self._together(None))
        if self._settings["coverage"]:
            self._send({"coverage": _merged(self._coverage)})
        if status >= 0:
            self._send({"finished": status})

    def _stopped(self) -> bool:
        return bool(self._settings["stop"]) and self._record.any_failed

    def _cases(self, given: list[dict[str, Any]]) -> None:
        side = SuiteSide(self._settings, set(), set())
        try:
            cases.run(given, side, self._settings, self._record, self._coverage)
            self._ask_coverage(side)
        finally:
            side.stop()  # what the cases changed, the tests do not see

    def _tests(self, source: str) -> int:
        plan = sharing.plan_of(source)
        write(self._directory, "test_solution.py", source)
        if plan.whole is not None:
            self._send({"together": plan.whole})
            return self._together(None)
        from bellglass.sandboxes.runner.testing import apart_suite

        side = SuiteSide(self._settings, plan.imports, plan.raised)
        side.modules.reserved = plan.defined
        try:
            status, left = apart_suite.run(
                self._directory, source, self._settings, self._record, plan, side
            )
            self._ask_coverage(side)
        except ImportError as exc:
            if exc.name != "pytest":
                raise
            self._send({"missing": True})
            return 4
        finally:
            side.stop()
        if not left or self._stopped():
            return status
        for why in sorted(set(left.values())):
            self._send({"together": why})
        write(self._directory, "test_solution.py", source)
        status = 0 if status == NOTHING_COLLECTED else status
        return _worse(status, self._together(list(left)))

    def _together(self, wanted: list[str] | None) -> int:
        """Run tests in the process of the code; return pytest's status, -1 if there is none."""
        together = Together(self._settings, self._record, wanted)
        together.run()
        self._coverage += together.coverage
        if together.missing:
            self._send({"missing": True})
            return 4
        return -1 if together.status is None else together.status

    def _ask_coverage(self, side: SuiteSide) -> None:
        if self._settings["coverage"] and side.generation:
            try:
                self._coverage.append(side.request("coverage", None))
            except BaseException as exc:
                if isinstance(exc, KeyboardInterrupt):
                    raise


def _worse(one: int, other: int) -> int:
    """Return the worse of two exit statuses; a run that did not end, -1, is the worst."""
    return min(one, other) if min(one, other) < 0 else max(one, other)


def _merged(reports: list[Any]) -> list[dict[str, Any]]:
    """Return for each file how many lines it has, and those that ran in no process."""
    statements: dict[str, set[int]] = {}
    missing: dict[str, set[int]] = {}
    for report in reports:
        for name, lines in (report or {}).items():
            ran = set(lines["statements"]) - set(lines["missing"])
            statements.setdefault(name, set()).update(lines["statements"])
            missing.setdefault(name, set(lines["statements"]))
            missing[name] -= ran
    return [
        {"file": name, "lines": len(statements[name]), "missing": sorted(missing[name])}
        for name in sorted(statements)
    ]


def _only_here(send: Send) -> Send:
    """Return `send` for this process: a child that a test forks must not report in its name."""
    here = os.getpid()

    def guarded(message: dict[str, Any]) -> None:
        if os.getpid() != here:
            os._exit(1)
        send(message)

    return guarded

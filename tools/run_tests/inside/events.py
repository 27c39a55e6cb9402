"""A pytest plugin that reports events as they happen, and changes none of them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from bellglass.tools.run_tests.inside.failures import (
    MAX_MESSAGE_CHARACTERS,
    cleaned,
    explained,
    shortened,
)
from bellglass.tools.run_tests.inside.lines import Message

MAX_OUTPUT_CHARACTERS = 2_000
"""Characters of a test's output."""

NAMES_PER_MESSAGE = 200
"""Names in one message."""

EXITED = (
    "sys.exit() was called while the tests were imported. Put what the program does when it is "
    'run under `if __name__ == "__main__":`.'
)


__tracebackhide__ = True
"""Has pytest leave our frames out of tracebacks."""

FAILED: Any = pytest.fail.Exception


class Timeout(FAILED):  # type: ignore[misc]
    """The time of one test is up. pytest takes it for a failure, and tears fixtures down."""

    __module__ = "builtins"


class Events:
    """Hooks of pytest, with pytest's names and arguments."""

    def __init__(self, send: Any, settings: dict[str, Any]) -> None:
        self._send = send
        self._wanted: list[str] | None = settings["wanted"]
        self._causes: dict[str, str] = {}
        self._tests: dict[str, dict[str, Any]] = {}
        self._uncollected = False
        self._ended: Message = {}

    # --- collecting

    def pytest_exception_interact(self, call: Any, report: Any) -> None:
        if getattr(report, "when", None) == "collect":  # a module that could not be imported
            exc = call.excinfo.value
            self._causes[report.nodeid] = explained(exc.__cause__ or exc)

    def pytest_collectreport(self, report: Any) -> None:
        if report.passed or self._wanted is not None:
            return
        message = self._causes.get(report.nodeid) or _reason(report)
        outcome = "skipped" if report.skipped else "error"
        self._uncollected = self._uncollected or outcome == "error"
        name = report.nodeid or "collection"
        self._send({"uncollected": {"outcome": outcome, "message": message}, "name": name})

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Deselect tests that have a result already, from a process that did not finish."""
        if self._wanted is None:
            return
        wanted = list(self._wanted)
        kept = []
        for item in items[::-1]:  # of equal names the last ones are left
            if item.nodeid in wanted:
                wanted.remove(item.nodeid)
                kept.append(item)
        items[:] = kept[::-1]

    def pytest_collection_finish(self, session: Any) -> None:
        names = [item.nodeid for item in session.items]
        if self._wanted is None:
            for start in range(0, len(names), NAMES_PER_MESSAGE):
                self._send({"collected": names[start : start + NAMES_PER_MESSAGE]})

    # --- running

    def pytest_sessionstart(self, session: Any) -> None:
        if session.config.getoption("dist", "no") != "no":  # of pytest-xdist
            self._send({"distributed": True})

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        # Sent together with the end of the test before, because there are many.
        self._send({**self._ended, "begun": nodeid})
        self._ended = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: Any) -> Iterator[None]:
        """Shorten tracebacks, and let tests see the options that pytest was given."""
        option = item.config.option
        style = option.tbstyle
        option.tbstyle = "short" if style == "auto" else style
        try:
            yield
        finally:
            option.tbstyle = style

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take in one phase of a test, or a subtest; last, because pytest changes the report."""
        test = self._tests.get(report.nodeid)
        if test is None or (test.get("again") and report.when == "setup"):
            test = self._tests[report.nodeid] = {"outcome": "passed", "seconds": 0.0}
        if report.outcome == "rerun":  # of pytest-rerunfailures: another attempt follows
            test["again"] = True
        context = getattr(report, "context", None)
        sub = "" if context is None else f"subtest {report._sub_test_description()}: "
        if not sub:
            test["seconds"] = round(test["seconds"] + report.duration, 6)
        if report.failed:
            if test["outcome"] != "failed":
                test["outcome"] = "error" if report.when in ("setup", "teardown") else "failed"
            _add(test, f"{sub}{_reason(report)}")
        elif report.skipped and test["outcome"] == "passed":
            test["outcome"] = "skipped"
            _add(test, f"{sub}{_reason(report)}")
        printed = (report.capstdout, report.capstderr, report.caplog)
        text = "\n".join(text for text in printed if text)
        if text and not (sub and report.passed):
            test["stdout"] = shortened(text, MAX_OUTPUT_CHARACTERS)
        # its process died: no other phase follows
        if report.when not in ("setup", "call", "teardown"):
            self._send({"test": self._tests.pop(report.nodeid), "name": report.nodeid})

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        test = self._tests.pop(nodeid, None)
        if test is not None and not test.get("again"):
            if self._ended:  # tests that run in parallel
                self._send(self._ended)
            self._ended = {"test": test, "name": nodeid}

    def pytest_sessionfinish(self, session: Any) -> None:
        if "hypothesis" not in sys.modules:
            # Its plugin imports all of it for the summary, which takes 0.7 s.
            session.config.pluginmanager.unregister(name="hypothesispytest")
        if self._ended:
            self._send(self._ended)
            self._ended = {}

    # --- failures of the run as a whole

    def pytest_internalerror(self, excinfo: Any) -> None:
        exited = isinstance(excinfo.value, SystemExit)
        self._send({"problem": EXITED if exited else explained(excinfo.value)})

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        if not self._uncollected:  # otherwise pytest stops itself, and the reason has been sent
            self._send({"problem": f"The run was ended by:\n{explained(excinfo.value)}"})


class Interrupts:
    """Hooks around the phases of a test, which interrupt it when its time is up."""

    def __init__(self, send: Any, settings: dict[str, Any]) -> None:
        self._send = send
        self._seconds = settings["test_timeout"]
        self._in_phase = False
        signal.signal(settings["interrupt"], self._ring)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Iterator[None]:
        yield from self._interruptible()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Iterator[None]:
        yield from self._interruptible()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Iterator[None]:
        self._send({"clearing_up": True})
        yield from self._interruptible()

    def _interruptible(self) -> Iterator[None]:
        self._in_phase = True
        try:
            yield
        finally:
            self._in_phase = False

    def _ring(self, number: int, frame: Any) -> None:
        if self._in_phase:
            raise Timeout(f"not finished after {self._seconds:g} s")


def _add(test: dict[str, Any], message: str) -> None:
    before = test.get("message")
    test["message"] = shortened(
        f"{before}\n{message}" if before else message, 2 * MAX_MESSAGE_CHARACTERS
    )


def _reason(report: Any) -> str:
    if hasattr(report, "wasxfail"):
        return f"expected to fail: {report.wasxfail}"
    if isinstance(report.longrepr, tuple):  # a skip: file, line, reason
        reason = str(report.longrepr[2])
        return cleaned(reason[9:] if reason.startswith("Skipped: ") else reason)
    return cleaned(str(report.longrepr or ""))

"""A plugin of pytest that says what happens as it happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bellglass.sandboxes.runner.testing.failures import Explain, Room

MOST_TESTS = 4_000
"""Each is two messages, and the runner takes 10,000."""

ID = 300
"""Characters of a test's name."""

LIMITS = {"message": 8_000, "stdout": 2_000}

_EXITED = (
    "sys.exit() was called while the tests were imported. Put what the program does when it is "
    'run under `if __name__ == "__main__":`.'
)


class Events:
    """Hooks of pytest. Their names and arguments are pytest's."""

    def __init__(
        self, explain: Explain, room: Room, send: Callable[[dict[str, Any]], None]
    ) -> None:
        self._explain = explain
        self._room = room
        self._send = send
        self._index: dict[str, int] = {}
        self._causes: dict[str, str] = {}
        self._outcomes: dict[str, dict[str, Any]] = {}
        self._uncollected = False

    # --- collecting

    def pytest_exception_interact(self, call: Any, report: Any) -> None:
        if report.when == "collect":  # a module that could not be imported
            exc = call.excinfo.value
            self._causes[report.nodeid] = self._explain(exc.__cause__ or exc)

    def pytest_collectreport(self, report: Any) -> None:
        if report.passed:
            return
        message = self._causes.get(report.nodeid) or self._reason(report)
        outcome = "skipped" if report.skipped else "error"
        test = {"id": report.nodeid[:ID] or "collection", "outcome": outcome, "message": message}
        self._uncollected = self._uncollected or outcome == "error"
        self._send({"test": test})

    def pytest_collection_finish(self, session: Any) -> None:
        names = [item.nodeid for item in session.items]
        if len(names) > MOST_TESTS:
            text = f"There are {len(names):,} tests, more than {MOST_TESTS:,}. Run them in parts."
            self._send({"problem": text})
            session.items.clear()
            return
        self._index = {name: index for index, name in enumerate(names)}
        for start in range(0, len(names), 500):
            self._send({"collected": [name[:ID] for name in names[start : start + 500]]})

    # --- running

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._send({"started": self._index.get(nodeid)})

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take in one phase of a test: its set-up, its call or its tear-down."""
        test = self._outcomes.setdefault(report.nodeid, {"outcome": "passed", "seconds": 0.0})
        test["seconds"] = round(test["seconds"] + report.duration, 6)
        if report.failed:
            test["outcome"] = "failed" if report.when == "call" else "error"
            before = test.get("message")
            message = self._reason(report)
            test["message"] = f"{before}\n{message}" if before else message
        elif report.skipped and test["outcome"] == "passed":
            test["outcome"] = "skipped"
            test["message"] = self._reason(report)
        test["stdout"] = "\n".join(
            text for text in (report.capstdout, report.capstderr, report.caplog) if text
        )

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        test = self._outcomes.pop(nodeid, None)
        if test is not None:
            test["index"] = self._index.get(nodeid)
            self._send({"test": self._room.cut(test, LIMITS)})

    # --- when the run as a whole goes wrong

    def pytest_internalerror(self, excinfo: Any) -> bool:
        exited = isinstance(excinfo.value, SystemExit)
        text = _EXITED if exited else self._explain(excinfo.value)
        self._send({"problem": text})
        return True  # said; pytest need not print it

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        if not self._uncollected:  # else pytest stops itself, and the reason has been sent
            self._send({"problem": f"The run was ended by:\n{self._explain(excinfo.value)}"})

    def _reason(self, report: Any) -> str:
        if hasattr(report, "wasxfail"):
            return f"expected to fail: {report.wasxfail}"
        if isinstance(report.longrepr, tuple):  # a skip: file, line, reason
            reason = str(report.longrepr[2])
            return self._explain.clean(reason[9:] if reason.startswith("Skipped: ") else reason)
        return self._explain.clean(str(report.longrepr or ""))

"""A plugin of pytest that says what happens as it happens."""

from __future__ import annotations

from typing import Any, Protocol

from bellglass.sandboxes.runner.testing.failures import Explain

_EXITED = (
    "sys.exit() was called while the tests were imported. Put what the program does when it is "
    'run under `if __name__ == "__main__":`.'
)


class Reporter(Protocol):
    """Who is told."""

    def collect(self, names: list[str]) -> bool: ...
    def begin(self, name: str) -> None: ...
    def finish(self, name: str, test: dict[str, Any]) -> None: ...
    def uncollected(self, test: dict[str, Any]) -> None: ...
    def problem(self, text: str) -> None: ...


class Events:
    """Hooks of pytest. Their names and arguments are pytest's."""

    def __init__(self, explain: Explain, reporter: Reporter) -> None:
        self.reporter = reporter
        self._explain = explain
        self._causes: dict[str, str] = {}
        self._outcomes: dict[str, dict[str, Any]] = {}
        self._uncollected = False

    # --- collecting

    def pytest_exception_interact(self, call: Any, report: Any) -> None:
        if report.when == "collect":  # a module that could not be imported
            exc = call.excinfo.value
            self._causes[report.nodeid] = self.explained(exc.__cause__ or exc)

    def pytest_collectreport(self, report: Any) -> None:
        if report.passed:
            return
        message = self._causes.get(report.nodeid) or self._reason(report)
        outcome = "skipped" if report.skipped else "error"
        self._uncollected = self._uncollected or outcome == "error"
        test = {"id": report.nodeid or "collection", "outcome": outcome, "message": message}
        self.reporter.uncollected(test)

    def pytest_collection_finish(self, session: Any) -> None:
        if not self.reporter.collect([item.nodeid for item in session.items]):
            session.items.clear()

    # --- running

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.reporter.begin(nodeid)

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
            self.reporter.finish(nodeid, self.judged(test))

    def judged(self, test: dict[str, Any]) -> dict[str, Any]:
        """Return the result of a test with what is known beyond pytest's word."""
        return test

    # --- when the run as a whole goes wrong

    def pytest_internalerror(self, excinfo: Any) -> bool:
        exited = isinstance(excinfo.value, SystemExit)
        self.reporter.problem(_EXITED if exited else self.explained(excinfo.value))
        return True  # said; pytest need not print it

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        if not self._uncollected:  # else pytest stops itself, and the reason has been sent
            self.reporter.problem(f"The run was ended by:\n{self.explained(excinfo.value)}")

    def explained(self, exc: BaseException) -> str:
        return self._explain(exc)

    def _reason(self, report: Any) -> str:
        if hasattr(report, "wasxfail"):
            return f"expected to fail: {report.wasxfail}"
        if isinstance(report.longrepr, tuple):  # a skip: file, line, reason
            reason = str(report.longrepr[2])
            return self._explain.clean(reason[9:] if reason.startswith("Skipped: ") else reason)
        return self._explain.clean(str(report.longrepr or ""))

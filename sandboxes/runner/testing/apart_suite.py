"""Tests here, the code in another process: what the code cannot reach, it cannot forge."""

from __future__ import annotations

import contextlib
import linecache
import os
from typing import Any

from bellglass.sandboxes.runner.apart.remote import home_of
from bellglass.sandboxes.runner.apart.suite_side import CodeGone, NotHandedOver, SuiteSide
from bellglass.sandboxes.runner.testing.collecting import clear_environment, hide_our_own, options
from bellglass.sandboxes.runner.testing.failures import Explain
from bellglass.sandboxes.runner.testing.limit import Limit, TimeLimit
from bellglass.sandboxes.runner.testing.pytest_events import Events
from bellglass.sandboxes.runner.testing.record import Record
from bellglass.sandboxes.runner.testing.sharing import Plan

FILE = "test_solution.py"
MADE_THERE = "is a function of the code"


class ApartEvents(Events):
    """Runs what can be run apart, and notes what cannot."""

    def __init__(
        self, explain: Explain, record: Record, side: SuiteSide, plan: Plan, limit: Limit
    ) -> None:
        super().__init__(explain, record)
        self.together: dict[str, str] = {}
        """Tests that have to run in the process of the code, and why."""
        self.stopped = False
        self._record = record
        self._side = side
        self._plan = plan
        self._limit = limit
        self._trace: str | None = None

    # --- collecting

    def pytest_collection_finish(self, session: Any) -> None:
        names = [item.nodeid for item in session.items]
        if not self._record.collect(names):
            session.items.clear()
            return
        kept = []
        for item in session.items:
            function = getattr(item, "originalname", None) or item.name
            kind = getattr(item, "cls", None)
            why = self._plan.reason(None if kind is None else kind.__name__, function)
            if home_of(getattr(item, "obj", None)) is not None:
                why = MADE_THERE  # by a decorator, or imported
            if why is None:
                kept.append(item)
            else:
                self.together[item.nodeid] = why
        session.items[:] = kept

    # --- running

    def pytest_runtest_protocol(self, item: Any) -> None:
        self._side.new_test()
        self._side.start_again()
        self._limit.begin()
        self._trace = None

    def _phase(self) -> Any:
        try:
            with self._limit:
                return (yield)
        except BaseException as exc:
            self._note(exc)
            raise
        finally:
            self._limit.disarm()
            if self._limit.exceeded:
                self._side.stop()

    def _teardown(self) -> Any:
        self._limit.begin_again()
        self._side.cannot = _outcome_of(NotHandedOver)
        try:
            return (yield from self._phase())
        finally:
            self._side.cannot = NotHandedOver

    def _note(self, exc: BaseException) -> None:
        trace = getattr(exc, "_bellglass_trace", None)
        self._trace = self._trace or trace

    def explained(self, exc: BaseException) -> str:
        return getattr(exc, "_bellglass_trace", None) or super().explained(exc)

    def judged(self, test: dict[str, Any]) -> dict[str, Any]:
        if self._limit.exceeded:
            return {**test, "outcome": "failed", "cause": "timeout", "message": self._limit.told}
        if self._side.gone is not None:
            said = self._side.gone
            return {**test, "outcome": "failed", "cause": "crashed", "message": said}
        pending = self._side.pending()
        if pending is not None and test["outcome"] != "failed":
            text = "A function of the tests failed, which the code called and whose error it "
            text += f"kept:\n{self._explain(pending)}"
            return {**test, "outcome": "failed", "message": text}
        notes = []
        if test["outcome"] == "failed" and (self._trace or "").startswith("  File"):
            notes.append(f"in the code:\n{self._trace}")
        if test["outcome"] == "failed" and self._side.refused:
            names = ", ".join(sorted(self._side.refused))
            notes.append(
                f"An object of {names} came where plain data was compared. What it says of itself "
                "is not taken, unless the tests import its class."
            )
        if notes:
            test = {**test, "message": "\n".join([test.get("message") or "", *notes])}
        if self._side.judged:
            test = {**test, "apart": False}
        return test


def _wrapped(name: str) -> Any:
    """Return one of pytest's hooks around a phase of a test."""
    import pytest

    def hook(self: ApartEvents, item: Any) -> Any:
        teardown = name == "pytest_runtest_teardown"
        return (yield from self._teardown() if teardown else self._phase())

    hook.__name__ = name
    return pytest.hookimpl(wrapper=True)(hook)


def _outcome_of(kind: type[BaseException]) -> type[BaseException]:
    """Return `kind` as what pytest knows for the outcome of a test.

    On any other BaseException it leaves a tear-down where it is, and the next test meets the rest.
    """
    import pytest

    return type(kind.__name__, (kind, pytest.fail.Exception), {"__module__": "builtins"})


def run(
    directory: str,
    source: str,
    settings: dict[str, Any],
    record: Record,
    plan: Plan,
    side: SuiteSide,
) -> tuple[int, dict[str, str]]:
    """Run the tests in `source`; return pytest's status, and those to be run otherwise, and why.

    Raises:
        ImportError: There is no pytest.
    """
    import pytest

    clear_environment()
    hide_our_own()
    path = os.path.join(directory, FILE)
    lines = source.splitlines(keepends=True)
    # Without a time, which would have it read again: the code may have written another one there.
    linecache.cache[path] = (len(source), None, lines, path)
    side.before_start = lambda: _remove(path)
    side.test_module = FILE[:-3]
    for phase in ("setup", "call", "teardown"):
        name = f"pytest_runtest_{phase}"
        setattr(ApartEvents, name, _wrapped(name))
    limit = Limit(settings.get("test_timeout"), _outcome_of(TimeLimit))
    side.code_gone = _outcome_of(CodeGone)
    events = ApartEvents(Explain(directory), record, side, plan, limit)
    side.modules.install()
    status = pytest.main(
        [
            *options(directory, settings),
            "--capture=fd",
            "--import-mode=importlib",
            "--noconftest",
            f"--rootdir={directory}",
            path,
        ],
        plugins=[events],
    )
    return int(status), events.together


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)

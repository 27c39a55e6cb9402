"""The short form of tests: calls, and what is expected of them.

The process of the code gets the calls one by one, and never what is expected: the comparison is
made here, on values that were handed over as plain data.
"""

from __future__ import annotations

import ast
import contextlib
import io
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from bellglass.sandboxes.runner.apart.remote import home_of
from bellglass.sandboxes.runner.apart.suite_side import CodeGone, NotHandedOver, SuiteSide
from bellglass.sandboxes.runner.testing import programs
from bellglass.sandboxes.runner.testing.equality import same
from bellglass.sandboxes.runner.testing.failures import shortened, text_of
from bellglass.sandboxes.runner.testing.limit import Limit, TimeLimit
from bellglass.sandboxes.runner.testing.naming import names_of
from bellglass.sandboxes.runner.testing.record import Event, Record

OUTPUT = 4_000
"""Bytes kept of what a case prints."""

SHOWN = 2_000
"""Characters of a value."""

MOST_ITEMS = 10_000
"""Of an iterator that a call returns."""


def run(
    cases: list[dict[str, Any]],
    side: SuiteSide,
    settings: dict[str, Any],
    record: Record,
    coverage: list[Any],
) -> None:
    """Run every case that is selected, and record what became of each."""
    names = names_of(cases)
    select = settings.get("select")
    chosen = [(name, case) for name, case in zip(names, cases) if not select or str(select) in name]
    record.collect([name for name, _ in chosen])
    calls = _Calls(side, Limit(settings.get("test_timeout")))
    for name, case in chosen:
        record.begin(name)
        if "call" in case:
            record.finish(name, calls.outcome(case))
        else:
            record.finish(name, programs.outcome(case, settings, coverage))
        if settings.get("stop") and record.any_failed:
            return


class _Calls:
    """Calls of the code, in one process of it as long as that lives."""

    def __init__(self, side: SuiteSide, limit: Limit) -> None:
        self._side = side
        self._limit = limit
        self._broken: str | None = None
        self._imported = -1

    def outcome(self, case: dict[str, Any]) -> Event:
        wanted = case.get("raises")
        event: Event = {"expected": f"raises {wanted}" if wanted else _shown(case.get("expected"))}
        try:
            compile(case["call"], "<call>", "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
            reason = f"{type(exc).__name__}: {exc}"
            return {"outcome": "error", "message": f"call is not one expression. {reason}"}
        if self._broken is not None:
            return {"outcome": "error", "message": "As above."}
        self._side.new_test()
        started = time.perf_counter()
        with _output() as printed:
            try:
                self._side.start()
                self._limit.begin()
                with self._limit:
                    self._import()
                    if self._broken is None:
                        event.update(self._judged(case, wanted))
                    else:
                        event = {"outcome": "error", "message": self._broken}
            except TimeLimit:
                self._limit.disarm()
                self._side.stop()
                event.update(outcome="failed", cause="timeout", message=self._limit.told)
            except CodeGone as exc:
                event.update(outcome="failed", cause="crashed", message=str(exc))
            except NotHandedOver as exc:
                event.update(outcome="failed", message=str(exc))
        event["seconds"] = round(time.perf_counter() - started, 6)
        event["stdout"] = printed()
        return event

    def _import(self) -> None:
        if self._imported == self._side.generation:
            return
        try:
            self._side.request("import", None, "solution")
        except CodeGone as exc:
            self._broken = f"The code could not be imported: {exc}"
        except Exception as exc:
            self._broken = f"The code could not be imported:\n{_traced(exc)}"
        except SystemExit as exc:
            self._broken = f"The code could not be imported:\n{_traced(exc)}"
        self._imported = self._side.generation

    def _judged(self, case: dict[str, Any], wanted: str | None) -> Event:
        """Return what the call returned or raised, and whether that was expected."""
        event: Event = {"outcome": "failed"}
        try:
            value = self._plain(self._side.request("evaluate", None, case["call"]))
            event["actual"] = _shown(value)
            passed = wanted is None and same(case.get("expected"), value)
        except (CodeGone, NotHandedOver, TimeLimit, KeyboardInterrupt):
            raise
        except BaseException as exc:  # SystemExit fails a case like any other exception
            said = getattr(exc, "_bellglass_text", None) or text_of(str, exc)
            event["actual"] = shortened(f"raises {type(exc).__name__}: {said}", SHOWN)
            passed = wanted in _names(exc)
            trace = _traced(exc)
            if not passed and "\n" in trace:  # with a line of the code
                event["message"] = trace
        if passed:
            event["outcome"] = "passed"
        return event

    def _plain(self, value: Any, depth: int = 0) -> Any:
        """Return `value` with its iterators listed, and what holds plain data replaced by that."""
        if isinstance(value, (list, tuple)) and type(value) in (list, tuple) and depth < 50:
            return type(value)(self._plain(item, depth + 1) for item in value)
        if type(value) is dict and depth < 50:
            return {key: self._plain(item, depth + 1) for key, item in value.items()}
        if home_of(value) is not None and "container" in type(value)._bellglass_traits:
            return self._plain(self._side.request("plain", value), depth + 1)
        if hasattr(type(value), "__next__"):
            return [self._plain(item, depth + 1) for item, _ in zip(value, range(MOST_ITEMS))]
        return value


def _traced(exc: BaseException) -> str:
    trace = getattr(exc, "_bellglass_trace", None)
    return trace if isinstance(trace, str) else f"{type(exc).__name__}: {exc}"


def _names(exc: BaseException) -> set[str]:
    """Return the names by which `exc` can be expected: of its class and those it derives from."""
    classes = [kind for kind in type(exc).__mro__ if kind is not object]
    return {kind.__name__ for kind in classes} | {
        f"{kind.__module__}.{kind.__qualname__}" for kind in classes
    }


def _shown(value: Any) -> str:
    return shortened(text_of(repr, value), SHOWN)


class _Head(io.RawIOBase):
    """Keeps the first bytes written to it."""

    def __init__(self) -> None:
        self.kept = bytearray()
        self.total = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        size = len(data)
        self.total += size
        self.kept += bytes(data[: max(0, OUTPUT - len(self.kept))])
        return size


@contextlib.contextmanager
def _output() -> Iterator[Callable[[], str]]:
    """Collect what the code prints, and return a way to read it."""
    head = _Head()
    stream = io.TextIOWrapper(io.BufferedWriter(head), "utf-8", "replace", write_through=True)

    def text() -> str:
        stream.flush()
        kept = head.kept.decode("utf-8", "replace")
        more = head.total - len(head.kept)
        return f"{kept}\n[… {more:,} more bytes]" if more > 0 else kept

    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = stream
    try:
        yield text
    finally:
        sys.stdout, sys.stderr = before

"""Cases: calls, and the values expected of them.

The process of the code gets the calls one by one, and never an expected value: the comparison is
made here, on values that were sent as plain data.
"""

from __future__ import annotations

import ast
import json
import secrets
import select
import time
from typing import Any

from bellglass.sandboxes.common.case_names import names_of
from bellglass.sandboxes.common.equality import same
from bellglass.sandboxes.common.jobs import JobShell
from bellglass.sandboxes.common.values import without_value
from bellglass.tools.run_tests.inside import programs
from bellglass.tools.run_tests.inside.child import Child, read, start_ours, told
from bellglass.tools.run_tests.inside.failures import shortened
from bellglass.tools.run_tests.inside.lines import Lines, Message
from bellglass.tools.run_tests.inside.record import Event, Record

MAX_OUTPUT_BYTES = 4_000
"""Bytes of a case's output that are kept."""

MAX_VALUE_CHARACTERS = 2_000
"""Characters of a value."""

MAX_ANSWER_BYTES = 4 * 1024**2

MAX_RAISED_NAMES = 41
"""Names of an exception and its bases: whoever claims more has raised none of them."""

NO_VALUE = (
    "The call returned {}, which is not plain data and cannot be compared with JSON. Compare a "
    "part of it in the call, as `f(2).name` or `f(2) == [1]`, or write it as a test in `tests`."
)


def run(
    cases: list[dict[str, Any]], settings: dict[str, Any], record: Record, shell: JobShell
) -> None:
    """Run every selected case, and record its result."""
    select_ = settings["select"]
    chosen = [
        (name, case)
        for name, case in zip(names_of(cases), cases)
        if not select_ or str(select_) in name
    ]
    record.collect([name for name, _ in chosen], isolated=True)
    calls = _Calls(settings, shell)
    try:
        for name, case in chosen:
            record.begin(name)
            record.flush()
            if "call" in case:
                record.finish(name, calls.outcome(case))
            else:
                record.finish(name, programs.run(case, settings, shell))
            if settings["stop"] and record.any_failed:
                return
        calls.save()
    finally:
        calls.end()


class _Gone(Exception):
    """The process of the code does not answer any more."""


class _Calls:
    """Calls of the code, in one process while that lives."""

    def __init__(self, settings: dict[str, Any], shell: JobShell) -> None:
        self._settings = settings
        self._shell = shell
        self._seconds: float | None = settings["test_timeout"]
        self._child: Child | None = None
        self._printed = bytearray()
        self._total = 0

    def outcome(self, case: dict[str, Any]) -> Event:
        wanted = case.get("raises")
        expected = f"raises {wanted}" if wanted else repr(case.get("expected"))
        event: Event = {"outcome": "failed", "expected": shortened(expected, MAX_VALUE_CHARACTERS)}
        try:
            compile(case["call"], "<call>", "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
            reason = f"{type(exc).__name__}: {exc}"
            return {"outcome": "error", "message": f"call is not one expression. {reason}"}
        self._printed.clear()
        self._total = 0
        started = time.perf_counter()
        try:
            event.update(_judged(case, self._ask({"call": case["call"]})))
        except TimeoutError:
            event.update(cause="timeout", message=f"not finished after {self._seconds:g} s")
            self.end()
        except _Gone as exc:
            event.update(cause="crashed", message=f"the code ended its process ({exc})")
            self.end()
        event["seconds"] = round(time.perf_counter() - started, 6)
        event["stdout"] = self._text()
        return event

    def save(self) -> None:
        """Have the process save its coverage."""
        if self._child is not None and self._settings["coverage"]:
            try:
                self._ask({"save": True})
            except (_Gone, TimeoutError):
                pass

    def end(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None

    def _ask(self, message: Message) -> Message:
        """Return the answer of the process, which is started if there is none.

        Raises:
            TimeoutError: It takes longer than a test may.
            _Gone: It has ended.
        """
        if self._child is None:
            token = secrets.token_hex(16)
            self._child = start_ours(self._shell, "calling", {**self._settings, "token": token})
            self._lines = Lines(token, MAX_ANSWER_BYTES)
        child = self._child
        try:
            child.socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            pass  # it has ended, which shows when the answer is read
        for fd, data in child.received(self._seconds):
            if fd != child.socket.fileno():
                self._keep(data)
            elif not data:
                break
            elif answers := self._lines.take(data):
                self._hear_out(child)
                return answers[0]
        self._hear_out(child)
        child.ended(1.0)
        raise _Gone(told(child))

    def _hear_out(self, child: Child) -> None:
        """Take what it printed before it answered."""
        fds = [child.out, child.err]
        while fds:
            ready = select.select(fds, [], [], 0)[0]
            if not ready:
                return
            for fd in ready:
                data = read(fd)
                self._keep(data)
                if not data or self._total > 64 * MAX_ANSWER_BYTES:
                    fds.remove(fd)

    def _keep(self, data: bytes) -> None:
        self._total += len(data)
        self._printed += data[: max(0, MAX_OUTPUT_BYTES - len(self._printed))]

    def _text(self) -> str:
        kept = self._printed.decode("utf-8", "replace")
        more = self._total - len(self._printed)
        return f"{kept}\n[… {more:,} more bytes]" if more > 0 else kept


def _judged(case: dict[str, Any], answer: Message) -> Event:
    """Return what a call returned or raised, and whether that was expected."""
    if "broken" in answer:
        text = shortened(str(answer["broken"]), 2 * MAX_VALUE_CHARACTERS)
        return {"outcome": "error", "message": f"The code could not be imported:\n{text}"}
    wanted = case.get("raises")
    event: Event = {
        "outcome": "failed",
        "actual": shortened(str(answer.get("shown")), MAX_VALUE_CHARACTERS),
    }
    raised = answer.get("raised")
    if isinstance(raised, list):
        passed = wanted in raised[:MAX_RAISED_NAMES]
        # the message has a line of code
        if not passed and "\n" in (message := str(answer.get("message"))):
            event["message"] = message
    elif "not_carried" in answer:
        passed = False
        event["message"] = NO_VALUE.format(str(answer["not_carried"])[:200])
    else:
        coded = answer.get("value")
        passed = wanted is None and same(case.get("expected"), coded)
        if not passed and wanted is None and (kind := _not_carried(coded)) is not None:
            event["message"] = NO_VALUE.format(f"an object of type {kind}")
    if passed:
        event["outcome"] = "passed"
    return event


def _not_carried(coded: Any) -> str | None:
    try:
        kind = without_value(coded)
    except RecursionError:
        return None
    return None if kind is None else kind[:100]

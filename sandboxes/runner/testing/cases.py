"""The short form of tests: calls, and what is expected of them."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import importlib
import inspect
import io
import time
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from bellglass.sandboxes.runner.testing.equality import same
from bellglass.sandboxes.runner.testing.failures import Explain, Room, shortened, text_of

OUTPUT = 4_000
"""Bytes kept of what a case prints."""

SHOWN = 2_000
"""Characters of a value."""

LIMITS = {"message": 4_000, "stdout": OUTPUT, "expected": 2 * SHOWN, "actual": 2 * SHOWN}

Event = dict[str, Any]


def run(
    cases: list[dict[str, Any]], explain: Explain, room: Room, send: Callable[[Event], None]
) -> None:
    """Run every case against a fresh import of `solution`, and send what became of each."""
    namespace: dict[str, Any] = {}
    broken = None
    with _output():
        try:
            namespace = vars(importlib.import_module("solution"))
        except KeyboardInterrupt:
            raise
        except BaseException as exc:  # SystemExit too: the code is not there to be called
            broken = f"The code could not be imported:\n{explain(exc)}"
    for index, case in enumerate(cases):
        if broken is not None:
            outcome = {"outcome": "error", "message": broken if index == 0 else "As above."}
        else:
            outcome = room.cut(_outcome(case, namespace, explain), LIMITS)
        send({"case": {"index": index, **outcome}})


def _outcome(case: dict[str, Any], namespace: dict[str, Any], explain: Explain) -> Event:
    wanted = case.get("raises")
    event: Event = {"expected": f"raises {wanted}" if wanted else _shown(case.get("expected"))}
    try:
        code = compile(case["call"], "<call>", "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
        reason = f"{type(exc).__name__}: {exc}"
        return {"outcome": "error", "message": f"call is not one expression. {reason}"}
    started = time.perf_counter()
    with _output() as printed:
        try:
            value = _value(code, namespace)
            event["actual"] = _shown(value)
            passed = wanted is None and same(case.get("expected"), value)
        except KeyboardInterrupt:
            raise
        except BaseException as exc:  # SystemExit fails a case like any other exception
            said = text_of(str, exc)
            event["actual"] = shortened(f"raises {type(exc).__name__}: {said}", SHOWN)
            passed = wanted in _names(exc)
            if not passed:
                event["message"] = explain(exc)
    event["seconds"] = round(time.perf_counter() - started, 6)
    event["outcome"] = "passed" if passed else "failed"
    event["stdout"] = printed()
    return event


def _value(code: CodeType, namespace: dict[str, Any]) -> Any:
    value = eval(code, namespace)
    # Of an async function, called with or without await, the result is meant.
    return asyncio.run(_awaited(value)) if inspect.isawaitable(value) else value


async def _awaited(value: Any) -> Any:
    return await value


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
    """Collect what is printed, and return a way to read it."""
    head = _Head()
    # A real text stream: code may use sys.stdout.buffer, or ask for its encoding.
    stream = io.TextIOWrapper(io.BufferedWriter(head), "utf-8", "replace", write_through=True)

    def text() -> str:
        with contextlib.suppress(ValueError):  # the code closed it
            stream.flush()
        kept = head.kept.decode("utf-8", "replace")
        more = head.total - len(head.kept)
        return f"{kept}\n[… {more:,} more bytes]" if more > 0 else kept

    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        yield text

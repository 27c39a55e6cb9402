"""Convert Monty's exceptions to the record of an error."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

from bellglass.sandboxes.common.text import short, shortened
from bellglass.sandboxes.worker.explaining.source import around

if TYPE_CHECKING:
    from pydantic_monty import Frame, MontyRuntimeError, MontySyntaxError

    from bellglass.sandboxes.backends.restricted.source import Source
    from bellglass.sandboxes.wire.schema.execution import ExecutionError

MODULES = (
    "asyncio, base64, bisect, binascii, collections, copy, csv, dataclasses, datetime, decimal, "
    "functools, hashlib, itertools, json, math, random, re, sys, time, typing, unicodedata"
)
"""Modules of Monty 1.4, without those that need files."""

HERE = "The restricted backend evaluates a subset of Python"
NO_FILES = {"refusal": f"{HERE}: it has no files", "kind": "unsupported"}
NO_BASH = f"{HERE}: it has no Bash and no programs. Use execute_python for what can be computed."
NO_BACKGROUND = f"{HERE}: it has no background runs. Call again without background."
NO_PYTEST = (
    f"{HERE}: it has no pytest, unittest, coverage, files or whole programs. Turn each assertion "
    'into a case, and pass code and cases alone: {"call": "add(2, 3)", "expected": 5} for what a '
    'call returns, {"call": "add(2, None)", "raises": "TypeError"} for what it raises.'
)

MAX_STEPS = 12


def refusal(text: str) -> ExecutionError:
    return {"name": "NotAvailable", "message": text, "traceback": ""}


def named(exc: MontyRuntimeError | MontySyntaxError) -> tuple[str, str]:
    """Return the class and the message of an exception."""
    name, _, message = exc.display("type-msg").partition(": ")
    return short(name, 200), shortened(message)


def described(
    exc: MontyRuntimeError | MontySyntaxError, code: str, source: Source
) -> ExecutionError:
    """Return the record of `exc`, which `code` raised; it was run as `source`."""
    name, message = named(exc)
    if name == "PermissionError" and message.startswith("Permission denied: "):  # for any file
        message = f"{NO_FILES['refusal']}. {message}"
    error: ExecutionError = {"name": name, "message": message, "traceback": ""}
    frames = exc.traceback()
    if name == "ModuleNotFoundError":
        error["available"] = [MODULES]
    elif name == "NameError" and hasattr(builtins, message.partition("'")[2].partition("'")[0]):
        error["available"] = [HERE]
    if not frames:
        return error
    current = frames[0].filename  # the first frame is always in the code of this call
    own = [frame.line for frame in frames if frame.filename == current]
    last = frames[-1]
    if last.filename == current:
        error["code"] = _around(code, source, last)
    return {
        **error,
        "line": own[-1],
        "where": _place(last, current),
        "traceback": shortened("\n".join(_steps(frames, current))),
    }


def _around(code: str, source: Source, frame: Frame) -> str:
    lines = (code + "\n").splitlines(keepends=True)
    start = source.column_of(frame.line, frame.column)
    end = source.column_of(frame.end_line, frame.end_column)
    return around(lines, frame.line, (frame.line, frame.end_line, start - 1, end - 1))


def _place(frame: Frame, current: str) -> str:
    where = f"line {frame.line}"
    if frame.filename != current:
        where += " of an earlier call"
    name = frame.function_name
    return where if name in (None, "<module>") else f"{where}, in {short(str(name), 60)}"


def _steps(frames: list[Frame], current: str) -> list[str]:
    steps = []
    for frame in frames[:-1]:
        text = (frame.source_line or "").strip()
        steps.append(f"{_place(frame, current)}{': ' if text else ''}{short(text, 100)}")
    steps.append(_place(frames[-1], current))
    if len(steps) > MAX_STEPS:
        half = MAX_STEPS // 2
        steps[half:-half] = [f"[{len(steps) - 2 * half} more]"]
    return steps

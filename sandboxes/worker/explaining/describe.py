"""Description of an exception for a client."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, cast

from bellglass.sandboxes.common.text import shortened
from bellglass.sandboxes.worker.explaining.chain import chained, text_of
from bellglass.sandboxes.worker.explaining.guard import guarded
from bellglass.sandboxes.worker.explaining.names import Scope, values_on
from bellglass.sandboxes.worker.explaining.near import near_misses
from bellglass.sandboxes.worker.explaining.source import Span, around, is_own, lines_of, nodes_at
from bellglass.sandboxes.worker.explaining.steps import (
    Step,
    frames_of,
    location,
    span_of,
    step_lines,
    step_of,
)
from bellglass.sandboxes.worker.explaining.values import class_name, isinstance_of

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.execution import ExecutionError

Details = dict[str, Any]
"""Some fields of an `ExecutionError`."""


def described(exc: BaseException, file: str) -> ExecutionError:
    """Describe `exc`, which the code of `file` raised.

    There is at least a name, whatever its class does and however little of the interpreter works.
    """
    frames = frames_of(exc, file)
    error: ExecutionError = {
        "name": class_name(exc),
        "message": text_of(exc),
        "traceback": "",
        "line": line_of(exc, file),
    }
    return guarded(
        lambda: cast("ExecutionError", {**error, **_details(exc, frames, file)}),
        lambda failure: error,
    )


def _details(exc: BaseException, frames: list[types.TracebackType], file: str) -> Details:
    steps = [step_of(entry) for entry in frames]
    if isinstance_of(exc, SyntaxError) and _is_text(exc):
        return _of_text(exc, steps, file)
    own = [at for at, step in enumerate(steps) if step.own]
    way = [*step_lines(steps, file, steps[own[-1]] if own else None), *chained(exc, file)]
    details: Details = {"traceback": shortened("\n".join(way))}
    if not own:
        return {**details, **near_misses(exc, None, [])}
    entry, step = frames[own[-1]], steps[own[-1]]
    lines = lines_of(step.file)
    span = span_of(entry, lines)
    if span is not None and not span[0] <= step.line <= span[1]:
        span = None
    nodes = nodes_at(lines, step.line, span)
    scope = Scope(entry.tb_frame)
    return {
        **details,
        "where": location(step, file),
        "code": around(lines, step.line, span),
        "values": values_on(scope, nodes, error_text(exc)),
        **near_misses(exc, scope, nodes),
    }


def error_text(exc: BaseException) -> str:
    first = exc.args[0] if exc.args else ""
    return first if type(first) is str else ""


def _is_text(exc: Any) -> bool:
    """Tell if `exc` comes from the parser of a text, and was not raised by hand."""
    return type(exc.filename) is str and type(exc.lineno) is int and type(exc.msg) is str


def _of_text(exc: Any, steps: list[Step], file: str) -> Details:
    """Return the details of an error in a text that was never run."""
    if exc.filename == file:
        steps = []  # only our own frames
    step = Step(exc.filename, exc.lineno, "", is_own(exc.filename))
    lines = lines_of(exc.filename)
    if not lines and type(exc.text) is str:
        lines = [""] * (exc.lineno - 1) + [exc.text] if exc.lineno < 10_000 else []
    span: Span | None = None
    if type(exc.offset) is int and 1 <= exc.lineno <= len(lines):
        start = max(exc.offset - 1, 0)
        end = getattr(exc, "end_offset", None)
        same_line = type(end) is int and getattr(exc, "end_lineno", None) == exc.lineno
        stop = exc.end_offset - 1 if same_line else 0
        span = (exc.lineno, exc.lineno, start, max(stop, start + 1))
    return {
        "message": shortened(exc.msg),
        "where": location(step, file),
        "code": around(lines, exc.lineno, span),
        "traceback": shortened("\n".join(step_lines(steps, file))),
    }


def line_of(exc: Any, file: str) -> int | None:
    """Return the last line of the given code among the frames of `exc`."""
    if isinstance_of(exc, SyntaxError) and exc.filename == file:
        return exc.lineno if type(exc.lineno) is int else None
    frames = frames_of(exc, file)
    lines = [entry.tb_lineno for entry in frames if entry.tb_frame.f_code.co_filename == file]
    return lines[-1] if lines else None

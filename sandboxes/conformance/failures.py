"""What a failed check expected and saw, from its `assert` and the values in it."""

from __future__ import annotations

import ast
import linecache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from bellglass.sandboxes.conformance.check import Check

MAX_VALUE_CHARACTERS = 400


class Failure(NamedTuple):
    """A promise that a backend has broken."""

    expected: str
    seen: list[str]


def explained(exc: BaseException, limit_seconds: float) -> Failure:
    """Return what the check expected, and what it saw; `limit_seconds` is the time that it had."""
    if isinstance(exc, TimeoutError):
        return Failure(f"an end within {limit_seconds:g} s", ["it had not ended by then"])
    if not isinstance(exc, AssertionError):
        return Failure("a sandbox that runs the check", [str(exc)])
    frame, line = _raised_at(exc)
    condition = _condition(frame, line)
    if condition is None:
        return Failure("what the check's name says", [str(exc) or "an assertion failed"])
    seen = [f"{ast.unparse(part)} is {_value(part, frame)}" for part in _parts(condition)]
    return Failure(ast.unparse(condition), seen)


def where_explained(check: Check) -> str:
    """Return the place in the documentation that says what the check needs of a backend."""
    return f"docs/backends.md#checks-of-{check.__module__.rpartition('.')[2]}"


def _raised_at(exc: AssertionError) -> tuple[FrameType, int]:
    at = exc.__traceback__
    assert at is not None
    while at.tb_next is not None:
        at = at.tb_next
    return at.tb_frame, at.tb_lineno


def _condition(frame: FrameType, line: int) -> ast.expr | None:
    """Return the condition of the `assert` at that line."""
    source = "".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assert) and node.lineno <= line <= (node.end_lineno or 0):
            return node.test
    return None


def _parts(condition: ast.expr) -> Iterator[ast.expr]:
    """Yield the parts of a condition whose values say why it does not hold."""
    match condition:
        case ast.BoolOp(values=values):
            for value in values:
                yield from _parts(value)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.Compare(left=left, comparators=others):
            yield from (side for side in (left, *others) if not _is_literal(side))
        case _:
            yield condition


def _is_literal(node: ast.expr) -> bool:
    return not any(isinstance(part, ast.Name) for part in ast.walk(node))


def _value(node: ast.expr, frame: FrameType) -> str:
    try:
        code = compile(ast.Expression(node), "<check>", "eval")
        value: Any = eval(code, {**frame.f_globals, **frame.f_locals})
        text = repr(value)
    except Exception as exc:  # the expression may be part of what fails
        text = f"not known ({type(exc).__name__}: {exc})"
    return text if len(text) <= MAX_VALUE_CHARACTERS else f"{text[:MAX_VALUE_CHARACTERS]}..."

"""The chain of an exception: its causes, the members of a group, and its notes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bellglass.sandboxes.common.text import short, shortened
from bellglass.sandboxes.worker.explaining.guard import TookTooLong, guarded
from bellglass.sandboxes.worker.explaining.steps import Step, frames_of, location, step_of
from bellglass.sandboxes.worker.explaining.values import class_name

MAX_EXCEPTIONS = 5
"""Exceptions of a chain, or of a group, that are listed."""

MAX_GROUP_DEPTH = 3
"""Maximum nesting depth of exception groups."""

MAX_MESSAGE_CHARACTERS = 300
"""Characters of the message of an exception that is not the last one."""


def text_of(value: object) -> str:
    """Return `str(value)`, or a text that says how that failed: it is foreign code."""

    def failed(exc: BaseException) -> str:
        what = "did not return" if type(exc) is TookTooLong else f"raised {class_name(exc)}"
        return f"<str() of it {what}>"

    return guarded(lambda: shortened(str(value)[:]), failed)


def chained(exc: BaseException, file: str) -> Iterator[str]:
    """Yield a line for each note of `exc`, each member of a group, and each cause."""
    yield from _notes(exc)
    yield from _members(exc, file, "", MAX_GROUP_DEPTH)
    seen = {id(exc)}
    for _ in range(MAX_EXCEPTIONS):
        link, before = _before(exc)
        if before is None or id(before) in seen:
            return
        seen.add(id(before))
        if (class_name(before), before.args) != (class_name(exc), exc.args):
            yield f"{link} {_in_a_line(before, file)}"
        yield from _members(before, file, "", MAX_GROUP_DEPTH)
        exc = before
    if _before(exc)[1] is not None:
        yield "[and more before that]"


def _before(exc: BaseException) -> tuple[str, BaseException | None]:
    if exc.__cause__ is not None:
        return "Caused by", exc.__cause__
    if exc.__context__ is not None and not exc.__suppress_context__:
        return "While handling", exc.__context__
    return "", None


def _notes(exc: BaseException) -> Iterator[str]:
    notes = getattr(exc, "__notes__", None)
    for note in notes[:MAX_EXCEPTIONS] if type(notes) is list else ():
        if type(note) is str:
            yield f"Note: {shortened(note, 1_000)}"


def _members(exc: BaseException, file: str, indent: str, depth: int) -> Iterator[str]:
    """Yield a line for each member of an exception group, which Python has since 3.11."""
    members: Any = getattr(exc, "exceptions", None)
    if type(members) is not tuple or depth == 0:
        return
    for number, member in enumerate(members[:MAX_EXCEPTIONS], 1):
        if isinstance(member, BaseException):
            yield f"{indent}  {number}. {_in_a_line(member, file)}"
            yield from _members(member, file, indent + "   ", depth - 1)
    if len(members) > MAX_EXCEPTIONS:
        yield f"{indent}  [{len(members) - MAX_EXCEPTIONS} more]"


def _in_a_line(exc: BaseException, file: str) -> str:
    message = short(" ".join(text_of(exc).split()), MAX_MESSAGE_CHARACTERS)
    steps = [step_of(entry) for entry in frames_of(exc, file)]
    own: list[Step] = [step for step in steps if step.own]
    where = f" ({location(own[-1], file)})" if own else ""
    return f"{class_name(exc)}{': ' if message else ''}{message}{where}"

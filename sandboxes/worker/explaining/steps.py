"""Steps to an exception: lines of the user's code, and the libraries between them."""

from __future__ import annotations

import os
import types
from itertools import groupby
from typing import Any, NamedTuple

from bellglass.sandboxes.common.text import short
from bellglass.sandboxes.worker.explaining.source import STDLIB, Span, is_own, lines_of, span_in

MAX_FRAMES = 100_000
"""Frames that are examined: code can raise the recursion limit."""

MAX_STEPS = 12
"""Lines of steps that are shown."""

MAX_LINE_CHARACTERS = 100
"""Characters of a line of code in a step."""


class Step(NamedTuple):
    """One frame; `file` is "<call 3>" for code that was given in a call."""

    file: str
    line: int
    function: str
    own: bool
    """Whether it is the user's code, and not a library's."""


def frames_of(exc: BaseException, file: str) -> list[types.TracebackType]:
    """Return the frames of `exc` from the first of the given code on: earlier ones are ours."""
    frames: list[types.TracebackType] = []
    entry = exc.__traceback__
    while entry is not None and len(frames) < MAX_FRAMES:
        frames.append(entry)
        entry = entry.tb_next
    for at, entry in enumerate(frames):
        if entry.tb_frame.f_code.co_filename == file:
            # Frames of ours below it, such as a magic's, are of no use to the user.
            return [frames[at], *filter(_is_foreign, frames[at + 1 :])]
    return list(filter(_is_foreign, frames))


def _is_foreign(entry: types.TracebackType) -> bool:
    return not entry.tb_frame.f_code.co_filename.startswith("<bellglass.")


def step_of(entry: types.TracebackType) -> Step:
    code = entry.tb_frame.f_code
    # With its class, since Python 3.11.
    name = short(getattr(code, "co_qualname", code.co_name).rpartition("<locals>.")[2], 60)
    return Step(
        file=code.co_filename,
        line=entry.tb_lineno or 0,
        function="" if name == "<module>" else name,
        own=is_own(code.co_filename),
    )


def span_of(entry: types.TracebackType, lines: list[str]) -> Span | None:
    """Return the span of the line that a frame was executing, since Python 3.11."""
    positions: Any = getattr(entry.tb_frame.f_code, "co_positions", None)
    if positions is None:
        return None
    for at, position in enumerate(positions()):
        if at == entry.tb_lasti // 2:
            return span_in(lines, position)
    return None


def location(step: Step, file: str) -> str:
    """Describe where a step is: a model does not know the numbers of its calls."""
    where = f"line {step.line}"
    if step.file != file:
        earlier = step.file.startswith("<call ")
        where += " of an earlier call" if earlier else f" of {_relative(step.file)}"
    return f"{where}, in {step.function}" if step.function else where


def _relative(file: str) -> str:
    home = os.getcwd() + os.sep
    return short(file[len(home) :] if file.startswith(home) else file, 120)


def step_lines(steps: list[Step], file: str, shown: Step | None = None) -> list[str]:
    """Return steps as lines: repetitions are counted, frames of libraries folded into one line.

    The code of `shown` is left out, because the report has it already.
    """
    lines: list[str] = []
    for step, run in groupby(steps, key=lambda step: step if step.own else None):
        same = list(run)
        if step is None:
            lines.append(_folded(same))
        else:
            times = f" [{len(same):,} times]" if len(same) > 1 else ""
            source = "" if step == shown else _source(step)
            lines.append(f"{location(step, file)}{times}{': ' if source else ''}{source}")
    if len(lines) > MAX_STEPS:
        half = MAX_STEPS // 2
        lines[half:-half] = [f"[{len(lines) - 2 * half} more]"]
    return lines


def _folded(steps: list[Step]) -> str:
    last = steps[-1]
    count = "1 frame" if len(steps) == 1 else f"{len(steps)} frames"
    name = last.function or "its first lines"
    return f"[{count} of {_library(steps[0].file)}, last {name}]"


def _library(file: str) -> str:
    """Return the name of the library that a file belongs to."""
    for part in ("site-packages" + os.sep, "dist-packages" + os.sep, STDLIB):
        if part in file:
            file = file.split(part, 1)[1]
            break
    name = file.split(os.sep)[0]
    return short(name[:-3] if name.endswith(".py") else name, 60)


def _source(step: Step) -> str:
    lines = lines_of(step.file)
    return (
        short(lines[step.line - 1].strip(), MAX_LINE_CHARACTERS)
        if 1 <= step.line <= len(lines)
        else ""
    )

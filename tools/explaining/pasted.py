"""Errors as people paste them: tracebacks of CPython, IPython and pytest, words of bash.

The text is all there is, so what a hint can say is less than of code that has just run here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bellglass.sandboxes.execution import ExecutionError
from bellglass.tools.explaining import bash, python

MOST = 200_000
"""Characters that are read, from the end: the last error is the one that ended it."""

FRAME = re.compile(
    r'^\s*File "(?P<file>[^"\n]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$'
    r"|^(?:Cell )?(?P<cell>In ?\[\d+\])(?:, line (?P<cell_line>\d+)|.*$)"
    r"|^(?P<test>[\w./-]+\.py):(?P<test_line>\d+): (?P<in>\w+|in .+)?"
)
LIBRARY = re.compile(r"site-packages|dist-packages|/lib/python3|\\Lib\\|^<frozen |^<string>$")
ERROR = re.compile(
    r"^(?:E\s+)?(?P<name>(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Warning|Interrupt|Exit|Iteration|Group)"
    r"|(?:[A-Za-z_]\w*\.)*[A-Z]\w+(?=: ))(?:: (?P<message>.*))?$"
)
SUMMARY = re.compile(r"^(?:FAILED|ERROR) (?P<file>[^\s:]+)::\S+ - (?P<error>.+)$")
OURS = re.compile(r"^Failed: (?P<error>.+?)(?: \(line (?P<line>\d+)[^()]*\))?$")
MARKED = re.compile(r"^-+> ?(?P<line>\d+) ?(?P<code>.*)$")
BASH = re.compile(
    r"^(?P<file>[^\s:]*(?:bash|sh)[^\s:]*|-bash): (?:line (?P<line>\d+): )?(?P<message>\S.*)$"
)
GROUP_EDGE = re.compile(r"^\s*(?:[|+][-+]*\s?)+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pasted:
    """What a pasted text says went wrong."""

    language: str
    name: str
    """Class of the exception, or of bash what it could not do."""
    message: str
    file: str | None = None
    line: int | None = None
    """Where in the user's own code, not in that of a library."""
    source: str = ""
    hint: str | None = None


def parse(text: str) -> Pasted | None:
    """Return the last error that `text` tells of, or None if it tells of none."""
    lines = [_plain(line) for line in text[-MOST:].splitlines()]
    return _python(lines) or _bash(lines)


def _plain(line: str) -> str:
    """Return a line without colours, and without the frame around an exception group."""
    line = re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip()
    return GROUP_EDGE.sub("", line)


def _python(lines: list[str]) -> Pasted | None:
    found = _last_error(lines)
    if found is None:
        return None
    at, name, message, line = found
    file, told, source = _place(lines, at)
    line = told or line
    name = name.rpartition(".")[2]
    error = ExecutionError(
        name=name[:200],
        message=message[:20_000],
        traceback="",
        code=f"> {line or 1} | {source[:500]}",
    )
    hint = python.advice(error, fresh=False)
    return Pasted(
        language="python",
        name=name,
        message=message,
        file=file,
        line=line,
        source=source.strip(),
        hint=hint,
    )


def _place(lines: list[str], at: int) -> tuple[str | None, int | None, str]:
    """Return file, line and source of the user's code that led to the error in line `at`."""
    in_pytest = lines[at].startswith("E ")  # which says where after it has said what
    numbers = range(at, len(lines)) if in_pytest else range(at - 1, -1, -1)
    line, source = None, ""
    for number in numbers:
        if not in_pytest and ERROR.match(lines[number]):
            break  # of an exception that came before
        if marked := MARKED.match(lines[number]):
            line, source = int(marked["line"][:9]), marked["code"]
        frame = FRAME.match(lines[number])
        if frame is None or LIBRARY.search(frame["file"] or frame["test"] or ""):
            continue
        told = frame["line"] or frame["test_line"] or frame["cell_line"]
        file = frame["file"] or frame["test"] or frame["cell"]
        return file, int(told[:9]) if told else line, source or _source(lines, number)
    return None, line, source


def _last_error(lines: list[str]) -> tuple[int, str, str, int | None] | None:
    """Return the line that names an error, its class, message, and its line in the code."""
    for at in range(len(lines) - 1, -1, -1):
        text, line = lines[at].strip(), None
        if summary := SUMMARY.match(text):
            text = summary["error"]
            if any(ERROR.match(other) and other.startswith("E ") for other in lines[:at]):
                continue  # told at length further up
        elif ours := OURS.match(text):
            text, line = ours["error"], int(ours["line"]) if ours["line"] else None
        elif lines[at].startswith("  "):
            continue  # code, or a message of several lines
        if error := ERROR.match(text):
            return at, error["name"], (error["message"] or "").strip(), line
    return None


def _source(lines: list[str], frame: int) -> str:
    """Return the line of code that follows a frame, or in pytest stands before it."""
    following = lines[frame + 1 : frame + 2]
    if following and following[0].startswith("  ") and not FRAME.match(following[0]):
        return following[0]
    for line in reversed(lines[:frame]):
        if line.startswith(">"):
            return line[1:]
    return ""


def _bash(lines: list[str]) -> Pasted | None:
    for line in reversed(lines):
        if found := BASH.match(line):
            message = found["message"]
            missing = message.endswith("not found")
            return Pasted(
                language="bash",
                name="command not found" if missing else message.rpartition(": ")[2],
                message=message,
                file=None if found["file"].endswith("bash") else found["file"],
                line=int(found["line"][:9]) if found["line"] else None,
                hint=bash.advice(127 if missing else 1, line, []),
            )
    return None

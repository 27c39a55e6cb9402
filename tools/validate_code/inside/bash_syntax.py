"""Syntax errors of a Bash script, from bash itself, which stops at the first one."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
import time
from typing import Any, NamedTuple

from bellglass.tools.validate_code.inside.places import Source

BASH_TIMEOUT_SECONDS = 5
"""For bash to read a script, which takes milliseconds except in the worst cases."""

MAX_ERRORS = 10
MORE_ERRORS_TIMEOUT_SECONDS = 1.0
"""Repeated readings after an error; one takes 3 ms."""

TOO_DEEP = "Nested too deeply for bash to parse."

_END = "unexpected end of file"
_PLACE = re.compile(r".*?: line (\d+): (.*)")
_TOKEN = re.compile(r"near unexpected token `(.+)'$")
_OPENS = re.compile(r"\b(if|then|elif|else|for|while|until|do|case|select|function)\b|[{(]")
_CLOSES = re.compile(r"\b(fi|done|esac)\b|[})]")
_ENDS = re.compile(r"unexpected token `(fi|done|esac|then|do|else|elif|;;|\}|\))'")


class Reading(NamedTuple):
    """What bash found in a script: whether it can be run, and its messages."""

    errors: list[dict[str, Any]]
    warnings: list[dict[str, Any]]


def read(code: str, source: Source) -> Reading:
    """Have bash read `code` without running any of it.

    After an error the line with the error is left out, and bash reads again; errors that only
    follow from the gap are not counted.
    """
    status, said = _parse(code)
    found = _places(said, source)
    if status < 0:
        return Reading([source.finding(None, None, TOO_DEEP)], [])
    if not status:
        return Reading([], found)
    errors = found[:1] or [source.finding(None, None, said.strip() or "syntax error")]
    lines = list(source.lines)
    opened = closed = False
    started = time.monotonic()
    while len(errors) < MAX_ERRORS and time.monotonic() - started < MORE_ERRORS_TIMEOUT_SECONDS:
        number = found[0]["line"] if found else None
        if number is None or not lines[number - 1] or _END in found[0]["message"]:
            break
        opened = opened or bool(_OPENS.search(lines[number - 1]))
        closed = closed or bool(_CLOSES.search(lines[number - 1]))
        lines[number - 1] = ""
        status, said = _parse("\n".join(lines))
        found = _places(said, source)[:1] if status > 0 else []
        if not found or (_END in found[0]["message"] and closed):
            break
        if not (opened and _ENDS.search(found[0]["message"])):
            errors += found
    return Reading(sorted(errors, key=lambda error: error["line"] or 0), [])


def _parse(code: str) -> tuple[int, str]:
    """Return bash's exit status and its messages."""
    with tempfile.TemporaryFile() as file:
        file.write(code.encode("utf-8", "replace"))
        file.seek(0)
        try:
            done = subprocess.run(
                ["bash", "--norc", "--noprofile", "-n"],
                stdin=file,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                # Without BASH_ENV: bash would run that file.
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
                timeout=BASH_TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL, ""
    return done.returncode, done.stderr.decode("utf-8", "replace")


def _places(said: str, source: Source) -> list[dict[str, Any]]:
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for text in said.splitlines():
        match = _PLACE.match(text)
        # The line after an error quotes the source.
        if match and not match.group(2).startswith("`"):
            line, message = int(match.group(1)), match.group(2).strip()
            line = min(line, len(source.lines))
            while line > 1 and not source.lines[line - 1].strip() and "end of file" in message:
                line -= 1
            column, width = _column(message, source.lines[line - 1])
            finding = source.finding(line, column, message, width)
            found.setdefault((line, message), finding)
    return list(found.values())


def _column(message: str, line: str) -> tuple[int, int]:
    """Return the position on `line` of the token that bash did not expect, and its width."""
    token = _TOKEN.search(message)
    if token and token.group(1) in line:
        return line.rindex(token.group(1)) + 1, len(token.group(1))
    quote = re.search(r"looking for matching `(.)'", message)
    if quote and quote.group(1) in line:
        return line.index(quote.group(1)) + 1, 1
    return len(line.rstrip()) + 1, 1

"""What can be said of a bash script without running it."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Any

from bellglass.sandboxes.runner.checking import bash_risks
from bellglass.sandboxes.runner.checking.bash_commands import TooDeep
from bellglass.sandboxes.runner.checking.places import Source

SECONDS = 5
"""For bash to read a script: it needs milliseconds, but for the worst of them."""

_PLACE = re.compile(r".*?: line (\d+): (.*)")
CARRIAGE_RETURN = "the line ends with a carriage return, which bash takes as part of the last word"
TOO_DEEP = "Nested too deeply for bash to parse."


def findings(code: str) -> Iterator[tuple[str, list[Any]]]:
    """Return errors, then warnings, then risks, each as soon as it is known."""
    source = Source(code)
    at = code.find("\0")
    if at >= 0:
        yield "errors", [source.finding(*source.at(at), "a NUL byte cannot be part of a script")]
        return
    status, said = _parse(code)
    found = _places(said, source)
    if status < 0:
        yield "errors", [source.finding(None, None, TOO_DEEP)]
    elif status:
        yield "errors", found or [source.finding(None, None, said.strip() or "syntax error")]
    else:
        yield "errors", []
        if "\r\n" in code:
            line = code[: code.index("\r\n")].count("\n") + 1
            found.append(source.finding(line, None, CARRIAGE_RETURN))
        yield "warnings", found
    try:
        yield "risks", bash_risks.find(code)
    except (TooDeep, RecursionError):
        yield "notes", ["Risks are not named: the script nests too deeply to look through."]


def _parse(code: str) -> tuple[int, str]:
    """Have bash read `code`, and run nothing of it; return its exit status and what it said."""
    with tempfile.TemporaryFile() as file:
        file.write(code.encode("utf-8", "replace"))
        file.seek(0)
        try:
            done = subprocess.run(
                ["bash", "--norc", "--noprofile", "-n"],
                stdin=file,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                # No BASH_ENV: bash would run that file.
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL, ""
    return done.returncode, done.stderr.decode("utf-8", "replace")


def _places(said: str, source: Source) -> list[dict[str, Any]]:
    found = {}
    for text in said.splitlines():
        match = _PLACE.match(text)
        # The line after an error repeats the source, in quotes.
        if match and not match.group(2).startswith("`"):
            line, message = int(match.group(1)), match.group(2).strip()
            line = min(line, len(source.lines))
            found[line, message] = source.finding(line, None, message)
    return list(found.values())

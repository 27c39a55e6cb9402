"""Runs the command `bellglass` as a person does."""

import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

COMMAND = [sys.executable, "-P", "-m", "bellglass.server.cli"]


def bellglass(
    *arguments: str, settings: Mapping[str, str] | None = None, **how: Any
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; what it says is in the result."""
    how = {"capture_output": True, "text": True, "timeout": 100, **how}
    env = {**os.environ, **(settings or {})}
    return subprocess.run([*COMMAND, *arguments], env=env, check=False, **how)


def at_terminal(*arguments: str, until: str = "\0", **variables: str) -> str:
    """Run the command with a terminal as its stdin, stdout and stderr; return what it shows.

    It is ended when it has shown `until`.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", **variables},
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
            if until.encode() in shown:
                process.terminate()
    except OSError:  # the terminal's other end is closed: the command has ended
        pass
    process.wait(60)
    os.close(ours)
    return shown.decode()

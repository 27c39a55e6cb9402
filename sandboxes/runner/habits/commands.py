"""Shell commands of a Python session: `!command` and its like."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from bellglass.sandboxes.runner.relay.packages import SCRATCH

LONGEST = 100_000
"""Characters of a command that are passed as an argument: the kernel takes 128 KiB."""

_PIP = re.compile(r"(^|&&|;|\|\|)(\s*)(?:pip3?|python3? -m pip)(?=\s)")


class Lines(list[str]):
    """What a command printed, by lines; `n` and `s` are it as one text."""

    @property
    def n(self) -> str:
        return "\n".join(self)

    @property
    def s(self) -> str:
        return " ".join(self)

    @property
    def l(self) -> list[str]:  # noqa: E743 - IPython's name
        return list(self)


def _own_pip(command: str) -> str:
    """Have packages installed for the Python that runs this, whichever is first on the path."""
    scratch = f"TMPDIR={SCRATCH} " if os.path.isdir(SCRATCH) else ""
    pip = f"{scratch}{sys.executable} -m pip"
    return _PIP.sub(lambda found: f"{found[1]}{found[2]}{pip}", command)


def run(command: str, *, shell: str = "bash") -> int:
    """Run `command`; what it prints goes where Python prints. Return its exit code."""
    return _finished(_argv(_own_pip(command), shell), None)


def run_program(argv: list[str], text: str) -> int:
    """Run a program with `text` as its script."""
    with tempfile.NamedTemporaryFile("w", prefix="cell-", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        return _finished([*argv, file.name], None)


def output_of(command: str) -> tuple[Lines, int]:
    """Run `command`; return what it printed on both streams, and its exit code."""
    done = subprocess.run(
        _argv(_own_pip(command), "bash"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return Lines(done.stdout.decode("utf-8", "replace").splitlines()), done.returncode


def _argv(command: str, shell: str) -> list[str]:
    program = shutil.which(shell) or shutil.which("sh") or "/bin/sh"
    if len(command.encode("utf-8", "replace")) > LONGEST:
        raise ValueError(f"The command is longer than {LONGEST:,} bytes. Use a %%bash cell.")
    return [program, "-c", command]


def _finished(argv: list[str], before: Callable[[], None] | None) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    plain = _number(sys.stdout) == 1
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        # Redirected in Python: then it comes by us.
        stdout=None if plain else subprocess.PIPE,
        stderr=None if plain else subprocess.STDOUT,
    )
    try:
        if process.stdout is not None:
            for line in process.stdout:
                sys.stdout.write(line.decode("utf-8", "replace"))
        return process.wait()
    except KeyboardInterrupt:
        # The same interrupt has reached it, too.
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()


def _number(stream: Any) -> int:
    try:
        return int(stream.fileno())
    except Exception:
        return -1

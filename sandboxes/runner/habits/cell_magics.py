"""The magics of a whole call, such as `%%bash`, which take the rest of it as text."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.runner.habits import commands, timing
from bellglass.sandboxes.runner.habits.fields import filled_in
from bellglass.sandboxes.runner.habits.telling import UsageError, say

if TYPE_CHECKING:
    from bellglass.sandboxes.runner.habits.interactive import InteractiveShell


def script(shell: InteractiveShell, line: str, cell: str) -> None:
    """%%bash, %%sh, %%python, %%script PROGRAM: run the call's text as a script of its own."""
    argv = shlex.split(filled_in(line, shell.user_ns))
    if not argv:
        raise UsageError("%%script needs the name of a program.")
    if argv[0] in ("python", "python3"):
        argv[0] = sys.executable
    try:
        code = commands.run_program(argv, cell)
    except OSError as exc:
        raise UsageError(f"%%script {argv[0]}: {exc.strerror}") from None
    if code:
        raise subprocess.CalledProcessError(code, argv[0])


def writefile(shell: InteractiveShell, line: str, cell: str) -> None:
    """%%writefile FILE, or -a FILE: write the rest of the call to a file."""
    words = shlex.split(line)
    mode = "a" if "-a" in words or "--append" in words else "w"
    names = [word for word in words if not word.startswith("-")]
    if len(names) != 1:
        raise UsageError("%%writefile needs the name of one file.")
    path = filled_in(names[0], shell.user_ns)
    done = "Appending to" if mode == "a" else "Overwriting" if os.path.exists(path) else "Writing"
    with open(path, mode, encoding="utf-8") as file:
        file.write(cell if cell.endswith("\n") else f"{cell}\n")
    say(f"{done} {path}")


def time_cell(shell: InteractiveShell, line: str, cell: str) -> Any:
    """%%time: run the call and say how long it took."""
    return timing.timed(f"{line}\n{cell}", shell.run_cell)


def timeit_cell(shell: InteractiveShell, line: str, cell: str) -> None:
    """%%timeit: run the call many times and say how long one takes; its first line is set-up."""
    timing.repeated(line, cell, shell.user_ns)


def capture(shell: InteractiveShell, line: str, cell: str) -> None:
    """%%capture NAME: run the call; what it prints is kept in NAME."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        shell.run_cell(f"\n{cell}")
    if name := line.strip():
        shell.user_ns[name] = Captured(out.getvalue(), err.getvalue())


class Captured:
    """What a call printed."""

    def __init__(self, stdout: str, stderr: str) -> None:
        self.stdout = stdout
        self.stderr = stderr

    def show(self) -> None:
        sys.stdout.write(self.stdout)
        sys.stderr.write(self.stderr)

    __call__ = show

    def __str__(self) -> str:
        return self.stdout


CELL = {
    **{f.__name__: f for f in (script, writefile, capture)},
    "time": time_cell,
    "timeit": timeit_cell,
    "file": writefile,
}

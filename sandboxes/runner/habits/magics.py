"""The magics that there are: of a line, `%cd data`, and of a whole call, `%%bash`."""

from __future__ import annotations

import importlib
import io
import os
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.runner.habits import asking, commands, timing
from bellglass.sandboxes.runner.habits.fields import filled_in
from bellglass.sandboxes.runner.habits.telling import UsageError, say
from bellglass.sandboxes.runner.habits.transform import SETTINGS

if TYPE_CHECKING:
    from bellglass.sandboxes.runner.habits.interactive import InteractiveShell

SCRIPTS = ("bash", "sh", "python", "python3", "perl", "ruby")

MARKUP = {
    "html": "text/html",
    "HTML": "text/html",
    "latex": "text/latex",
    "markdown": "text/markdown",
    "svg": "image/svg+xml",
    "SVG": "image/svg+xml",
}

INSTEAD = {
    "conda": "use %pip install NAME.",
    "mamba": "use %pip install NAME.",
    "load": "open the file, or run it with %run FILE.",
    "javascript": "no JavaScript runs here.",
    "js": "no JavaScript runs here.",
    "debug": "nobody is there to type: look at variables, or print them.",
    "pdb": "nobody is there to type: look at variables, or print them.",
}


# --- of a line


def cd(shell: InteractiveShell, line: str) -> None:
    """%cd FOLDER: change the working directory, for later calls too."""
    folder = filled_in(line.strip(), shell.user_ns).strip("'\"") or "~"
    try:
        os.chdir(os.path.expanduser(folder))
    except OSError as exc:
        raise UsageError(f"%cd {folder}: {exc.strerror}") from None
    say(os.getcwd())


def pwd(shell: InteractiveShell, line: str) -> str:
    """%pwd: the working directory."""
    return os.getcwd()


def env(shell: InteractiveShell, line: str) -> object:
    """%env, %env NAME, %env NAME=VALUE: read or set environment variables."""
    line = line.strip()
    if not line:
        return dict(os.environ)
    for sign in ("=", " "):
        if sign in line:
            name, _, value = line.partition(sign)
            value = filled_in(value.strip(), shell.user_ns)
            os.environ[name.strip()] = value
            say(f"env: {name.strip()}={value}")
            return None
    if line not in os.environ:
        raise UsageError(f"there is no environment variable {line}.")
    return os.environ[line]


def pip(shell: InteractiveShell, line: str) -> None:
    """%pip install NAME: install packages for this session."""
    shell.system(f"pip {line}")


def run(shell: InteractiveShell, line: str) -> None:
    """%run FILE ARGUMENTS: run a Python file; its names are there afterwards."""
    words = shlex.split(filled_in(line, shell.user_ns))
    while words and words[0].startswith("-"):
        words.pop(0)
    if not words:
        raise UsageError("%run needs the name of a file.")
    path = words[0] if os.path.exists(words[0]) else f"{words[0]}.py"
    try:
        with open(path, "rb") as file:
            code = compile(file.read(), os.path.abspath(path), "exec")
    except OSError as exc:
        raise UsageError(f"%run {path}: {exc.strerror}") from None
    before, sys.argv = sys.argv, words
    try:
        exec(code, shell.user_ns)
    finally:
        sys.argv = before


def time(shell: InteractiveShell, line: str) -> Any:
    """%time STATEMENT: run it once and say how long it took."""
    return timing.timed(line, shell.run_cell)


def timeit(shell: InteractiveShell, line: str) -> None:
    """%timeit STATEMENT: run it many times and say how long one takes."""
    timing.repeated(line, None, shell.user_ns)


def who(shell: InteractiveShell, line: str) -> None:
    """%who: the names of your variables."""
    say("  ".join(shell.own_names()) or "(none)")


def whos(shell: InteractiveShell, line: str) -> None:
    """%whos: your variables with their types and values."""
    from bellglass.sandboxes.runner.explaining.values import class_name, shown

    for name in shell.own_names():
        value = shell.user_ns[name]
        say(f"{name}: {class_name(value)} = {shown(value)[:100]}")


def reset(shell: InteractiveShell, line: str) -> None:
    """%reset: forget your variables."""
    for name in shell.own_names():
        del shell.user_ns[name]


def pinfo(shell: InteractiveShell, line: str) -> None:
    """NAME?: what an object is."""
    _tell(shell, line, source=False)


def pinfo2(shell: InteractiveShell, line: str) -> None:
    """NAME??: what an object is, with its source."""
    _tell(shell, line, source=True)


def _tell(shell: InteractiveShell, line: str, *, source: bool) -> None:
    name = line.strip()
    if name.startswith("%"):
        magic = LINE.get(name.strip("%")) or CELL.get(name.strip("%"))
        if magic is None:
            raise unknown(name.strip("%"))
        say(magic.__doc__ or "")
        return
    say(asking.about(name, shell.user_ns, source=source))


def lsmagic(shell: InteractiveShell, line: str) -> None:
    """%lsmagic: the magics that there are."""
    say(_listed())


def _listed() -> str:
    lines = " ".join(f"%{name}" for name in sorted(LINE) if not name.startswith("pinfo"))
    return f"{lines} {' '.join(f'%%{name}' for name in sorted(CELL))}"


def ls(shell: InteractiveShell, line: str) -> None:
    """%ls: as the shell's."""
    shell.system(f"ls {line}")


# --- of a whole call


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


LINE = {
    **{f.__name__: f for f in (cd, env, pip, pwd, run, time, timeit, who, whos, reset, ls)},
    **{f.__name__: f for f in (pinfo, pinfo2, lsmagic)},
    "set_env": env,
}

CELL = {
    **{f.__name__: f for f in (script, writefile, capture)},
    "time": time_cell,
    "timeit": timeit_cell,
    "file": writefile,
}


def of_line(shell: InteractiveShell, name: str, line: str) -> Any:
    """Do what `%name line` asks."""
    if name in SETTINGS:
        return None
    if name not in LINE:
        raise unknown(name)
    result = LINE[name](shell, line)
    if name == "pip":
        importlib.invalidate_caches()
    return result


def of_cell(shell: InteractiveShell, name: str, line: str, cell: str) -> Any:
    """Do what `%%name line` asks with the rest of the call."""
    if name in SCRIPTS:
        name, line = "script", f"{name} {line}"
    if name in MARKUP:
        shell.show_markup(MARKUP[name], cell)
        return None
    if name not in CELL:
        raise unknown(name, "%%")
    return CELL[name](shell, line, cell)


def unknown(name: str, sign: str = "%") -> UsageError:
    if name in INSTEAD:
        return UsageError(f"there is no {sign}{name} here: {INSTEAD[name]}")
    return UsageError(f"there is no {sign}{name} here. There are: {_listed()}")

"""The magics of a line, such as `%cd data`; and doing what a magic asks."""

from __future__ import annotations

import importlib
import os
import shlex
import sys
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.runner.habits import asking, timing
from bellglass.sandboxes.runner.habits.cell_magics import CELL
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


LINE = {
    **{f.__name__: f for f in (cd, env, pip, pwd, run, time, timeit, who, whos, reset, ls)},
    **{f.__name__: f for f in (pinfo, pinfo2, lsmagic)},
    "set_env": env,
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

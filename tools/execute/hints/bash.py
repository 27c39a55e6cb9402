"""Hints after a command that failed."""

from __future__ import annotations

import re

from bellglass.tools.execute.hints.modules import Supply, missing_module
from bellglass.tools.execute.hints.rules import (
    DISK_FULL,
    NO_TERMINAL,
    PACKAGES_FULL,
    WRITABLE,
    wants_terminal,
)

_NOT_FOUND = re.compile(
    r"^(?:-?bash: )?(?:(?:eval: )?line \d{1,9}: )?([^\s:]{1,200}): (?:command )?not found",
    re.MULTILINE,
)

_OFFLINE = (
    "curl wget git ssh scp rsync ping nslookup dig host nc telnet ftp apt apt-get pip pip3 npm"
)

_MISSING_TEXTS = (
    (_OFFLINE, "{0} is not installed here."),
    ("sudo su doas", "there is no {0}: run the command itself; only your own files can change."),
    ("vim vi nano emacs less more man top htop", NO_TERMINAL),
    ("python", "use python3."),
    (
        "node npx deno bun java javac gcc cc g++ make cargo rustc go ruby perl php",
        "{0} is not installed here: use Python.",
    ),
    ("jq yq xmlstarlet", "{0} is not installed here: use python3 -c with json."),
    ("sqlite3 psql mysql", "{0} is not installed here: Python has the module sqlite3."),
    ("unzip zip 7z", "{0} is not installed here: python3 -m zipfile does it."),
    ("import from def print class elif", "this is Python: use execute_python."),
    ("service systemctl docker crontab", "nothing runs here but your own command."),
)

MISSING = {name: text for names, text in _MISSING_TEXTS for name in names.split()}
"""Commands that are often missing, and what to do instead."""

CR_LF = r"the lines end in CR LF: strip them with sed -i 's/\r$//'."

_RULES = (
    (r"\$'[^'\n]{0,80}\\r'|\r: (?:command )?not found|\^M: bad interpreter", CR_LF),
    (r"syntax error near unexpected token `\('", "if this is Python, use execute_python."),
    (r"\./[^\s:]{1,200}: Permission denied", "run a script with bash FILE, or after chmod +x."),
    (r": Permission denied$", WRITABLE),
    (r": Read-only file system", WRITABLE),
    (
        r"/work/\.venv[^\n]{0,300}No space left|install packages[^\n]{0,99}No space left",
        PACKAGES_FULL,
    ),
    (r"No space left on device", DISK_FULL),
    (
        r"fork: (?:retry: )?Resource temporarily unavailable",
        "the session is at its limit of processes.",
    ),
)
"""Messages of bash or a program, and what to do."""

_SIGKILL_EXIT_CODE = 137
"""The exit code that shells report after SIGKILL."""

_NO_MODULE = re.compile(r"^ModuleNotFoundError: No module named '([\w.]{1,80})'", re.MULTILINE)


def advice(exit_code: int | None, said: str, near: list[str], supply: Supply) -> str | None:
    """Return what to do after a command, from its exit code and the end of its output."""
    found = _NOT_FOUND.findall(said)
    if any(name in ("import", "from", "def", "print", "elif") for name in found):
        return MISSING["import"]
    if exit_code == 127 and found:
        name = found[-1].rpartition("/")[2]
        if name in MISSING:
            return MISSING[name].format(name)
        if near:
            return f"did you mean {' or '.join(near)}?"
        return "that command is not installed here; `compgen -c` lists those that are."
    for pattern, text in _RULES:
        if re.search(pattern, said, re.MULTILINE):
            return text
    if wants_terminal(said):
        return NO_TERMINAL
    if missing := _NO_MODULE.findall(said):  # from a Python that the command ran
        return missing_module(missing[-1], [], supply)
    if exit_code == _SIGKILL_EXIT_CODE:
        return "exit code 137: the command was killed, perhaps because memory ran out."
    return None

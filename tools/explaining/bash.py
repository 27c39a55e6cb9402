"""What to do about a command that failed."""

from __future__ import annotations

import re

NOT_FOUND = re.compile(
    r"(?:line \d+: |^)(?:-?bash: )?([^\s:]+): (?:command )?not found", re.MULTILINE
)

OFFLINE = (
    "curl wget git ssh scp rsync ping nslookup dig host nc telnet ftp apt apt-get pip pip3 npm"
)

MISSING_TEXTS = (
    (OFFLINE, "{0} is not here, and the sandbox has no network to use it on."),
    ("sudo su doas", "there is no {0}: run the command itself; only your own files can change."),
    (
        "vim vi nano emacs less more man top htop",
        "there is no terminal for {0}: print with cat or sed -n, write with a here-document.",
    ),
    ("python", "use python3."),
    (
        "node npx deno bun java javac gcc cc g++ make cargo rustc go ruby perl php",
        "{0} is not installed here: use Python.",
    ),
    ("jq yq xmlstarlet", "{0} is not installed here: use python3 -c with json."),
    ("sqlite3 psql mysql", "{0} is not installed here: Python has the module sqlite3."),
    ("unzip zip 7z", "{0} is not installed here: python3 -m zipfile does it."),
    ("import from def print class", "this is Python: use execute_python."),
    ("service systemctl docker crontab", "nothing runs here but your own command."),
)

MISSING = {name: text for names, text in MISSING_TEXTS for name in names.split()}
"""Commands that are often not there, and what to do instead."""

RULES = (
    (r"\$'\\r'", r"the lines end in CR LF: strip them with sed -i 's/\r$//'."),
    (r"(\w+): unbound variable", "set {0} first, or write ${{{0}:-}}."),
    (
        r"unexpected EOF while looking for matching",
        "a quote is open: close it, or escape one in the text.",
    ),
    (
        r"syntax error: unexpected end of file",
        "an if, loop, function or here-document is not closed; the end mark of a here-document "
        "stands alone at the start of its line.",
    ),
    (
        r"syntax error near unexpected token `\('",
        "quote the brackets; if this is Python, use execute_python.",
    ),
    (
        r"syntax error near unexpected token",
        "quote it, or look for a missing do, then or ; before it.",
    ),
    (r"bad interpreter", "the first line of the script names a program that is not here."),
    (r"value too great for base", "a leading 0 means octal: write 10#$x."),
    (r"[Aa]rgument list too long", "pass the names with find -exec or xargs."),
    (r"\S+\.\w+: Permission denied", "run a script with bash FILE, or after chmod +x."),
    (
        r": Read-only file system|: Permission denied",
        "only the working directory and /tmp can be written to.",
    ),
    (r"No space left on device", "the disk of the session is full: delete files."),
    (
        r"fork: (?:retry: )?Resource temporarily unavailable",
        "the session is at its limit of processes.",
    ),
    (r"[Ii]s a directory$", "name a file in it; rm -r removes a directory."),
    (r"([^\s:'`]+)'?: No such file or directory", "{0} is not there: look with ls -la."),
)
"""What bash or a program says, and what to do."""

EXITS = {
    126: "exit code 126: found, but cannot be run. Run a script with bash FILE or python3 FILE.",
    127: "exit code 127: the command is not installed here; see what is with `compgen -c`.",
    137: "exit code 137: it was killed, perhaps for want of memory.",
    139: "exit code 139: it crashed with a segmentation fault.",
    141: "exit code 141: what it wrote to ended first, as head does.",
}
"""Exit codes as shells mean them."""


def advice(exit_code: int | None, said: str, near: list[str]) -> str | None:
    """Return what to do about a command from its exit code and the end of what it said."""
    if re.search(r": (?:import|from|def|print|elif): command not found", said):
        return MISSING["import"]
    if exit_code == 127 and (found := NOT_FOUND.search(said)):
        name = found[1].rpartition("/")[2]
        if name in MISSING:
            return MISSING[name].format(name)
        if near:
            return f"did you mean {' or '.join(near)}?"
    for pattern, text in RULES:
        if match := re.search(pattern, said, re.MULTILINE):
            return text.format(*match.groups())
    return EXITS.get(exit_code or 0)

"""Failures that are typical of this sandbox, recognized by their messages, with hints.

Python's own messages are not explained, because a model knows them. A rule is for what a model
cannot know: that there is no network, no terminal, no more space, and who can change that.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_CHARACTERS = 4_000
MAX_LINES = 60
MAX_LINE_CHARACTERS = 300
"""Characters at the end of a text that are examined: it is of any length, and may be hostile."""

WRITABLE = "only the working directory and /tmp can be written to."
DISK_FULL = "the disk of the session is full: delete files."
PACKAGES_FULL = (
    "the space for packages of the session is full: pip uninstall what is not needed. (The "
    "operator of this server can allow more: BELLGLASS_PACKAGE_DISK_MB.)"
)
NO_TERMINAL = (
    "there is no terminal for full-screen programs: print with cat or sed -n, change with sed -i, "
    "write with a here-document, and pass a message by an option (git commit -m)."
)
NO_INPUT = (
    "nobody can type here: input() and getpass() have nothing to read. Put the values in the code."
)
NO_PROGRAM = "nobody can type here, so {0} had nothing to run: give it a file or a here-document."
NO_SCREEN = "there is no screen; figures of matplotlib come back as images."
SUBSET = "this server evaluates a subset of Python: write it without that."
SPAWNED = (
    "processes that are spawned do not see what a call has defined: use "
    "multiprocessing.get_context('fork') (ProcessPoolExecutor takes it as mp_context), or write "
    "{0} to a file and import it."
)
NO_LOOP = "a loop runs only in calls that await at the top level, as in `await main()`."
LOOP_RUNS = "a loop runs already: write `await main()`, which works at the top level of a call."


class Rule(NamedTuple):
    """Names of exceptions (all of them, if there are none), what their message has in it, and the
    advice, in which `{0}` is the first group of the pattern.
    """

    names: str
    pattern: str
    advice: str


_OFFLINE = re.compile(
    r"[Tt]emporary failure in name resolution|Name or service not known|Network is unreachable"
    r"|Could not resolve host|unable to resolve host|No address associated with hostname"
    r"|Could not find a version that satisfies|Failed to establish a new connection"
    r"|getaddrinfo (?:failed|ENOTFOUND|EAI_AGAIN)|nodename nor servname"
    r"|npm (?:error|ERR!) code ENOTCACHED"
)

_TERMINAL = re.compile(
    r"Vim: Warning: (?:Out|In)put is not|Error opening terminal|(?:Standard input|stdin) is not a "
    r"(?:terminal|tty)|TERM environment variable not set|must be run from a terminal"
    r"|[Tt]erminal is (?:dumb|not fully functional)|the input device is not a TTY"
    r"|failed tty get|open terminal failed"
)

_SILENT = re.compile(
    r"(?:^|[;&|(]|\b(?:then|do|else)\b)[ \t]*"
    r"(?:(top)|(python3?|ipython3?|node|psql|sqlite3|bash|sh))"
    r"(?: -i| [\w./]{1,200}\.(?:db|sqlite3?))?[ \t]*(?=[;&|)]|$)",
    re.MULTILINE,
)
"""Commands that end at once without a terminal, and say nothing of it."""

RULES = (
    Rule("RuntimeError", r"cannot be called from a running event|loop is already r", LOOP_RUNS),
    Rule("RuntimeError", r"no (?:running|current) event loop", NO_LOOP),
    Rule("OSError", r"File too large", "that is more than the disk of a session: write less."),
    Rule("", r"No space left on device", DISK_FULL),
    Rule("", r"Too many open files", "a session has few descriptors: close files as you go."),
    Rule(
        "",
        r"can't start new thread|Resource temporarily unavailable|limit of processes",
        "the session is at its limit of processes and threads: start fewer.",
    ),
    Rule("PermissionError", r"it has no files", "write the data into the code."),
    Rule("OSError", r"Read-only file system", WRITABLE),
    Rule("PermissionError", r"Permission denied: '/(?!work/|tmp/)", WRITABLE),
    Rule("NotImplementedError", r"monty syntax parser", SUBSET),
    Rule("EOFError", r"^$|reading a line", NO_INPUT),
    Rule("TclError", r"", NO_SCREEN),
    Rule("", r"Can't get attribute '(\w{1,80})' on <module '__main__'", SPAWNED),
)


def tail(text: str) -> str:
    """Return the end of `text`, as much as is looked at, in lines that are not long."""
    lines = text[-MAX_CHARACTERS:].split("\n")[-MAX_LINES:]
    return "\n".join(line[:MAX_LINE_CHARACTERS] for line in lines)


def offline(said: str) -> bool:
    """Tell if a text of bounded length is of a network that was missed."""
    return _OFFLINE.search(said) is not None


def wants_terminal(said: str) -> bool:
    """Tell if a text of bounded length is of a program that looked for a terminal."""
    return _TERMINAL.search(said) is not None


def silent(command: str) -> str | None:
    """Return what to do about a command that printed nothing, if it waits for somebody to type."""
    found = _SILENT.search(command[:MAX_CHARACTERS])
    if found is None:
        return None
    return NO_TERMINAL if found[1] else NO_PROGRAM.format(found[2])


def spawned(said: str) -> str | None:
    """Return what to do about a pool whose processes look for what a call has defined."""
    rule = RULES[-1]
    found = re.search(rule.pattern, said)
    return rule.advice.format(found[1]) if found else None


def advice_for(name: str, message: str) -> str | None:
    """Return the advice of the first rule that knows a failure."""
    for rule in RULES:
        if rule.names and name != rule.names:
            continue
        if found := re.search(rule.pattern, message[:MAX_CHARACTERS]):
            return rule.advice.format(*found.groups())
    return None

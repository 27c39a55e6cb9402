"""Risky operations of a Bash script. This informs; the sandbox is the boundary."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from bellglass.sandboxes.common import risk_kinds as kinds
from bellglass.tools.validate_code.inside import bash_grammar
from bellglass.tools.validate_code.inside import risk_rules as rules
from bellglass.tools.validate_code.inside.bash_grammar import Command, Reader, Word

MAX_SCRIPTS = 30
"""Strings that a script runs as scripts and that are analysed: each takes 2 ms or more."""

_BY_NAME = rules.table("""
deletes files: deletes files: rm unlink shred wipe srm
deletes files: deletes a directory: rmdir
opens the network: transfers data over the network: curl wget ftp sftp scp rsync aria2c
opens the network: opens network connections: nc ncat netcat socat telnet ssh nmap ping ping6
    traceroute openssl
opens the network: asks a name server: dig nslookup host getent
opens the network: installs packages from the network: apt apt-get yum dnf apk pip pip3 npm npx
    yarn pnpm uv uvx gem cargo brew conda
writes to devices: copies raw blocks: dd
writes to devices: formats or partitions a device: mkfs fdisk sfdisk parted mkswap wipefs
writes to devices: changes what is mounted: mount umount swapon swapoff losetup
evaluates strings: runs a string as a command: eval
evaluates strings: runs a file in this shell: source .
asks for privileges: runs a command as another user: sudo su doas pkexec runuser
ends or signals processes: sends a signal: kill pkill killall xkill
ends or signals processes: stops the machine: shutdown reboot halt poweroff init systemctl
changes permissions: changes who may use a file: chmod chown chgrp setfacl chattr setcap
writes files: writes files: tee cp mv ln install truncate touch mkdir mktemp mkfifo mknod
    fallocate split tar unzip
starts processes: leaves a process behind: nohup setsid disown at batch crontab screen tmux
touches the environment: shows or changes environment variables: export unset printenv
""")

# Commands that run the command after them: the letters of their options with a value, and the
# number of words in between.
_WRAPPERS = {
    "builtin": ("", 0),
    "busybox": ("", 0),
    "chroot": ("", 1),
    "command": ("", 0),
    "doas": ("uC", 0),
    "env": ("uCS", 0),
    "exec": ("a", 0),
    "ionice": ("cnpPu", 0),
    "nice": ("n", 0),
    "nohup": ("", 0),
    "parallel": ("jIPaL", 0),
    "setsid": ("", 0),
    "stdbuf": ("ioe", 0),
    "sudo": ("ugpCrtUTDRh", 0),
    "time": ("fo", 0),
    "timeout": ("ks", 1),
    "watch": ("n", 0),
    "xargs": ("aEdIiLlnPs", 0),
}

_LONG_WITH_VALUE = (
    *("--adjustment", "--arg-file", "--chdir", "--delimiter", "--group", "--jobs", "--kill-after"),
    *("--max-args", "--max-procs", "--signal", "--unset", "--user"),
)
_RUN_STRING = re.compile(r"-\w*c")
_SHELLS = ("bash", "sh", "dash", "zsh", "ksh", "ash")
_INTERPRETERS = re.compile(r"python[\d.]*|perl|ruby|node|php|lua")
_READERS = (
    *("cat", "head", "tail", "less", "more", "grep", "egrep", "awk", "sed", "cut", "sort", "od"),
    *("xxd", "strings", "base64", "tac", "nl", "diff", "cmp"),
)
_PATTERN = re.compile(r"[*?]|\{.*,.*\}")
"""The table for a command: its name, files or lists decide."""

_HARMLESS = ("/dev/null", "/dev/stdout", "/dev/stderr", "/dev/stdin", "/dev/tty", "/dev/fd/")


class Reading(NamedTuple):
    """The risks of a script by line, and why they may be incomplete."""

    risks: list[dict[str, Any]]
    unread: str | None


class _Script(NamedTuple):
    code: str
    within: Word | None = None
    """The command that runs it; None for the whole script."""


def find(code: str, reader: Reader | None = None) -> Reading:
    """Return the risky operations in `code`, which `reader` may be parsing already.

    A script without a syntax tree is analysed line by line.
    """
    found: dict[tuple[int, str, str], dict[str, Any]] = {}
    scripts = [_Script(code)]
    known = {code}
    unread = None
    for script in scripts:  # it grows by the strings that are run as scripts
        try:
            commands = (reader or Reader(script.code)).commands()
        except bash_grammar.Unread as exc:
            commands = list(bash_grammar.commands_by_line(script.code))
            if script.within is None or not isinstance(exc, bash_grammar.BadSyntax):
                unread = str(exc)
        reader = None
        for command in commands:
            for risk in _risks(command):
                first = script.within or risk.word
                if risk.script is not None and risk.script not in known:
                    known.add(risk.script)
                    scripts.append(_Script(risk.script, first))
                elif risk.script is None:
                    place = {"line": first.line, "column": first.column}
                    found.setdefault(
                        (first.line, risk.kind, risk.reason),
                        {"kind": risk.kind, **place, "reason": risk.reason},
                    )
        if len(scripts) > MAX_SCRIPTS:
            unread = f"it runs more than {MAX_SCRIPTS} strings as scripts"
            del scripts[MAX_SCRIPTS:]
    return Reading(sorted(found.values(), key=lambda risk: (risk["line"], risk["column"])), unread)


class _Risk(NamedTuple):
    """The risk of `word`; `script`: text that it runs, which has to be analysed as well."""

    word: Word
    kind: str
    reason: str
    script: str | None = None


def _risks(command: Command) -> Iterator[_Risk]:
    for operator, target in command.redirects:
        for kind, reason in _redirected(operator, target):
            yield _Risk(target, kind, reason)
    words = command.words
    for _ in range(10):  # sudo env nice ... the command itself
        if not words:
            return
        first, name = words[0], words[0].text.rpartition("/")[2]
        if (not first.plain and first.text.startswith("$")) or _PATTERN.search(first.text):
            yield _Risk(first, kinds.DYNAMIC, "the command is a value, known only when it runs")
        for kind, reason in _named(name, words[1:], command):
            yield _Risk(first, kind, f"{name} {reason}")
        for script in _scripts(name, words[1:], command):
            yield _Risk(first, "", "", script)
        if name in _WRAPPERS and not (name == "command" and _options(words) & {"-v", "-V"}):
            words = _wrapped(words[1:], *_WRAPPERS[name])
        elif name == "find":
            words = _executed(words)
        else:
            break
    if command.background and command.words:
        reason = "& leaves a process running in the background"
        yield _Risk(command.words[0], kinds.PROCESS, reason)


def _named(name: str, words: list[Word], command: Command) -> Iterator[rules.Risk]:
    options = [word.text for word in words if word.text.startswith("-")]
    if name == "rm" and any(re.match(r"-\w*[rR]|--recursive", option) for option in options):
        yield kinds.DELETES, "deletes directories and all that is in them"
    elif name.startswith("mkfs."):
        yield _BY_NAME["mkfs"]
    elif name in _BY_NAME:
        yield _BY_NAME[name]
    elif name == "find" and "-delete" in options:
        yield kinds.DELETES, "-delete deletes files"
    elif name == "sed" and any(re.match(r"-\w*i|--in-place", option) for option in options):
        yield kinds.WRITES, "-i rewrites files"
    elif name == "git" and words and words[0].text in ("clone", "fetch", "pull", "push"):
        yield kinds.NETWORK, f"{words[0].text} talks to another machine"
    elif name == "git" and words and words[0].text == "clean":
        yield kinds.DELETES, "clean deletes files"
    elif name == "env" and not words:
        yield kinds.ENVIRONMENT, "shows environment variables"
    elif name in ("awk", "gawk", "mawk") and any("system(" in word.text for word in words):
        yield kinds.PROCESS, "runs a command in a shell, with system()"
    elif name in _SHELLS:
        yield from _shell(words, command)
    elif _INTERPRETERS.fullmatch(name):
        if {"-c", "-e", "-r"} & set(options):
            yield kinds.EVALUATES, "runs a string as a program"
        elif [word for word in words if word.text == "-"]:
            yield kinds.EVALUATES, "runs what it reads as a program"
    elif name in _READERS:
        for word in words:
            if word.text.startswith(("/", "~")) and not word.text.startswith(_HARMLESS):
                yield kinds.READS, f"reads {word.text[:100]}"


def _shell(words: list[Word], command: Command) -> Iterator[rules.Risk]:
    if any(_RUN_STRING.fullmatch(word.text) for word in words):
        yield kinds.EVALUATES, "-c runs a string as a script"
    elif _reads_script(words):
        if command.piped:
            yield kinds.EVALUATES, "runs whatever the command before it writes"
        elif any(operator.startswith("<<") for operator, _ in command.redirects):
            yield kinds.EVALUATES, "runs what it reads as a script"


def _scripts(name: str, words: list[Word], command: Command) -> Iterator[str]:
    """Return the strings that a command runs as scripts."""
    if name == "eval":
        yield " ".join(word.text for word in words)
    elif name == "trap" and words:
        yield words[0].text
    elif name == "alias":
        for word in words:
            yield word.text.partition("=")[2]
    elif name in (*_SHELLS, "su"):
        for index, option in enumerate(words[:-1]):
            if _RUN_STRING.fullmatch(option.text):
                yield words[index + 1].text
                return
        if name in _SHELLS and _reads_script(words):
            for operator, text in command.redirects:
                if operator.startswith("<<"):
                    yield text.text


def _reads_script(words: list[Word]) -> bool:
    """Tell if a shell with these arguments reads its script from standard input."""
    texts = [word.text for word in words]
    return "-s" in texts or all(text.startswith("-") for text in texts)


def _redirected(operator: str, target: Word) -> Iterator[rules.Risk]:
    path = target.text
    if path.startswith(("/dev/tcp/", "/dev/udp/")):
        yield kinds.NETWORK, f"{operator} {path[:100]} opens a network connection"
    elif operator in ("<", "<<", "<<-", "<<<", "<&", ">&") or path.startswith(_HARMLESS):
        if operator == "<" and path.startswith(("/", "~")) and not path.startswith(_HARMLESS):
            yield kinds.READS, f"reads {path[:100]}"
    elif path.startswith("/dev/"):
        yield kinds.DEVICES, f"{operator} writes to {path[:100]}"
    elif path.startswith(("/", "~")):
        yield kinds.WRITES, f"{operator} writes {path[:100]}, outside the working directory"
    else:
        yield kinds.WRITES, f"{operator} writes {path[:100] if target.plain else 'a file'}"


def _wrapped(words: list[Word], with_value: str, between: int) -> list[Word]:
    """Return the command in the words of a wrapper, without its options and settings."""
    index = 0
    while index < len(words):
        text = words[index].text
        if text.startswith("-"):
            short = not text.startswith("--") and text[-1] in with_value
            index += short or text in _LONG_WITH_VALUE
        elif not re.match(r"\w+=", text):
            if between == 0:
                break
            between -= 1
        index += 1
    return words[index:]


def _options(words: list[Word]) -> set[str]:
    return {word.text for word in words if word.text.startswith("-")}


def _executed(words: list[Word]) -> list[Word]:
    for index, word in enumerate(words):
        if word.text in ("-exec", "-execdir", "-ok", "-okdir"):
            return words[index + 1 :]
    return []

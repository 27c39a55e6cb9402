"""What a bash script could do to the world around it. This informs; the sandbox is the boundary."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bellglass.sandboxes.runner.checking import risk_rules as rules
from bellglass.sandboxes.runner.checking.bash_commands import DEPTH, Command, Scanner
from bellglass.sandboxes.runner.checking.bash_words import Word

Risk = tuple[str, str]
"""Kind, and reason in words."""

_COMMANDS = (
    (rules.DELETES, "deletes files", "rm unlink shred wipe srm"),
    (rules.DELETES, "deletes a directory", "rmdir"),
    (rules.NETWORK, "transfers data over the network", "curl wget ftp sftp scp rsync aria2c"),
    (
        rules.NETWORK,
        "opens network connections",
        "nc ncat netcat socat telnet ssh nmap ping ping6 traceroute openssl",
    ),
    (rules.NETWORK, "asks a name server", "dig nslookup host getent"),
    (
        rules.NETWORK,
        "installs packages from the network",
        "apt apt-get yum dnf apk pip pip3 npm npx yarn pnpm uv uvx gem cargo brew conda",
    ),
    (rules.DEVICES, "copies raw blocks", "dd"),
    (rules.DEVICES, "formats or partitions a device", "mkfs fdisk sfdisk parted mkswap wipefs"),
    (rules.DEVICES, "changes what is mounted", "mount umount swapon swapoff losetup"),
    (rules.EVALUATES, "runs a string as a command", "eval"),
    (rules.EVALUATES, "runs a file in this shell", "source ."),
    (rules.PRIVILEGES, "runs a command as another user", "sudo su doas pkexec runuser"),
    (rules.SIGNALS, "sends a signal", "kill pkill killall xkill"),
    (rules.SIGNALS, "stops the machine", "shutdown reboot halt poweroff init systemctl"),
    (rules.PERMISSIONS, "changes who may use a file", "chmod chown chgrp setfacl chattr setcap"),
    (
        rules.WRITES,
        "writes files",
        "tee cp mv ln install truncate touch mkdir mktemp mkfifo mknod fallocate split tar unzip",
    ),
    (rules.PROCESS, "leaves a process behind", "nohup setsid disown at batch crontab screen tmux"),
    (rules.ENVIRONMENT, "shows or changes environment variables", "export unset printenv"),
)
_BY_NAME = {name: (kind, reason) for kind, reason, names in _COMMANDS for name in names.split()}

# Commands that run the command after them, with how many words come between.
_WRAPPERS = dict.fromkeys(
    (
        "sudo",
        "doas",
        "nohup",
        "setsid",
        "time",
        "nice",
        "ionice",
        "exec",
        "command",
        "builtin",
        "xargs",
        "stdbuf",
        "env",
        "busybox",
        "watch",
    ),
    0,
)
_WRAPPERS.update({"timeout": 1, "chroot": 1})

_SHELLS = ("bash", "sh", "dash", "zsh", "ksh", "ash")
_INTERPRETERS = re.compile(r"python[\d.]*|perl|ruby|node|php|lua")
_READERS = (
    "cat",
    "head",
    "tail",
    "less",
    "more",
    "grep",
    "egrep",
    "awk",
    "sed",
    "cut",
    "sort",
    "od",
    "xxd",
    "strings",
    "base64",
    "tac",
    "nl",
    "diff",
    "cmp",
)
_PATTERN = re.compile(r"[*?]|\{.*,.*\}")
"""In a command: which one it is, files or lists decide."""

_HARMLESS = ("/dev/null", "/dev/stdout", "/dev/stderr", "/dev/stdin", "/dev/tty", "/dev/fd/")


def find(code: str) -> list[dict[str, Any]]:
    """Return the risky operations in `code`, in the order of its lines.

    Raises:
        TooDeep: The script nests too deeply to be looked at.
    """
    scanner = Scanner(code)
    scanner.commands_until("")
    found: dict[tuple[int, str, str], dict[str, Any]] = {}
    # The list grows while this goes over it, by the commands in strings that are run.
    for command in scanner.commands:
        for word, kind, reason in _risks(command, scanner):
            found.setdefault(
                (word.line, kind, reason),
                {"kind": kind, "line": word.line, "column": word.column, "reason": reason},
            )
    return sorted(found.values(), key=lambda risk: (risk["line"], risk["column"]))


def _risks(command: Command, scanner: Scanner) -> Iterator[tuple[Word, str, str]]:
    for operator, target in command.redirects:
        for kind, reason in _redirected(operator, target):
            yield target, kind, reason
    words = command.words
    for _ in range(10):  # sudo env nice ... the command itself
        if not words:
            return
        first, name = words[0], words[0].text.rpartition("/")[2]
        if (not first.plain and first.text.startswith("$")) or _PATTERN.search(first.text):
            yield first, rules.DYNAMIC, "the command is a value, known only when it runs"
        for kind, reason in _named(name, words[1:], command, scanner):
            yield first, kind, f"{name} {reason}"
        if name in _WRAPPERS:
            words = _after(words[1:], _WRAPPERS[name])
        elif name == "find":
            words = _executed(words)
        else:
            break
    if command.background and words:
        yield words[0], rules.PROCESS, "& leaves a process running in the background"


def _named(name: str, words: list[Word], command: Command, scanner: Scanner) -> Iterator[Risk]:
    options = [word.text for word in words if word.text.startswith("-")]
    if name == "rm" and any(re.match(r"-\w*[rR]|--recursive", option) for option in options):
        yield rules.DELETES, "deletes directories and all that is in them"
    elif name.startswith("mkfs."):
        yield _BY_NAME["mkfs"]
    elif name in _BY_NAME:
        yield _BY_NAME[name]
    elif name == "find" and "-delete" in options:
        yield rules.DELETES, "-delete deletes files"
    elif name == "sed" and any(re.match(r"-\w*i|--in-place", option) for option in options):
        yield rules.WRITES, "-i rewrites files"
    elif name == "git" and words and words[0].text in ("clone", "fetch", "pull", "push"):
        yield rules.NETWORK, f"{words[0].text} talks to another machine"
    elif name == "git" and words and words[0].text == "clean":
        yield rules.DELETES, "clean deletes files"
    elif name == "env" and not words:
        yield rules.ENVIRONMENT, "shows environment variables"
    elif name in ("awk", "gawk", "mawk") and any("system(" in word.text for word in words):
        yield rules.PROCESS, "runs a command in a shell, with system()"
    elif name in _SHELLS:
        yield from _shell(words, command, scanner)
    elif _INTERPRETERS.fullmatch(name):
        if {"-c", "-e", "-r"} & set(options):
            yield rules.EVALUATES, "runs a string as a program"
        elif [word for word in words if word.text == "-"]:
            yield rules.EVALUATES, "runs what it reads as a program"
    elif name in _READERS:
        for word in words:
            if word.text.startswith(("/", "~")) and not word.text.startswith(_HARMLESS):
                yield rules.READS, f"reads {word.text[:100]}"
    if name == "eval":
        _run_later(" ".join(word.text for word in words), command, scanner)
    elif name == "trap" and words:
        _run_later(words[0].text, command, scanner)
    elif name == "alias":
        for word in words:
            _run_later(word.text.partition("=")[2], command, scanner)


def _shell(words: list[Word], command: Command, scanner: Scanner) -> Iterator[Risk]:
    for index, word in enumerate(words):
        if re.fullmatch(r"-\w*c", word.text):
            _run_later(words[index + 1].text if words[index + 1 :] else "", command, scanner)
            yield rules.EVALUATES, "-c runs a string as a script"
            return
    if command.piped and not [word for word in words if not word.text.startswith("-")]:
        yield rules.EVALUATES, "runs whatever the command before it writes"


def _run_later(code: str, command: Command, scanner: Scanner) -> None:
    """Read `code`, a string that `command` runs, into the commands of `scanner`."""
    if command.depth + 1 < DEPTH:
        line = command.words[0].line
        Scanner(code, line, scanner.commands, command.depth + 1).commands_until("")


def _redirected(operator: str, target: Word) -> Iterator[Risk]:
    path = target.text
    if path.startswith(("/dev/tcp/", "/dev/udp/")):
        yield rules.NETWORK, f"{operator} {path[:100]} opens a network connection"
    elif operator in ("<", "<<<", "<&", ">&") or path.startswith(_HARMLESS):
        if operator == "<" and path.startswith(("/", "~")) and not path.startswith(_HARMLESS):
            yield rules.READS, f"reads {path[:100]}"
    elif path.startswith("/dev/"):
        yield rules.DEVICES, f"{operator} writes to {path[:100]}"
    elif path.startswith(("/", "~")):
        yield rules.WRITES, f"{operator} writes {path[:100]}, outside the working directory"
    else:
        yield rules.WRITES, f"{operator} writes {path[:100] if target.plain else 'a file'}"


def _after(words: list[Word], skip: int) -> list[Word]:
    """Return the command within the words of a wrapper: its options and settings left out."""
    index = 0
    while index < len(words) and re.match(r"-|\w+=|\d+$", words[index].text):
        index += 1
        skip -= words[index - 1].text.isdigit()
    return words[index + max(skip, 0) :]


def _executed(words: list[Word]) -> list[Word]:
    for index, word in enumerate(words):
        if word.text in ("-exec", "-execdir", "-ok", "-okdir"):
            return words[index + 1 :]
    return []

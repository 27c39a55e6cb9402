"""The plan of the root file system: all files of the host that a sandbox sees, read-only."""

from __future__ import annotations

import os
from typing import NamedTuple

from bellglass.sandboxes.backends.embedded.inside import interpreter
from bellglass.sandboxes.common.late_packages import FOLDER, LATE

# Programs and libraries; nothing else in /usr, such as /usr/local or /usr/src.
_USR = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec", "share", "include")
_TOP = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")

DEVICES = ("null", "zero", "full", "random", "urandom")
DEVICE_LINKS = {
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
}
MASKED = tuple(
    f"/proc/{name}"
    for name in (
        "cmdline", "config.gz", "diskstats", "kallsyms", "key-users", "keys", "locks", "modules",
        "partitions", "swaps",
    )
)  # fmt: skip
"""Files that reveal facts of the host which no program inside needs. Besides, reading /proc/locks
can delay locks of all programs of the host."""
_DATABASES = ("/usr/lib/sysimage", "/usr/lib/apk", "/lib/apk", "/usr/lib/opkg")
"""Databases of package managers that lie among programs: of rpm, apk and opkg. A lock on a file can
be taken by whoever may read it, and then the host's package manager would wait for the code."""

DIRECTORIES = ("/proc", "/dev/shm", "/tmp", "/work", "/run", "/var")

HOSTNAME = "sandbox"
_ETC = {
    "/etc/passwd": (
        "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
        "sandbox:x:1000:1000::/work:/bin/bash\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    ),
    "/etc/group": "root:x:0:\nsandbox:x:1000:\nnogroup:x:65534:\n",
    "/etc/hosts": f"127.0.0.1 localhost {HOSTNAME}\n::1 localhost {HOSTNAME}\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "/etc/hostname": f"{HOSTNAME}\n",
}
# Debian's awk and editor are links into the first; matplotlib warns without the second. The last
# two hold the certificate authorities, for sessions that an operator allows network access.
_SHARED_ETC = ("/etc/alternatives", "/etc/fonts", "/etc/ssl/certs", "/etc/pki/ca-trust/extracted")
# Useful and not secret: the paths of libraries, and the local time zone.
_COPIED = ("/etc/ld.so.cache", "/etc/localtime")


class Plan(NamedTuple):
    """The content of the root file system besides devices, proc and empty directories."""

    binds: list[tuple[str, str]]
    """(path on the host without links, path in the sandbox)"""
    links: list[tuple[str, str]]
    """(path in the sandbox, target)"""
    files: list[tuple[str, bytes, int]]
    """(path in the sandbox, content, mode)"""
    python: str
    path: str
    venv: str | None
    covered: list[str] = []  # noqa: RUF012 - of a NamedTuple, and never changed
    """Directories in the binds in whose places there are empty ones."""

    def of_python(self) -> list[str]:
        """Return the paths of this machine that are bound only for the interpreter."""
        usual = ("/usr/", "/etc/", *(f"/{name}" for name in _TOP))
        found = (source for source, _ in self.binds if not source.startswith(usual))
        return list(dict.fromkeys(found))


def make(extra: list[str], late: str | None = None) -> Plan:
    """Plan the root file system for the interpreter that runs this.

    `extra`: further programs to bind at their own paths; `late`: the folder in which an environment
    for sandboxes will appear.
    """
    binds: list[tuple[str, str]] = []
    links = [("/var/tmp", "/tmp")]
    for path in [f"/usr/{name}" for name in _USR] + [f"/{name}" for name in _TOP]:
        if os.path.islink(path):
            links.append((path, os.readlink(path)))
        elif os.path.isdir(path):
            binds.append((path, path))
    binds += [(os.path.realpath(path), path) for path in _SHARED_ETC if os.path.isdir(path)]
    files = [(path, text.encode(), 0o444) for path, text in _ETC.items()]
    for path in _COPIED:
        if os.path.isfile(path):
            with open(path, "rb") as file:
                files.append((path, file.read(), 0o444))

    python = interpreter.describe()
    files += [(path, content, 0o555) for path, content in python.scripts]
    if late is not None:
        binds.append((os.path.realpath(late), FOLDER))
    search = [
        *([f"{LATE}/bin"] if late else []),
        *python.path,
        "/usr/local/bin",
        "/usr/bin",
        "/bin",
    ]
    extra_binds = [(os.path.realpath(path), path) for path in extra]
    known = [target for _, target in binds + python.binds]
    return Plan(
        binds=_shallow_first(
            binds
            + python.binds
            + [pair for pair in extra_binds if not any(_below(pair[1], dir) for dir in known)]
        ),
        links=links + python.links,
        files=files,
        python=python.executable,
        path=":".join(dict.fromkeys(search)),
        venv=python.venv,
        covered=sorted({os.path.realpath(path) for path in _DATABASES if os.path.isdir(path)}),
    )


def _below(path: str, directory: str) -> bool:
    return path.startswith(directory + "/")


def _shallow_first(binds: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the binds, parents first, without those that another bind includes."""
    kept: list[tuple[str, str]] = []
    for source, target in sorted(binds, key=lambda pair: pair[1].count("/")):
        if not any(_below(target, above) for _, above in kept):
            kept.append((source, target))
    return kept

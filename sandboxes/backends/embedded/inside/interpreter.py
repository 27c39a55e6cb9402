"""Find the files of the host that the sandbox's Python needs, and their paths in the sandbox."""

from __future__ import annotations

import glob
import os
import pwd
import sys
from typing import NamedTuple

from bellglass.sandboxes.common import late_packages
from bellglass.sandboxes.confinement.failure import Failure

VENV = late_packages.FOLDER
"""Path of the virtual environment in a sandbox."""

_MAX_SCRIPT_BYTES = 64 * 1024
_TAKEN = ("/work", "/tmp", "/dev", "/proc", "/etc", "/run", "/sys", VENV)

_WIDE = ("/opt", "/home", "/root", "/mnt", "/srv", "/var")
_KEYS = (".ssh", ".gnupg", ".aws", ".netrc")


class Interpreter(NamedTuple):
    """What the root file system must contain for this interpreter."""

    executable: str
    binds: list[tuple[str, str]]
    links: list[tuple[str, str]]
    scripts: list[tuple[str, bytes]]
    path: list[str]
    venv: str | None


def describe() -> Interpreter:
    """Describe the running interpreter, which must have been started by its configured path."""
    named = os.path.dirname(os.path.dirname(sys.executable))
    venv = os.path.realpath(named)  # its path may contain links that the sandbox does not have
    config = os.path.join(venv, "pyvenv.cfg")
    if not os.path.isfile(config):
        executable = os.path.realpath(sys.executable)
        prefix_binds = _prefix_binds(executable)
        return Interpreter(executable, prefix_binds, [], [], [os.path.dirname(executable)], None)
    refuse_if_private(venv)

    with open(config, encoding="utf-8") as file:
        text = file.read()
    settings = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
    base = _base_executable(settings.get("home", ""))
    binds = _prefix_binds(base)
    links = [(f"{VENV}/bin/{name}", base) for name in _names()]
    scripts = [(f"{VENV}/pyvenv.cfg", text.encode())]
    for name in ("lib", "lib64", "include", "share"):
        part = os.path.join(venv, name)
        if os.path.islink(part):
            links.append((f"{VENV}/{name}", os.readlink(part)))
        elif os.path.isdir(part):
            binds.append((os.path.realpath(part), f"{VENV}/{name}"))
    for entry in sorted(os.scandir(os.path.join(venv, "bin")), key=lambda entry: entry.name):
        target = f"{VENV}/bin/{entry.name}"
        if entry.is_symlink() or entry.name in _names() or not os.access(entry.path, os.X_OK):
            continue
        if entry.stat().st_size > _MAX_SCRIPT_BYTES:
            binds.append((entry.path, target))
        else:
            with open(entry.path, "rb") as program:
                scripts.append((target, _moved(program.read(), named, venv)))
    return Interpreter(f"{VENV}/bin/python", binds, links, scripts, [f"{VENV}/bin"], VENV)


def _names() -> list[str]:
    return ["python", "python3", "python{}.{}".format(*sys.version_info[:2])]


def _base_executable(home: str) -> str:
    """Return the interpreter that the virtual environment links to."""
    for name in reversed(_names()):
        candidate = os.path.join(home, name)
        if os.access(candidate, os.X_OK):
            # By its path in pyvenv.cfg, from which Python derives the prefix, with its last
            # component resolved: the sandbox may lack links like /etc/alternatives/....
            return os.path.join(home, os.path.basename(os.path.realpath(candidate)))
    return os.path.realpath(sys.executable)


def _prefix_binds(executable: str) -> list[tuple[str, str]]:
    """Return binds for the files of the Python installation, without other files beside them."""
    binds: dict[str, str] = {}
    prefixes = (os.path.dirname(os.path.dirname(executable)), sys.base_prefix, sys.base_exec_prefix)
    for prefix in dict.fromkeys(prefixes):
        if prefix in ("/", "/usr"):
            continue  # every sandbox has it
        if any(prefix == taken or prefix.startswith(taken + "/") for taken in _TAKEN):
            raise Failure("python", 0, f"the interpreter is in {prefix}, which sandboxes replace")
        refuse_if_private(prefix)
        binds.update((path, os.path.realpath(path)) for path in _own_files(prefix, executable))
    return [(source, path) for path, source in binds.items()]


def _own_files(prefix: str, executable: str) -> list[str]:
    """Return the interpreter, its libraries and its headers, as far as they exist."""
    version = "python{}.{}{}".format(*sys.version_info[:2], sys.abiflags)
    names = {*_names(), os.path.basename(executable)}
    wanted = [os.path.join(prefix, "bin", name) for name in sorted(names)]
    if os.path.isdir(os.path.join(prefix, "conda-meta")):
        # In such prefixes, the interpreter is linked with libraries of other packages.
        wanted.append(os.path.join(prefix, "lib"))
    wanted += [os.path.join(prefix, name, version) for name in ("lib", "lib64", "include")]
    wanted += glob.glob(os.path.join(glob.escape(prefix), "lib*", "libpython*.so*"))
    wanted += [os.path.join(prefix, "ssl", name) for name in ("cert.pem", "cacert.pem")]
    return [path for path in wanted if os.path.exists(path)]


def refuse_if_private(prefix: str) -> None:
    """Refuse a Python in a directory where people keep their files.

    Raises:
        Failure: The directory is or contains a home directory, or contains keys.
    """
    real = os.path.realpath(prefix)
    people = [user for user in pwd.getpwall() if user.pw_uid in (0, os.getuid()) or _person(user)]
    homes = {os.path.realpath(user.pw_dir) for user in people} - {"/"}
    holds = [home for home in sorted(homes) if home == real or home.startswith(real + "/")]
    keys = [name for name in _KEYS if os.path.lexists(os.path.join(real, name))]
    if holds:
        why = "a home directory" if real in holds else f"above the home directory {holds[0]}"
    elif real in _WIDE:
        why = "for programs of all kinds"
    elif keys:
        why = f"private, as it has {keys[0]}"
    else:
        return
    text = f"the sandbox's Python is installed in {prefix}, which is {why}; give it one of its own"
    raise Failure("python", 0, text)


def _person(user: pwd.struct_passwd) -> bool:
    return 1000 <= user.pw_uid < 60_000  # FIRST_UID and LAST_UID of adduser.conf(5)


def _moved(script: bytes, *venv: str) -> bytes:
    """Return a console script whose first line has the interpreter's path in the sandbox."""
    first, newline, rest = script.partition(b"\n")
    if first.startswith(b"#!") and any(os.fsencode(name) in first for name in venv):
        first = f"#!{VENV}/bin/python".encode()
    return first + newline + rest

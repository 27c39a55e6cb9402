"""Folders that are not lent, because they hold far more than a project, or our own state."""

from __future__ import annotations

import os
import pwd
import sys
from typing import TYPE_CHECKING

from bellglass.sandboxes.folders.hidden_names import is_hidden

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# fmt: off
_WIDE = frozenset((
    "/", "/home", "/root", "/usr", "/opt", "/var", "/srv", "/mnt", "/media", "/tmp", "/var/tmp",
    "/lib", "/lib64", "/bin", "/sbin", "/snap", "/Users", "/Volumes", "/Library", "/private",
))
# fmt: on
"""Folders of the system with things of all kinds in them; one below them may be lent."""

_SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/boot", "/run", "/var/run", "/var/lib/docker")
"""Folders of the system, of which nothing is lent: they hold sockets, devices and keys."""

_REMOVABLE = "/run/media"  # where desktops mount memory sticks

_BASES = {
    "XDG_CACHE_HOME": ".cache",
    "XDG_STATE_HOME": ".local/state",
    "XDG_DATA_HOME": ".local/share",
    "XDG_CONFIG_HOME": ".config",
}
"""Where programs keep what is theirs (basedir-spec of freedesktop.org)."""


def reason_to_refuse(path: str, show: Sequence[str] = ()) -> str:
    """Return why the folder at `path`, which has no links, is not lent; "" if it may be."""
    if not os.path.exists(path):
        return "there is nothing at this path"
    if not os.path.isdir(path):
        return "it is not a folder"
    if path in _WIDE:
        return "it holds far more than one project. Lend a folder in it"
    if _is_in(path, _SYSTEM) and not path.startswith(_REMOVABLE + "/"):
        return "it belongs to the system"
    for home in _homes():
        if path == home or home.startswith(path + "/"):
            what = "a home directory" if path == home else f"above the home directory {home}"
            return f"it is {what}, with keys and mail in it. Lend a folder in it"
    for name in path.split("/"):
        if name and is_hidden(name, show):
            return f"{name!r} usually holds secrets"
    for ours in own_paths():
        if path == ours or ours.startswith(path + "/") or path.startswith(ours + "/"):
            return f"bellglass keeps its own state in {ours}"
    return ""


def reason_of_key(path: str, key: str | None) -> str:
    """Return why a folder is not lent that holds `key`, a file of the server; "" if it does not."""
    if key is None or not os.path.realpath(os.path.expanduser(key)).startswith(path + "/"):
        return ""
    return f"it holds {key}, which the server reads. Move that elsewhere"


def own_paths() -> Iterator[str]:
    """Return the folders in which a bellglass of this user keeps its state."""
    home = os.path.realpath(os.path.expanduser("~"))
    for variable, usual in _BASES.items():
        base = os.environ.get(variable, "")
        yield os.path.realpath(os.path.join(base or os.path.join(home, usual), "bellglass"))
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        yield os.path.realpath(os.path.join(runtime, "bellglass"))


def reason_not_to_write(path: str) -> str:
    """Return why a folder is not lent to be written to; "" if it may be."""
    for program in (os.path.realpath(sys.prefix), os.path.realpath(__file__)):
        if program == path or program.startswith(path + "/") or path.startswith(program + "/"):
            return "it holds the program that serves. Lend it as a copy (`:copy`)"
    return ""


def _homes() -> set[str]:
    people = (
        user for user in pwd.getpwall() if user.pw_uid in (0, os.getuid()) or user.pw_uid >= 1000
    )
    homes = {os.path.realpath(user.pw_dir) for user in people}
    homes.add(os.path.realpath(os.path.expanduser("~")))
    # Accounts without a home have one of these.
    return homes - {"/", "/nonexistent", "/var/empty"}


def _is_in(path: str, folders: Sequence[str]) -> bool:
    return any(path == folder or path.startswith(folder + "/") for folder in folders)

"""The command with which a client starts this program.

It never contains a name that a package index resolves: bellglass is on no public index, so anybody
who registered the name there could run code at the client's next start.
"""

import hashlib
import json
import os
import re
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from bellglass.sandboxes.setup.environments import user_data

NAME = "bellglass"

_ADVICE = (
    "Install it to stay (`uv tool install FILE`, or `pipx install FILE`), and run its `install`."
)


class NoLaunchCommand(Exception):
    """No command is sure to start this program; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class LaunchCommand:
    """A command, and the wheel of which it needs a copy."""

    words: list[str]
    wheel: Path | None = None
    copy: Path | None = None

    def keep_wheel(self) -> None:
        """Copy the wheel to where the command expects it.

        Raises:
            NoLaunchCommand: The copy cannot be written.
        """
        if self.wheel is None or self.copy is None or self.copy.exists():
            return
        partial = self.copy.with_name(f".{self.copy.name}.{os.getpid()}")
        try:
            self.copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.wheel, partial)
            if _sha256(partial) != self.copy.parent.name:
                raise NoLaunchCommand(f"{self.wheel} has just been changed. Try again.")
            os.replace(partial, self.copy)
        except OSError as exc:
            reason = f"{self.wheel} cannot be copied to {self.copy}: {exc.strerror}."
            raise NoLaunchCommand(reason) from exc
        finally:
            partial.unlink(missing_ok=True)


def launch_command() -> LaunchCommand:
    """Return a command with absolute paths, because clients often have another PATH.

    Raises:
        NoLaunchCommand: This program is in a cache that will be cleared, and its origin is not sure
            to provide the same program again.
    """
    program = Path(sys.executable).with_name(NAME)
    if not _is_temporary(program):
        if program.exists():
            return LaunchCommand([str(program)])
        return LaunchCommand([sys.executable, "-m", "bellglass.server.cli"])
    uvx = shutil.which("uvx")
    if uvx is None or not _is_of_uv(program):
        raise NoLaunchCommand(f"this bellglass is in a cache that will be cleared. {_ADVICE}")
    return _by_uvx(uvx, _origin())


def shared(command: LaunchCommand) -> LaunchCommand:
    """Return a command for a file that others share: names on their PATH, no path of one's own.

    Raises:
        NoLaunchCommand: It cannot do without such a path.
    """
    program, *arguments = command.words
    name = Path(program).name
    if name not in (NAME, "uvx") or any(Path(word).is_absolute() for word in arguments):
        raise NoLaunchCommand(
            "the file of a project is shared, and this bellglass is at a path of your own. "
            + _ADVICE
        )
    return LaunchCommand([name, *arguments])


def _by_uvx(uvx: str, origin: dict[str, Any]) -> LaunchCommand:
    url = str(origin.get("url", ""))
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        return LaunchCommand([uvx, "--from", f"{vcs['vcs']}+{url}@{vcs['commit_id']}", NAME])
    if urlsplit(url).scheme != "file":
        came = f"from {url.partition('#')[0]}" if url else "from an index, by its name"
        raise NoLaunchCommand(
            f"this bellglass came {came}, and what is there at the client's next start may be "
            f"somebody else's. {_ADVICE}"
        )
    path = Path(url2pathname(unquote(urlsplit(url).path)))
    if not path.exists():
        raise NoLaunchCommand(f"{path}, which this bellglass came from, is gone. {_ADVICE}")
    if path.is_dir():
        return LaunchCommand([uvx, "--from", str(path), NAME])
    # uvx does not verify hashes (as of 0.13, not even those in a URL). So the client gets a copy in
    # a directory named by the hash: a changed wheel at the old path does not affect it.
    copy = user_data() / NAME / "wheels" / _sha256(path) / path.name
    return LaunchCommand([uvx, "--from", str(copy), NAME], path, copy)


def _origin() -> dict[str, Any]:
    """Return the origin that the installer recorded (PEP 610); empty if it was an index."""
    try:
        origin: dict[str, Any] = json.loads(distribution(NAME).read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return {}
    return origin


def _is_temporary(program: Path) -> bool:
    """Whether uvx or `pipx run` installed it, in a cache that will be cleared."""
    return _is_of_uv(program) or {"pipx", ".cache"} <= set(program.parts)


def _is_of_uv(program: Path) -> bool:
    return any(re.fullmatch(r"archive-v\d+", part) for part in program.parts)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""The command by which a client starts this program.

It never has a name that an index resolves: bellglass is on no public index, so whoever registers
the name there would run code at the client's next start.
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

from bellglass.sandboxes.backends.embedded.python import user_data

NAME = "bellglass"

_ADVICE = (
    "Install it to stay (`uv tool install FILE`, or `pipx install FILE`), and run its `install`."
)


class NoLaunchCommand(Exception):
    """No command would start this very program; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class LaunchCommand:
    """A command, and the wheel that it needs a copy of."""

    words: list[str]
    wheel: Path | None = None
    copy: Path | None = None

    def keep_wheel(self) -> None:
        """Put the copy in its place.

        Raises:
            NoLaunchCommand: It cannot be written.
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
    """Return how to start this program from anywhere: clients often have another PATH.

    Raises:
        NoLaunchCommand: It is in a folder that will be cleared, and came from where the same
            program cannot be had again for sure.
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
    # uvx compares no hash (0.13 does not, also where the URL has one). So what the client is given
    # is a copy below its hash: another wheel under the old name changes nothing for it.
    copy = user_data() / NAME / "wheels" / _sha256(path) / path.name
    return LaunchCommand([uvx, "--from", str(copy), NAME], path, copy)


def _origin() -> dict[str, Any]:
    """Return what the installer noted of where it found us (PEP 610); nothing for an index."""
    try:
        origin: dict[str, Any] = json.loads(distribution(NAME).read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return {}
    return origin


def _is_temporary(program: Path) -> bool:
    """Whether it is what uvx or `pipx run` made, which lasts until a cache is cleared."""
    return _is_of_uv(program) or {"pipx", ".cache"} <= set(program.parts)


def _is_of_uv(program: Path) -> bool:
    return any(re.fullmatch(r"archive-v\d+", part) for part in program.parts)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

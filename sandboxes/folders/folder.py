"""A lent folder, as an operator names it: `[NAME=]PATH[:MODE][,show=NAMES][,python=VENV]`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bellglass.sandboxes.common.lent_copies import BASES, LAYERS, ROOT
from bellglass.sandboxes.folders.refusals import reason_not_to_write, reason_to_refuse

if TYPE_CHECKING:
    from collections.abc import Iterable

Mode = Literal["ro", "copy", "rw"]

MODES: tuple[Mode, ...] = ("ro", "copy", "rw")

MAX_FOLDERS = 16

SEPARATOR = ";"
"""Between several folders in one variable."""

_WRITTEN = re.compile(
    r"((?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,63})=)?(?P<path>.+?)(:(?P<mode>ro|copy|rw))?"
    r"(?P<options>(,(show|python)=[^,]*)*)",
    re.DOTALL,
)

PLACEHOLDER = "${"
"""Begins a variable in a client's configuration, which the client replaces before it starts us."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """A folder of this machine that sessions see."""

    name: str
    path: str
    """Its absolute path on this machine, without links."""

    mode: Mode = "ro"
    """`ro`: sessions read it. `copy`: each session changes files of its own, over the folder's.
    `rw`: sessions change the folder."""

    show: tuple[str, ...] = ()
    """Names that are shown although they usually hold secrets; `*` stands for all."""

    python: str | None = None
    """The virtual environment in it whose Python runs its tests; a path relative to it."""

    @property
    def target(self) -> str:
        """Its path in a sandbox."""
        return f"{ROOT}/{self.name}"

    @property
    def base(self) -> str:
        """The path in a sandbox of the folder itself, read-only; that of `copy` is beside it."""
        return f"{BASES}/{self.name}" if self.mode == "copy" else self.target

    @property
    def layer(self) -> str:
        """The path in a sandbox of the files that were changed, where there is an overlay."""
        return f"{LAYERS}/{self.name}"


def parse_all(texts: Iterable[str]) -> tuple[Folder, ...]:
    """Return the folders that a setting names, each text one or several.

    Raises:
        ValueError: One of them is not written as a folder, or must not be lent.
    """
    parts = [part.strip() for text in texts for part in text.split(SEPARATOR)]
    # A part with a mode alone is what is left of a folder that nobody has chosen.
    folders = tuple(parse(part) for part in parts if part and part[1:] not in MODES)
    names = [folder.name.casefold() for folder in folders]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two folders are called {name!r}: give each a name of its own")
    if len(folders) > MAX_FOLDERS:
        raise ValueError(f"there are {len(folders)} folders; at most {MAX_FOLDERS} can be lent")
    return folders


def parse(text: str) -> Folder:
    """Return the folder that `text` names.

    Raises:
        ValueError: It is not written as a folder, or the folder must not be lent.
    """
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not NAME=PATH[:MODE]")
    modes: dict[str, Mode] = {mode: mode for mode in MODES}
    mode = modes.get(str(found["mode"] or "ro"))
    if mode is None:
        raise ValueError(f"{text!r}: there is no mode {found['mode']!r}, only {', '.join(MODES)}")
    options = [part.partition("=") for part in found["options"].split(",")[1:]]
    show = tuple(value.strip() for key, _, value in options if key == "show" and value.strip())
    path = os.path.realpath(os.path.expanduser(found["path"]))
    if PLACEHOLDER in found["path"]:
        return Folder(name=found["name"] or "folder", path=found["path"], mode=mode, show=show)
    reason = reason_to_refuse(path, show)
    if reason or (reason := reason_not_to_write(path) if mode == "rw" else ""):
        raise ValueError(f"{found['path']!r} cannot be lent: {reason}")
    python = next((value.strip() for key, _, value in options if key == "python"), None)
    if python is not None and (os.path.isabs(python) or ".." in python.split("/")):
        raise ValueError(f"python={python!r} is no virtual environment in the folder, as .venv is")
    name = found["name"] or _name_of(path)
    return Folder(name=name, path=path, mode=mode, show=show, python=python or None)


def _name_of(path: str) -> str:
    """Return a name for a folder that was given none: its own, as far as it can be one."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", os.path.basename(path)).strip("-._")
    return name[:64] or "folder"


def absolute(text: str) -> str:
    """Return a setting with absolute paths, for a server that starts in another directory."""
    parts = []
    for part in text.split(SEPARATOR):
        found = _WRITTEN.fullmatch(part.strip())
        if found is not None and PLACEHOLDER not in found["path"]:
            path = os.path.abspath(os.path.expanduser(found["path"]))
            start, end = found.span("path")
            part = found.string[:start] + path + found.string[end:]
        parts.append(part)
    return SEPARATOR.join(parts)

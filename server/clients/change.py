"""Plan and verify a change of a configuration file before writing it."""

import copy
import difflib
import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from bellglass.server.clients import jsonc, toml_file, yaml_file
from bellglass.server.clients.errors import CannotEdit
from bellglass.server.clients.remote import KEYS

MIN_HIDDEN_CHARACTERS = 6
"""Shorter values are no secrets, and stand in other words."""

FORMS: dict[str, ModuleType] = {"json": jsonc, "toml": toml_file, "yaml": yaml_file}


@dataclass(frozen=True, slots=True)
class Change:
    """The old and the new content of a file."""

    path: Path
    before: bytes | None
    after: bytes
    hidden: tuple[str, ...] = ()
    """Values of other entries, some of which are secrets: a diff does not show them."""
    private: bool = False
    """Whether it holds a secret, so that only the user may read the file."""

    @property
    def empty(self) -> bool:
        return self.before == self.after or (self.before is None and not self.after)

    def diff(self) -> str:
        """Return the changed lines as a unified diff, without the values of other entries."""
        old, new = (
            (text or b"").decode("utf-8").splitlines(keepends=True)
            for text in (self.before, self.after)
        )
        name = str(self.path)
        shown = difflib.unified_diff(old, new, fromfile=name, tofile=name, n=0)
        text = "".join(line if line.endswith("\n") else f"{line}\n" for line in shown)
        for value in sorted(self.hidden, key=len, reverse=True):
            text = text.replace(value, "(hidden)")
        return re.sub(r"Bearer [\w.~+/=-]+", "Bearer (hidden)", text)

    def write(self) -> Path | None:
        """Replace the file atomically; return the path of the backup, if there was a file.

        Raises:
            CannotEdit: The file has changed since it was read, or cannot be written.
        """
        path = Path(os.path.realpath(self.path))  # a link stays a link; its target is replaced
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if _read(path) != self.before:
                raise CannotEdit("another program has just changed it. Try again")
            backup = None
            mode = 0o600
            if self.before is not None:
                mode = 0o600 if self.private else stat.S_IMODE(path.stat().st_mode)
                backup = path.with_name(f"{path.name}.bellglass.bak")  # one, of the last change
                _put(backup, self.before, mode)
            _put(path, self.after, mode)
        except OSError as exc:
            raise CannotEdit(f"it cannot be written: {exc.strerror}") from exc
        return backup


Edits = Mapping[tuple[str, str], dict[str, Any] | None]
"""New entries by section and name; None for those to remove."""


def planned(path: Path, form: str, edits: Edits, *, private: bool = False) -> Change:
    """Return the change that sets entries, or removes them.

    An existing entry keeps its other keys. The new text is parsed and compared with the expected
    data, so that an error of our editor cannot damage a file.

    Raises:
        CannotEdit: The file cannot be parsed, or the new text would have other data than expected.
    """
    before = _read(path)
    editor = FORMS[form]
    try:
        text = (before or b"").decode("utf-8")
    except UnicodeDecodeError as exc:
        raise CannotEdit("it is not UTF-8 text") from exc
    crlf = "\r\n" in text
    text = text.replace("\r\n", "\n")
    others = editor.parse(text)
    after = text
    for (section, name), entry in edits.items():
        after = _edited(editor, after, section, name, entry)
        _put_in(others, editor, section, name, None)
    if after == text:
        return Change(path, before, before or b"")
    written = after.replace("\n", "\r\n") if crlf else after
    hidden = tuple(
        spelt
        for value in _texts(others)
        if len(value) >= MIN_HIDDEN_CHARACTERS
        for spelt in (value, json.dumps(value, ensure_ascii=False)[1:-1])
    )
    return Change(path, before, written.encode(), hidden, private)


def _edited(
    editor: ModuleType, text: str, section: str, name: str, entry: dict[str, Any] | None
) -> str:
    """Return the text with one entry set or removed."""
    wanted = copy.deepcopy(editor.parse(text))
    if entry is not None:
        entry = _merged(_held(wanted, editor, section, name), entry)
    _put_in(wanted, editor, section, name, entry)
    if _without_empty(editor.parse(text), section) == _without_empty(wanted, section):
        return text
    if entry is None:
        after: str = editor.without_entry(text, section, name)
    else:
        after = editor.with_entry(text, section, name, entry)
    if _without_empty(editor.parse(after), section) != _without_empty(wanted, section):
        raise CannotEdit("it has a form that cannot be edited safely. Edit it by hand")
    return after


def _texts(data: Any) -> Iterator[str]:
    match data:
        case str():
            yield data
        case dict():
            for value in data.values():
                yield from _texts(value)
        case list():
            for value in data:
                yield from _texts(value)


def _held(
    data: dict[str, Any], editor: ModuleType, section: str, name: str
) -> dict[str, Any] | None:
    held = data.get(section)
    if isinstance(held, list):
        key = editor.LISTS.get(section, "name")
        held = {item.get(key): item for item in held if isinstance(item, dict)}
    found = held.get(name) if isinstance(held, dict) else None
    return found if isinstance(found, dict) else None


def _merged(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    kept = dict(old or {})
    if _is_remote(kept) != _is_remote(new):
        kept = {key: value for key, value in kept.items() if key not in KEYS}
    merged = {**kept, **new}
    for key in ("env", "envs"):
        if isinstance(kept.get(key), dict):
            merged[key] = {**new.get(key, {}), **kept[key]}
    return merged


def _is_remote(entry: dict[str, Any]) -> bool:
    return not {"command", "cmd"} & entry.keys()


def _put_in(
    data: dict[str, Any], editor: ModuleType, section: str, name: str, entry: dict[str, Any] | None
) -> None:
    """Apply to plain data the change that is made to the text."""
    held = data.get(section)
    if held is None:
        held = [] if section in editor.LISTS else {}
    if isinstance(held, list) and section in editor.LISTS:
        key = editor.LISTS[section]
        names = [item.get(key) if isinstance(item, dict) else None for item in held]
        at = names.index(name) if name in names else len(held)
        held[at : at + 1] = [] if entry is None else [entry]
    elif not isinstance(held, dict):
        raise CannotEdit(f"its {section!r} is not an object")
    elif entry is not None:
        held[name] = entry
    else:
        held.pop(name, None)
    data[section] = held


def _without_empty(data: dict[str, Any], section: str) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != section or value}


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise CannotEdit(f"it cannot be read: {exc.strerror}") from exc


def _put(path: Path, data: bytes, mode: int) -> None:
    """Write a file atomically."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise

"""TOML: a table of its own at the end of the file, every other line stays."""

import json
import re
import tomllib
from typing import Any

from bellglass.server.clients.errors import CannotEdit

_HEADER = re.compile(r"^\s*\[")


def parse(text: str) -> dict[str, Any]:
    """Return what `text` says."""
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as exc:
        raise CannotEdit(f"it is no TOML: {exc}") from exc


def with_entry(text: str, section: str, name: str, entry: dict[str, Any]) -> str:
    """Return `text` with `entry` as the table `[section.name]`."""
    kept = without_entry(text, section, name).rstrip("\n")
    lines = [f"[{section}.{name}]", *(f"{key} = {_value(value)}" for key, value in entry.items())]
    return "\n".join([kept, "", *lines, ""]).lstrip("\n")


def without_entry(text: str, section: str, name: str) -> str:
    """Return `text` without that table and those below it."""
    quoted = rf'(?:"{re.escape(name)}"|{re.escape(name)})'
    own = re.compile(rf"^\s*\[\s*{re.escape(section)}\s*\.\s*{quoted}\s*[.\]]")
    kept: list[str] = []
    ours = False
    for line in text.splitlines(keepends=True):
        if _HEADER.match(line):
            ours = own.match(line) is not None
        if not ours:
            kept.append(line)
    return "".join(kept)


def _value(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False)  # a basic string of TOML as well
        case int() | float():
            return str(value)
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            members = (f"{json.dumps(key)} = {_value(item)}" for key, item in value.items())
            return f"{{ {', '.join(members)} }}"
    raise CannotEdit(f"it has {value!r}, which would have to be written anew")

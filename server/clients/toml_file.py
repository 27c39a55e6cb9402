"""Edit TOML with tomlkit, which keeps comments and layout. An optional extra, for one client."""

import json
import tomllib
from typing import TYPE_CHECKING, Any

from bellglass.server.clients.errors import CannotEdit

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


LISTS: dict[str, str] = {}
"""Sections that are lists: none."""


def parse(text: str) -> dict[str, Any]:
    """Return the data in `text`, as plain values."""
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as exc:
        raise CannotEdit(f"it is not TOML: {exc}") from exc


def with_entry(text: str, section: str, name: str, entry: dict[str, Any]) -> str:
    """Return `text` with `entry` as the table `[section.name]`."""
    document = _document(text)
    import tomlkit
    from tomlkit.items import InlineTable

    if section not in document:
        document[section] = tomlkit.table(is_super_table=True)
    servers: Any = document[section]
    table = tomlkit.inline_table() if isinstance(servers, InlineTable) else tomlkit.table()
    table.update(entry)
    servers[name] = table
    return tomlkit.dumps(document)


def without_entry(text: str, section: str, name: str) -> str:
    """Return `text` without that table and its subtables."""
    document = _document(text)
    servers: Any = document.get(section, {})
    if name not in servers:
        return text
    del servers[name]
    return document.as_string()


def written(section: str, name: str, entry: dict[str, Any]) -> str:
    """Return the table as text; values of an entry are written the same in TOML and in JSON."""
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items())
    return "\n".join([f"[{section}.{name}]", *lines, ""])


def _document(text: str) -> "TOMLDocument":
    try:
        import tomlkit
    except ImportError as exc:
        raise CannotEdit(
            "editing TOML needs tomlkit, in bellglass's environment: pip install tomlkit"
        ) from exc
    return tomlkit.parse(text.removeprefix("\ufeff"))

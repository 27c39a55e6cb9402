"""Edit YAML with ruamel.yaml, which keeps comments, order and quotes. An optional extra."""

from io import StringIO
from typing import Any

from bellglass.server.clients.errors import CannotEdit

LISTS = {"mcpServers": "name"}
"""Sections that are lists and not mappings, and the key of an entry's name."""


def parse(text: str) -> dict[str, Any]:
    """Return the data in `text`, as plain values."""
    loaded = _load(text, kind="safe")
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise CannotEdit("it is YAML, but not a mapping")
    return loaded


def with_entry(text: str, section: str, name: str, entry: dict[str, Any]) -> str:
    """Return `text` with `entry` set in the mapping or list `section`."""
    data = _load(text, kind="rt")
    if data is None:
        data = {}
    listed = section in LISTS
    if data.get(section) is None:
        data[section] = [] if listed else {}
    held = data[section]
    if isinstance(held, list) is not listed:
        raise CannotEdit(f"its {section!r} has another form")
    if isinstance(held, list):
        for index, item in enumerate(held):
            if isinstance(item, dict) and item.get("name") == name:
                held[index] = entry
                break
        else:
            held.append(entry)
    else:
        held[name] = entry
    return _dumped(data, text)


def without_entry(text: str, section: str, name: str) -> str:
    """Return `text` without the entry."""
    data = _load(text, kind="rt")
    held = data.get(section) if isinstance(data, dict) else None
    if isinstance(held, list):
        places = [at for at, item in enumerate(held) if item.get("name") == name]
        for at in reversed(places):
            del held[at]
    elif isinstance(held, dict) and name in held:
        del held[name]
    else:
        return text
    return _dumped(data, text)


def _yaml(kind: str) -> Any:
    try:
        from ruamel.yaml import YAML
    except ImportError as exc:
        raise CannotEdit(
            "editing YAML needs ruamel.yaml, in bellglass's environment: pip install ruamel.yaml"
        ) from exc
    yaml = YAML(typ=kind, pure=True)
    yaml.preserve_quotes = True
    yaml.width = 10_000  # do not wrap long lines
    return yaml


def _load(text: str, *, kind: str) -> Any:
    yaml = _yaml(kind)
    from ruamel.yaml.error import YAMLError

    try:
        return yaml.load(text)
    except YAMLError as exc:
        raise CannotEdit(f"it is not YAML: {str(exc).splitlines()[0]}") from exc


def _dumped(data: Any, text: str) -> str:
    yaml = _yaml("rt")
    if "\n  - " in text or "\n    - " in text:
        yaml.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    yaml.dump(data, out)
    return out.getvalue()

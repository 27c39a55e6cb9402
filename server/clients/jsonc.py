"""Edit JSON with comments: set or remove one member, and keep every other character.

We wrote it because no Python library for this is both maintained and self-contained: json-five has
had no release since 2024, and jsonc-edit starts Node.js and downloads its parser with npm.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from bellglass.server.clients.errors import CannotEdit

_TOKEN = re.compile(
    r'(?P<string>"(?:\\.|[^"\\\n])*")|(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<comma>,)|(?P<space>\s+)|.',
    re.DOTALL,
)
_SPACE = re.compile(r"\s*")

LISTS = {"inputs": "id"}
"""Sections that are lists of objects, and the key of an object's name."""


@dataclass(frozen=True, slots=True)
class _Member:
    key: str
    start: int
    """Position of the key."""
    value: int
    end: int
    """Position after the value."""


@dataclass(frozen=True, slots=True)
class _Object:
    start: int
    """Position of the opening brace, or bracket: a list counts as an object with keys."""
    members: list[_Member]
    end: int
    """Position of the closing brace."""

    def member(self, key: str) -> _Member | None:
        return next((member for member in self.members if member.key == key), None)


def parse(text: str) -> dict[str, Any]:
    """Return the object in `text`; an empty text is an empty object."""
    bare = _bare(text)
    if not bare.strip():
        return {}
    try:
        value = json.loads(bare)
    except ValueError as exc:
        raise CannotEdit(f"it is not JSON: {exc}") from exc
    if not isinstance(value, dict):
        raise CannotEdit("it is JSON, but not an object")
    return value


def with_entry(text: str, section: str, name: str, entry: dict[str, Any]) -> str:
    """Return `text` with `entry` as the member `name` of the object, or list, `section`."""
    alone = [entry] if section in LISTS else {name: entry}
    if not parse(text):
        return json.dumps({section: alone}, indent=2, ensure_ascii=False) + "\n"
    root = _object(_bare(text), _bare(text).index("{"))
    found = root.member(section)
    if found is None:
        return _inserted(text, root, section, alone)
    inner = _section(text, found)
    old = inner.member(name)
    if old is None:
        return _inserted(text, inner, name, entry)
    indent = _indentation(text, old.start)
    return text[: old.value] + _written(text, entry, indent) + text[old.end :]


def without_entry(text: str, section: str, name: str) -> str:
    """Return `text` without the member `name` of the object, or list, `section`."""
    root = _object(_bare(text), _bare(text).index("{"))
    found = root.member(section)
    inner = _section(text, found) if found is not None else None
    gone = inner.member(name) if inner is not None else None
    if inner is None or gone is None:
        return text
    bare = _masked(text)
    index = inner.members.index(gone)
    start = gone.start - len(text[: gone.start]) + len(text[: gone.start].rstrip())
    after = bare[gone.end : inner.end]
    end = gone.end
    if after.lstrip().startswith(","):
        end += after.index(",") + 1
    elif index:  # the last member: remove the comma before it too
        previous = inner.members[index - 1].end
        comma = previous + bare[previous : gone.start].index(",")
        if comma >= start:
            return text[:comma] + text[end:]
        return text[:comma] + text[comma + 1 : start] + text[end:]
    return text[:start] + text[end:]


def _section(text: str, member: _Member) -> _Object:
    bare = _bare(text)
    if member.key in LISTS:
        if bare[member.value] != "[":
            raise CannotEdit(f"its {member.key!r} is not a list")
        return _list(bare, member.value, LISTS[member.key])
    if bare[member.value] != "{":
        raise CannotEdit(f"its {member.key!r} is not an object")
    return _object(bare, member.value)


def _inserted(text: str, into: _Object, name: str, value: Any) -> str:
    """Return `text` with a new member at the end of an object."""
    bare = _masked(text)
    body = text[into.start + 1 : into.end]
    lines = "\n" in body or not into.members
    if into.members and lines and _starts_line(text, into.members[-1].start):
        indent = _indentation(text, into.members[-1].start)
    else:
        indent = _indentation(text, into.start) + _unit(text)
    key = f"{json.dumps(name)}: " if text[into.start] == "{" else ""
    member = f"{key}{_written(text, value, indent)}"
    comma, at = "", into.start + 1
    if into.members:
        at = into.members[-1].end
        comma = "" if "," in bare[at : into.end] else ","
    # Insert after anything that follows the last member, such as a comment.
    rest = text[at : into.end].rstrip()
    if not lines:
        return f"{text[:at]}{comma}{rest} {member}{text[at + len(rest) :]}"
    closing = text[at + len(rest) :]
    if "\n" not in text[at + len(rest) : into.end]:
        closing = f"\n{_indentation(text, into.start)}{closing.lstrip()}"
    return f"{text[:at]}{comma}{rest}\n{indent}{member}{closing}"


def _written(text: str, value: Any, indent: str) -> str:
    lines = json.dumps(value, indent=_unit(text), ensure_ascii=False).split("\n")
    return f"\n{indent}".join(lines)


def _unit(text: str) -> str:
    """Return one level of indentation as used in the text."""
    found = re.search(r"\n([ \t]+)\S", text)
    return found[1] if found else "  "


def _indentation(text: str, at: int) -> str:
    """Return the white space at the start of the line."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def _starts_line(text: str, at: int) -> bool:
    return not text[text.rfind("\n", 0, at) + 1 : at].strip()


def _object(bare: str, start: int) -> _Object:
    """Return the positions of the members of the object at `start`, in text without comments."""
    decoder = json.JSONDecoder()
    members = []
    at = _skip(bare, start + 1)
    while bare[at] != "}":
        key, end = decoder.raw_decode(bare, at)
        value = _skip(bare, _skip(bare, end) + 1)
        _, after = decoder.raw_decode(bare, value)
        members.append(_Member(key, at, value, after))
        at = _skip(bare, after)
        if bare[at] == ",":
            at = _skip(bare, at + 1)
    return _Object(start, members, at)


def _list(bare: str, start: int, key: str) -> _Object:
    """Return the positions of the elements of the list at `start`; `key` has their names."""
    decoder = json.JSONDecoder()
    members = []
    at = _skip(bare, start + 1)
    while bare[at] != "]":
        element, after = decoder.raw_decode(bare, at)
        name = str(element.get(key)) if isinstance(element, dict) else ""
        members.append(_Member(name, at, at, after))
        at = _skip(bare, after)
        if bare[at] == ",":
            at = _skip(bare, at + 1)
    return _Object(start, members, at)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _bare(text: str) -> str:
    """Return `text` as JSON of the same length, with spaces for comments and trailing commas."""
    masked = _masked(text)
    return re.sub(r'("(?:\\.|[^"\\\n])*")|,(?=\s*[}\]])', lambda found: found[1] or " ", masked)


def _masked(text: str) -> str:
    """Return `text` with spaces in place of comments and of a byte order mark."""

    def shown(found: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", found[0]) if found.lastgroup == "comment" else found[0]

    return _TOKEN.sub(shown, text).replace("\ufeff", " ")

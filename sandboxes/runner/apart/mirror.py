"""Lists, dicts, sets and their like that two processes hold a copy of each.

Before each message the sender looks which of them it has changed and sends their new content. So
code that sorts the list of its caller, or returns one that it was given, does so here as well.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from operator import is_not
from typing import Any

MOST = 64
"""Containers that are kept alike; the oldest are forgotten first."""

MOST_ITEMS = 5_000
"""Items in all of them: each is looked at before each message."""


def _items_of_dict(value: Any) -> list[Any]:
    return [part for entry in dict.items(value) for part in entry]


def _fill_dict(value: Any, items: list[Any]) -> None:
    dict.clear(value)
    for key, item in zip(items[::2], items[1::2]):
        dict.__setitem__(value, key, item)


def _fill_list(value: Any, items: list[Any]) -> None:
    value[:] = items


def _fill_others(value: Any, items: list[Any]) -> None:
    value.clear()
    value.update(items) if isinstance(value, set) else value.extend(items)


Kind = tuple[str, Callable[[Any], list[Any]], Callable[[Any, list[Any]], None]]

KINDS: dict[type, Kind] = {
    list: ("l", list, _fill_list),
    dict: ("d", _items_of_dict, _fill_dict),
    set: ("s", list, _fill_others),
    bytearray: ("y", lambda value: [value.hex()], lambda value, items: None),
    collections.deque: ("q", list, _fill_others),
    collections.OrderedDict: ("o", _items_of_dict, _fill_dict),
    collections.Counter: ("n", _items_of_dict, _fill_dict),
    collections.defaultdict: ("e", _items_of_dict, _fill_dict),
}
TYPES = {kind[0]: (type_, kind[2]) for type_, kind in KINDS.items()}

Encode = Callable[[Any], Any]


class Mirror:
    """One side's table of the containers that the other has as well, by key."""

    def __init__(self, side: str) -> None:
        self._side = side
        self._count = 0
        self._known: dict[str, tuple[Any, list[Any]]] = {}
        """The container, and the items that the other side has in it."""
        self._keys: dict[int, str] = {}

    def encode(self, value: Any, kind: Kind, encode: Encode) -> list[Any]:
        key = self._keys.get(id(value))
        if key is not None:
            return ["@", key]
        self._count += 1
        key = f"{self._side}{self._count}"
        tag, items_of, _ = kind
        items = items_of(value)
        self._note(key, value, items)
        size = value.maxlen if tag == "q" else None
        return [tag, key, size, *map(encode, items)]

    def decode(self, message: list[Any], decode: Encode) -> Any:
        tag, key, size, *items = message
        type_, _ = TYPES[tag]
        value: Any = collections.deque(maxlen=size) if tag == "q" else type_()
        self._note(key, value, [])  # first, as it may hold itself
        self._fill(key, [decode(item) for item in items])
        return value

    def known(self, key: str) -> Any:
        return self._known[key][0]

    def changes(self, encode: Encode) -> list[Any]:
        """Return what has to be told of the containers that were changed here."""
        changed = []
        for key, (value, before) in list(self._known.items()):
            items = KINDS[type(value)][1](value)
            if len(items) != len(before) or any(map(is_not, items, before)):
                if type(value) is bytearray and items == before:
                    continue
                self._known[key] = (value, items)
                changed.append([key, *map(encode, items)])
        return changed

    def apply(self, changes: list[Any], decode: Encode) -> None:
        for key, *items in changes:
            self._fill(key, [decode(item) for item in items])

    def surplus(self) -> list[str]:
        """Return the keys of the oldest, more than can be kept alike."""
        total = sum(len(items) for _, items in self._known.values())
        keys = list(self._known)
        count = 0
        while count < len(keys) and (len(keys) - count > MOST or total > MOST_ITEMS):
            total -= len(self._known[keys[count]][1])
            count += 1
        return keys[:count]

    def forget(self, keys: list[str]) -> None:
        for key in keys:
            value, _ = self._known.pop(key, (None, []))
            self._keys.pop(id(value), None)

    def _note(self, key: str, value: Any, items: list[Any]) -> None:
        self._known[key] = (value, items)
        self._keys[id(value)] = key

    def _fill(self, key: str, items: list[Any]) -> None:
        value, _ = self._known[key]
        if type(value) is bytearray:
            value[:] = bytes.fromhex(items[0])
        else:
            TYPES[KINDS[type(value)][0]][1](value, items)
        self._known[key] = (value, KINDS[type(value)][1](value))

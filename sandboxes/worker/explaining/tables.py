"""The columns and rows of a pandas table that a missing label is compared with."""

from __future__ import annotations

import re
import sys
from typing import Any

from bellglass.sandboxes.common.similar import MAX_COMPARED_NAMES

# "['a', 'b'] not in index", "None of [Index(['a'], dtype='str')] are in the [columns]", "['a'] not
# found in axis"
_LISTED = re.compile(r"^\"?(?:None of \[)?(?:Index\()?\[['\"]([^'\"]+)['\"].*(?:not |are in the)")


def is_table(value: Any) -> bool:
    return _is(value, "DataFrame")


def labels(owner: Any) -> list[Any] | None:
    """Return the labels that a table accepts in brackets: columns, or the index of a series."""
    if _is(owner, "DataFrame"):
        return _first(owner.columns)
    return _first(owner.index) if _is(owner, "Series") else None


def rows(owner: Any) -> list[Any] | None:
    return _first(owner.index) if _is(owner, "DataFrame") or _is(owner, "Series") else None


def listed(message: str) -> str | None:
    """Return the missing name from a message about a list of names."""
    found = _LISTED.match(message)
    return found[1] if found else None


def _is(value: Any, name: str) -> bool:
    """Tell if `value` is of pandas' own class: a subclass may do anything."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and type(value) is vars(pandas).get(name)


def _first(index: Any) -> list[Any]:
    first: list[Any] = index[:MAX_COMPARED_NAMES].tolist()
    return first

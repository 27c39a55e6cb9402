"""Find names that are similar to a missing one."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from itertools import islice
from typing import Any

MAX_COMPARED_NAMES = 2_000
"""Maximum number of names that are compared."""

MAX_SIMILAR_NAMES = 3
MAX_LISTED_NAMES = 12
"""Maximum number of similar names, and of available names, that are reported."""

MAX_NAME_CHARACTERS = 80

_scandir = os.scandir
_close = difflib.get_close_matches


def like(wanted: str, names: Iterable[Any]) -> list[str]:
    texts = [
        name
        for name in islice(names, MAX_COMPARED_NAMES)
        if type(name) is str and len(name) <= MAX_NAME_CHARACTERS
    ]
    by_folded: dict[str, str] = {}
    for text in texts:
        by_folded.setdefault(text.lower(), text)
    folded = wanted.lower()[:MAX_NAME_CHARACTERS]
    close = _close(folded, list(by_folded), n=MAX_SIMILAR_NAMES, cutoff=0.7)
    return [by_folded[text] for text in close if by_folded[text] != wanted]


def listing(directory: str) -> list[str]:
    """Return the names in a directory, at most as many as are compared."""
    try:
        with _scandir(directory) as entries:
            return [entry.name for entry in islice(entries, MAX_COMPARED_NAMES)]
    except (OSError, ValueError):
        return []

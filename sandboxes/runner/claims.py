"""What a worker says of itself, in the shape that was agreed: the reply must hold.

It runs foreign code, which may answer in its place. What has another shape is dropped.
"""

from __future__ import annotations

import re
from typing import Any

from bellglass.sandboxes.runner import figures
from bellglass.sandboxes.runner.frames import Message

TEXT = 50_000
"""Characters of one text; our own code sends less."""

NAME = 1_000
"""Characters of a name, and of each of the values of names."""

ENTRIES = 20
"""Entries of a list or a record of an error."""

PNG_IN_BASE64 = re.compile("iVBORw0KGgo[A-Za-z0-9+/]*={0,2}")


def text(claim: object) -> str | None:
    return claim[:TEXT] if isinstance(claim, str) else None


def images(claim: object) -> list[str]:
    """As far as they are texts, and together what `figures` allows."""
    room = figures.ALL_BYTES * 4 // 3 + 100
    kept: list[str] = []
    for image in claim if isinstance(claim, list) else ():
        if len(kept) < figures.MOST and isinstance(image, str) and len(image) <= room:
            if len(image) % 4 or not PNG_IN_BASE64.fullmatch(image):
                continue
            kept.append(image)
            room -= len(image)
    return kept


def count(claim: object) -> int:
    return claim if isinstance(claim, int) and 0 <= claim < 1 << 48 else 0


def error(claim: Any) -> Message | None:
    """An exception, as `explaining.describe` has it."""
    texts = ("name", "message", "traceback")
    if not isinstance(claim, dict) or not all(isinstance(claim.get(key), str) for key in texts):
        return None
    kept: Message = {key: claim[key][:TEXT] for key in texts}
    kept["name"] = kept["name"][:NAME]
    kept["line"] = count(claim.get("line")) or None
    for key in ("where", "subject", "wanted"):
        kept[key] = _name(claim.get(key))
    kept["code"] = (text(claim.get("code")) or "")[:NAME]
    for key in ("near", "there"):
        names = claim.get(key)
        kept[key] = [_name(name) for name in names[:ENTRIES]] if isinstance(names, list) else []
    values = claim.get("values")
    entries = list(values.items())[:ENTRIES] if isinstance(values, dict) else []
    kept["values"] = {_name(name): _name(value) for name, value in entries}
    return kept


def _name(claim: object) -> str:
    return claim[:NAME] if isinstance(claim, str) else ""

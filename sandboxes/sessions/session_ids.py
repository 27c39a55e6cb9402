"""Ids of sessions."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

ID_BYTES = 16
"""128 bits: without authentication an id is also the key."""

_FORM = re.compile(f"[0-9a-f]{{{2 * ID_BYTES}}}")


def unused_id(*used: Container[str]) -> str:
    while True:
        session_id = secrets.token_hex(ID_BYTES)
        if not any(session_id in ids for ids in used):
            return session_id


def has_form(session_id: str) -> bool:
    """Tell if it may be the id of a session that another server has left."""
    return _FORM.fullmatch(session_id) is not None

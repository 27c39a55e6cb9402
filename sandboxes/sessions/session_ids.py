"""Ids of sessions: long where knowing one permits its use, short where a server has one user."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

ID_BYTES = 16
"""128 bits: without authentication an id is also the key."""

SHORT_ID_BYTES = 5
"""An id costs a model tokens in every call and every result: 9 in place of 21."""


class SessionIds:
    """Makes the ids of one server."""

    def __init__(self, *, short: bool) -> None:
        """`short`: the server has one user, so that knowing an id permits nothing."""
        self._bytes = SHORT_ID_BYTES if short else ID_BYTES
        self._form = re.compile(
            "|".join(f"[0-9a-f]{{{2 * size}}}" for size in (self._bytes, ID_BYTES))
        )

    def unused(self, *used: Container[str]) -> str:
        while True:
            session_id = secrets.token_hex(self._bytes)
            if not any(session_id in ids for ids in used):
                return session_id

    def has_form(self, session_id: str) -> bool:
        """Tell if it may be the id of a session that another server has left.

        A server with several users accepts no short one, which they could guess.
        """
        return self._form.fullmatch(session_id) is not None

"""Hashes by which what outlives a server is found again: they tell neither the id nor the owner."""

from __future__ import annotations

import hashlib


def hash_of_session(session_id: str) -> str:
    """Return a name for what is kept of a session; whoever asks for it has to know the id."""
    return hashlib.sha256(f"bellglass {session_id}".encode()).hexdigest()


def hash_of_caller(session_id: str, owner: str | None) -> str:
    """Return what is kept of whose a session is: for the same owner, another in each session."""
    text = "anybody" if owner is None else f"owner {owner}"
    return hashlib.sha256(f"{session_id} {text}".encode()).hexdigest()

"""What a server decides about its sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Required, TypedDict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bellglass.sandboxes.backend import Backend
    from bellglass.sandboxes.saving.store import SessionStore


class SessionOptions(TypedDict, total=False):
    """The options of `Sessions`."""

    max_sessions: Required[int]
    """How many there may be at a time."""
    idle_seconds: Required[float]
    """How long one lives without a call."""
    age_seconds: Required[float]
    """How long one lives at most."""
    detached_seconds: float
    """How long one that a client may name to another server outlives this one, if the backend
    can."""
    pool: int | None
    """How many are kept ready; None for the backend's default."""
    choose_for_checks: Callable[[], Awaitable[Backend | None]] | None
    """Makes another backend for checks of code, or returns None."""
    store: SessionStore | None
    """Where sessions are saved before they end."""
    clock: Callable[[], float]

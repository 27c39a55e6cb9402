"""What only some backends can do with a sandbox between its beginning and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.sandboxes.backend import Backend


class Lifecycle:
    """Pausing sandboxes, going on with them after the server, and looking after them.

    A backend that can do some of it derives from this class beside `Backend` and overrides what it
    can: `class CloudBackend(Backend, Lifecycle)`. The methods here are those of a backend that can
    do nothing of it.
    """

    def on_session_start(self, session_id: str, owner: str | None, created_at: float) -> None:
        """Take note of whose session it is, and of its beginning, in seconds since 1970.

        Called when a client gets the session; its sandbox may have been ready before. For a backend
        whose sandboxes outlive a server that was killed: see `reattach`. It raises nothing.
        """

    async def pause(self, session_id: str) -> bool:
        """Let the sandbox of an idle session sleep until it is used again; tell if it does.

        Called when a session in which nothing goes on has been idle for as long as it may. What is
        sent to a sleeping sandbox wakes it, with all its processes. Where the answer is no, the
        session is closed. It raises nothing.
        """
        return False

    async def reattach(self, session_id: str, owner: str | None) -> float | None:
        """Claim what a dead server left of a session; return when that began, None if nothing.

        Called when a client names a session that this server does not know. The next `connect` of
        that session tries to go on with that sandbox. `owner` must be whom `on_session_start`
        named. It raises nothing.
        """
        return None

    def may_live(self, session_id: str) -> bool:
        """Tell if a sandbox that could not be reached may live: the next `connect` tries again.

        Called when the stream of a sandbox has ended.
        """
        return False

    def used_seconds(self, session_id: str) -> float | None:
        """Estimate for how long the session's sandboxes have cost money, where they do.

        Called for `list_sessions` and the record of an execution.
        """
        return None

    async def maintain(self) -> None:
        """Do what is to be done as long as the server runs, such as ending what dead ones left.

        Runs in a task of its own from the first need of the backend on, until it is cancelled. What
        it raises ends the server, so it handles the failures of an engine itself.
        """


def lifecycle_of(backend: Backend) -> Lifecycle:
    """Return the backend as what it can do of this, or what can do nothing of it."""
    return backend if isinstance(backend, Lifecycle) else Lifecycle()

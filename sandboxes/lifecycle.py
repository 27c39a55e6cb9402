"""The lifecycle of sandboxes that only some backends control: pause, reattach, maintain."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.sandboxes.backend import Backend


class Lifecycle:
    """Pauses sandboxes, reattaches to them after a restart, and maintains them.

    A backend that can do some of this derives from this class beside `Backend` and overrides those
    methods: `class CloudBackend(Backend, Lifecycle)`. The methods here are those of a backend that
    can do none of it.
    """

    def on_session_start(self, session_id: str, owner: str | None, created_at: float) -> None:
        """Note the owner of a session, and its beginning in seconds since 1970.

        It is called when a client gets the session; its sandbox may have been ready before. It is
        for backends whose sandboxes outlive a killed server: see `reattach`. It raises nothing.
        """

    def outlive(self, session_id: str, seconds: float, until: float) -> None:
        """Have the session's sandbox outlive this server, however that ends, for so many seconds.

        It ends at `until` at the latest, in seconds since 1970. It is called, after
        `on_session_start`, for sessions that a client may name to another server: see `reattach`.
        It raises nothing.
        """

    def on_session_end(self, session_id: str) -> None:
        """Note that a session was closed, or its time is over: nothing of it may outlive that.

        It is not called for the sessions of a server that ends. It raises nothing.
        """

    async def pause(self, session_id: str) -> bool:
        """Pause the sandbox of an idle session until it is used again; tell if it is paused.

        It is called when a session without activity has been idle for as long as it may. A frame to
        a paused sandbox resumes it with all its processes. If the answer is no, the session is
        closed. It raises nothing.
        """
        return False

    async def reattach(self, session_id: str, owner: str | None) -> float | None:
        """Claim a session of a dead server; return when it began, or None if there is none.

        It is called when a client names a session that this server does not know. The next
        `connect` of that session tries to use the same sandbox. `owner` must be the one that
        `on_session_start` was given. It raises nothing.
        """
        return None

    def may_live(self, session_id: str) -> bool:
        """Tell if a sandbox that could not be reached may exist: the next `connect` tries again.

        It is called when the stream of a sandbox has ended.
        """
        return False

    def used_seconds(self, session_id: str) -> float | None:
        """Estimate the seconds for which the session's sandboxes have cost money, if they do.

        It is called for `list_sessions` and the record of an execution.
        """
        return None

    async def maintain(self) -> None:
        """Do recurring work while the server runs, such as ending sandboxes of dead servers.

        It runs in a task of its own from the first use of the backend on, until it is cancelled. An
        exception ends the server, so it must handle the failures of an engine itself.
        """


def lifecycle_of(backend: Backend) -> Lifecycle:
    """Return the backend itself if it has a lifecycle, or else one that does nothing."""
    return backend if isinstance(backend, Lifecycle) else Lifecycle()

"""Errors around untrusted code.

* SandboxError
  + SandboxUnavailable   the backend cannot start a sandbox here
  + SessionNotFound      no session of the caller has that id
  + SessionLimit         there is no room for one more session
  + CallerLimit          all sessions that one caller may have are busy
  + TooManyWaiting       one caller has too many waiting checks
  + SessionLost          the sandbox died while it ran the code
  + SessionUnreachable   the sandbox could not be reached; the session may still exist
  + RunNotFound          the session has no background run of that name

Code that fails inside the sandbox is not an error here: it is an `Execution`. Every message ends
with what to do next, because its reader is a model or an operator.
"""


class SandboxError(Exception):
    """Base of our failures; its text may be shown to a client."""


class SandboxUnavailable(SandboxError):
    """The backend cannot start a sandbox on this machine."""

    def __init__(self, backend: str, reason: str) -> None:
        super().__init__(
            f"The {backend} backend cannot run code here, so nothing was executed: {reason} "
            "The operator can run `bellglass doctor` for the diagnosis."
        )
        self.backend = backend
        self.reason = reason


class SessionNotFound(SandboxError):
    """No session of the caller has that id: it has ended, is another's, or there was none."""

    def __init__(
        self,
        reason: str,
        advice: str = "Call again without session_id to start a new session.",
    ) -> None:
        super().__init__(f"{reason} {advice}")
        self.reason = reason


class SessionLimit(SandboxError):
    """All sessions that the server may hold are busy."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"All {limit} sessions are busy: code runs in them, also in the background, or other "
            "callers go on with them. Pass the session_id of one you have, close one or stop its "
            "background run, or try again when a call has ended."
        )


class CallerLimit(SandboxError):
    """All sessions that one caller may hold are busy."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"All {limit} sessions that one client may have are busy: code runs in them, also in "
            "the background. Pass the session_id of one you have, close one or stop its background "
            "run, or try again when a call has ended."
        )


class TooManyWaiting(SandboxError):
    """A caller has as many waiting checks as one may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"{limit} checks of yours are waiting already, so this one was not started. "
            "Try again when some of them have been answered."
        )


class SessionLost(SandboxError):
    """The sandbox of the session died, or broke the protocol."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"{reason} Variables and files of the session are lost. "
            "The next call with this session_id starts afresh."
        )
        self.reason = reason


class SessionUnreachable(SandboxError):
    """The sandbox of the session could not be reached for long, and may still exist."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"{reason} Whether the code ran is not known. Nothing is given up yet: call again with "
            "the same session_id, and the session goes on if its sandbox is still there."
        )


class RunNotFound(SandboxError):
    """The session has no background run of that name."""

    def __init__(self, run_id: str, known: list[str]) -> None:
        if known:
            told = f"It has {', '.join(known)}."
        else:
            told = "It has none: execute_python and execute_bash begin one with background=true."
        super().__init__(f"This session has no background run {run_id[:20]!r}. {told}")

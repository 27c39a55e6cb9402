"""What can go wrong around untrusted code.

* SandboxError
  + SandboxUnavailable   the backend cannot start a sandbox here
  + SessionNotFound      the session id leads nowhere, or not to a session of the caller
  + SessionLimit         no room for one more session
  + CallerLimit          as many sessions of one caller are busy as one may have
  + TooManyWaiting       as many checks of one caller wait as may
  + SessionLost          the sandbox died while it ran the code
  + SessionUnreachable   nobody could reach the sandbox; the session may live
  + RunNotFound          the session has no background run of that name

Code that fails inside the sandbox is not an error here: it is an `Execution`. Every message ends
with what to do next, because its reader is a model or an operator.
"""


class SandboxError(Exception):
    """Base of our failures; its text is fit to be shown to a client."""


class SandboxUnavailable(SandboxError):
    """The backend cannot start a sandbox on this machine."""

    def __init__(self, backend: str, reason: str) -> None:
        super().__init__(
            f"The {backend} sandbox cannot run here, so nothing was executed: {reason} "
            "The operator can run `bellglass doctor` for the diagnosis."
        )
        self.backend = backend
        self.reason = reason


class SessionNotFound(SandboxError):
    """The session id is unknown, closed, expired or another caller's: one text for all four."""

    def __init__(
        self, advice: str = "Call again without session_id to start a new session."
    ) -> None:
        super().__init__(
            f"No such session: the session expired, was closed, or never existed. {advice}"
        )


class SessionLimit(SandboxError):
    """In every session that the server may hold something goes on."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"All {limit} sessions are busy: code runs in them, also in the background. Pass the "
            "session_id of one you have, close one or stop its background run (list_sessions names "
            "them), or try again when a call has ended."
        )


class CallerLimit(SandboxError):
    """In every session that one caller may hold something goes on."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"All {limit} sessions that one client may have are busy: code runs in them, also in "
            "the background. Pass the session_id of one you have, close one or stop its background "
            "run (list_sessions names them), or try again when a call has ended."
        )


class TooManyWaiting(SandboxError):
    """A caller asked for more at once than waits in line."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"{limit} checks of yours wait already, so this one was not begun. Try again when some "
            "of them have been answered."
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
    """The sandbox of the session could not be reached for long, and may live all the same."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"{reason} Whether the code ran is not known. Nothing is given up yet: call again with "
            "the same session_id, and the session goes on if its sandbox is still there."
        )


class RunNotFound(SandboxError):
    """The name of a background run leads nowhere."""

    def __init__(self, run_id: str, known: list[str]) -> None:
        if known:
            told = f"It has {', '.join(known)}."
        else:
            told = "It has none: execute_python and execute_bash begin one with background=true."
        super().__init__(f"This session has no background run {run_id[:20]!r}. {told}")

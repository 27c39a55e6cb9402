"""The contract of a backend: start the supervisor in a sandbox, and verify what it reports."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from anyio.abc import ByteStream

from bellglass.sandboxes.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from bellglass.sandboxes.backend_settings import BackendSettings
    from bellglass.sandboxes.egress.network import Network
    from bellglass.sandboxes.folders.folder import Folder
    from bellglass.sandboxes.self_check import Protection, SelfCheck
    from bellglass.sandboxes.session_limits import Limits


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One fact about this machine that a backend has found, for `bellglass doctor`."""

    what: str
    holds: bool
    detail: str


class PatientStream(ByteStream):
    """A stream that a backend repairs by itself, if it knows that an answer is due."""

    @abstractmethod
    def answer_due(self) -> AbstractContextManager[None]:
        """Return a context during which the far end owes an answer.

        The connection enters it for each request. It raises nothing of its own.
        """


class Backend(ABC):
    """A way of running code in isolation.

    A backend does two things: `connect` starts our supervisor in a fresh sandbox and yields a
    stream to it; `verify` refuses a sandbox that lacks a protection. Everything that a tool can do
    is done at the far end of the stream. What only some backends can do, such as pausing a sandbox,
    is in `Lifecycle`.

    The server makes one backend for its whole life, at the first call that needs one. It calls
    `start` once, then `connect` for each sandbox, several at a time, and `aclose` at the end.
    """

    default_pool_size = 0
    """Sessions that are kept ready, unless an operator sets the number."""

    waivers: Mapping[Protection, str] = {}
    """Protections that sandboxes of this backend lack, each with what bounds the code instead.
    Operators read it in `bellglass doctor`. `verify` demands all others."""

    unsupported_checks: Mapping[str, str] = {}
    """Checks of the contract that this backend does not promise, by name, each with the reason.
    `bellglass check` reports them and does not run them."""

    is_paid = False
    """Whether sandboxes cost money as long as they exist: none is kept unless it is needed."""

    saves_sessions = True
    """Whether its sandboxes run our worker and jobs, by which a session is saved and revived."""

    silence_seconds = 15.0
    """The supervisor of a sandbox may be silent for this long while a call or a background run goes
    on; then the sandbox is ended. It sends something every second, and is late when a machine is
    busy or has a fork bomb to end."""

    patience_seconds = 0.0
    """The extra time for an answer if the connection to a sandbox may be cut and repaired."""

    lends: Sequence[str] = ()
    """The modes in which this backend can lend folders of this machine to sandboxes."""

    folders: Sequence[Folder] = ()
    """The folders that an operator lends, with modes of `lends`. The server sets it before `start`.
    A sandbox sees each at its `target`, without what `folders/survey` finds in it."""

    network: Network | None = None
    """What programs in a sandbox may reach: nothing, unless an operator allows it. The server sets
    it before `start`. Sandboxes still have no network of their own: the supervisor relays to the
    server."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    @classmethod
    def from_settings(
        cls,
        limits: Limits,
        settings: BackendSettings | None,
        *,
        session_max_seconds: float,
        environ: Mapping[str, str],
    ) -> Self:
        """Make the backend with an operator's settings.

        The server calls it once. `settings` is what the entry point of the group
        `bellglass.settings` declares, or None if there is none; this method passes each field to
        the constructor by name. No session gets older than `session_max_seconds`; `environ` is for
        variables that are not ours, such as the key of an account.

        Raises:
            SandboxUnavailable: With these settings no sandbox can be made.
        """
        return cls(limits, **dict(settings or ()))

    @property
    def name(self) -> str:
        """The name of the backend in errors, the log and the record of an execution."""
        return type(self).__name__.removesuffix("Backend").lower()

    @property
    def metadata(self) -> Mapping[str, str]:
        """Facts about the sandbox for the record of each execution, beside `name`.

        It is read after `connect`, because some backends can start a sandbox in more than one way.
        """
        return {}

    @property
    def has_true_results(self) -> bool:
        """Whether code cannot fake what its supervisor reports; known after `verify`."""
        return "closed_supervisor" not in self.waivers

    # --- the two methods

    @abstractmethod
    def connect(self, session_id: str) -> AbstractAsyncContextManager[ByteStream]:
        """Start the supervisor in a fresh sandbox and yield a stream to it.

        The session enters the context when a call needs a sandbox, or the pool when it makes one
        ready, and leaves it when the session ends, is cancelled, or finds the sandbox dead.
        `session_id` is for labels that find a sandbox again. Two sandboxes share nothing. Leaving
        the context destroys the sandbox and every process in it, also when the task is cancelled.

        Raises:
            SandboxUnavailable: The backend cannot start a sandbox on this machine. The call that
                needed it fails with this text, and the next one tries again. Anything else that is
                raised is logged, and reported as a fault of the server.
        """

    def verify(self, report: SelfCheck) -> None:
        """Refuse a sandbox that lacks a protection, from what its supervisor sees of it.

        The session calls it for each sandbox, after `connect` and before any code is sent. This
        method demands every protection but those in `waivers`, and that no limit which shows
        inside is looser than `limits`. Override it to demand more, and call it first.

        Raises:
            SandboxUnavailable: A protection is missing. The sandbox is destroyed.
        """
        lent = {folder.target for folder in self.folders if folder.mode == "rw"}
        disks = [path for path in report.writable_disks if path not in lent]
        report = report.model_copy(update={"writable_disks": disks})
        missing = report.missing(waived=self.waivers) + report.looser_than(self.limits)
        if missing:
            raise SandboxUnavailable(
                self.name,
                f"a sandbox came up without {', '.join(missing)}. The backend has to provide that, "
                "or its author names it in `waivers`, with what bounds the code instead.",
            )

    # --- optional: for a backend that has something to prepare, explain or release

    async def start(self) -> None:  # noqa: B027 - a backend may find out with its first sandbox
        """Find out whether sandboxes can be made here, and prepare to make them.

        The server calls it once, at the first call that needs a backend; with `auto`, it tries one
        backend after the other in this way. It should be fast when the answer is known.

        Raises:
            SandboxUnavailable: They cannot be made. `auto` tries the next backend; the next call
                tries again.
        """

    async def diagnose(self) -> list[Finding]:
        """Return which protections work on this machine, and which do not; may start a sandbox.

        `bellglass doctor` and `bellglass check` call it. A protection that fails is a finding: this
        method raises nothing.
        """
        return []

    async def aclose(self) -> None:  # noqa: B027 - most backends hold nothing between sandboxes
        """Release what the backend holds between sandboxes.

        The server calls it once, when no sandbox is left, also after a failed `start`. It raises
        nothing.
        """

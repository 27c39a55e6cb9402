"""The contract of a backend: start the supervisor in a sandbox, and verify what it reports."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from anyio.abc import ByteStream

from bellglass.sandboxes.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from bellglass.sandboxes.backend_settings import BackendSettings
    from bellglass.sandboxes.egress.network import Network
    from bellglass.sandboxes.limits import Limits
    from bellglass.sandboxes.self_check import Protection, SelfCheck


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that a backend found out about this machine, for `bellglass doctor`."""

    what: str
    holds: bool
    detail: str


class PatientStream(ByteStream):
    """A stream that a backend repairs by itself, once it knows that something should come."""

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
    """New sessions that are kept ready, unless an operator says how many."""

    waivers: Mapping[Protection, str] = {}
    """Protections that sandboxes of this backend do without, each with the reason: what bounds the
    code instead. Operators read it in `bellglass doctor`. `verify` demands all others."""

    unsupported_checks: Mapping[str, str] = {}
    """Checks of the contract that this backend does not mean to hold, by name, each with the
    reason. `bellglass check` reports them and does not run them."""

    is_paid = False
    """Whether sandboxes cost money as long as they live: none is kept for what can do without."""

    silence_seconds = 15.0
    """The supervisor of a sandbox may say nothing for so long while a call or a background run goes
    on; then the sandbox is ended. It says something every second, and is late where a machine is
    busy or has a fork bomb to end."""

    patience_seconds = 0.0
    """What an answer may take longer where the way to a sandbox may be cut and mended."""

    network: Network | None = None
    """What programs in a sandbox may reach; nothing, unless an operator allows it. The server sets
    it before `start`. Sandboxes have no network of their own all the same: the supervisor relays
    to the server."""

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
        """Make the backend as an operator wants it.

        The server calls it once. `settings` is what the entry point of the group
        `bellglass.settings` declares, None where there is none; this method hands each field to the
        constructor, by its name. No session gets older than `session_max_seconds`; `environ` is for
        variables that are not ours, such as the key of an account.

        Raises:
            SandboxUnavailable: With these settings no sandbox can be made.
        """
        return cls(limits, **dict(settings or ()))

    @property
    def name(self) -> str:
        """What errors, the log and the record of an execution call the backend."""
        return type(self).__name__.removesuffix("Backend").lower()

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the record of each execution says of the sandbox, beside `name`.

        Read after `connect`, for a backend that can start a sandbox in more than one way.
        """
        return {}

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
        missing = report.missing(waived=self.waivers) + report.looser_than(self.limits)
        if missing:
            raise SandboxUnavailable(
                self.name,
                f"a sandbox came up without {', '.join(missing)}. The backend has to provide that, "
                "or its author names it in `waivers`, with what bounds the code instead.",
            )

    # --- for a backend that has something to prepare, to explain or to release

    async def start(self) -> None:  # noqa: B027 - a backend may find out with its first sandbox
        """Find out whether sandboxes can be made here, and prepare to make them.

        The server calls it once, at the first call that needs a backend; `auto` tries one backend
        after the other so. It should cost next to nothing where the answer is known.

        Raises:
            SandboxUnavailable: They cannot. `auto` tries the next backend; the next call looks
                again.
        """

    async def diagnose(self) -> list[Finding]:
        """Return what protects on this machine, and what does not; may start a sandbox to see.

        `bellglass doctor` and `bellglass check` call it. What does not work is a finding: it
        raises nothing.
        """
        return []

    async def aclose(self) -> None:  # noqa: B027 - most backends hold nothing between sandboxes
        """Release what the backend holds between sandboxes.

        The server calls it once, when no sandbox is left, also where `start` has failed. It raises
        nothing.
        """

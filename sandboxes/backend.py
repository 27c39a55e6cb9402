"""The contract of a backend: start our runner in a fresh isolated place, yield a stream to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyio.abc import ByteStream

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from bellglass.sandboxes.limits import Limits
    from bellglass.sandboxes.network.network import Network
    from bellglass.sandboxes.protocol import Ready


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
        """Return a context during which the far end owes an answer."""


class Backend(ABC):
    """A way of running code in isolation.

    A backend implements `connect` and nothing else: everything a tool can do is done by the
    runner at the far end of the stream.
    """

    default_pool_size = 0
    """New sessions that are kept ready, unless an operator says how many."""

    unsupported_checks: Mapping[str, str] = {}
    """Checks of the contract that this kind of sandbox does not mean to hold, and why."""

    network: Network | None = None
    """What programs in its places may reach; nothing, unless an operator allows it. Places have
    no network of their own all the same: the runner relays to the server."""

    is_paid = False
    """Whether places cost money as long as they live: none is kept for what can do without."""

    silence_seconds = 15.0
    """For so long the supervisor of a place may say nothing while a call or a background run goes
    on; then the place is ended. It says something every second, and is late where a machine is busy
    or has a fork bomb to end."""

    patience_seconds = 0.0
    """What an answer may take longer where the way to a place may be cut and mended."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    @property
    def name(self) -> str:
        """What errors, the log and the record of an execution call the backend."""
        return type(self).__name__.removesuffix("Backend").lower()

    @abstractmethod
    def connect(self, session_id: str) -> AbstractAsyncContextManager[ByteStream]:
        """Start the runner in a fresh place and yield a stream to it.

        `session_id` is for labels that find a place again. Two places share nothing. Leaving the
        context destroys the place and every process in it, also when the task is cancelled.

        Raises:
            SandboxUnavailable: The backend cannot start a sandbox on this machine.
        """

    async def start(self) -> None:  # noqa: B027 - a backend may find out with its first place
        """Find out whether places can be made here, and make them ready to be.

        Costs next to nothing where that is known. A backend that is chosen by itself is tried so.

        Raises:
            SandboxUnavailable: They cannot; the next call looks again.
        """

    def verify(self, ready: Ready) -> None:  # noqa: B027 - a backend may have nothing to demand
        """Refuse a place that is less confined than promised, from what the runner sees in it.

        Raises:
            SandboxUnavailable: The place lacks a protection.
        """

    def metadata(self) -> dict[str, str]:
        """Return what the record of an execution says of the sandbox, once there is a place."""
        return {"name": self.name}

    async def pause(self, session_id: str) -> bool:
        """Let the place of an idle session sleep until it is used again; tell if it does.

        What is sent to a sleeping place wakes it, with all its processes. Where the answer is no,
        an idle session is closed.
        """
        return False

    def on_session_start(self, session_id: str, owner: str | None, created_at: float) -> None:  # noqa: B027
        """Take note of whose session it is, and of its beginning, in seconds since 1970.

        For a backend whose places outlive a server that is killed: see `reattach`.
        """

    async def reattach(self, session_id: str, owner: str | None) -> float | None:
        """Claim what a dead server left of a session; return when that began, None if nothing.

        The next `connect` of that session tries to go on with that place. `owner` must be whom the
        session was assigned to.
        """
        return None

    def is_left(self, session_id: str) -> bool:
        """Tell if a place that could not be reached may live: the next `connect` tries again."""
        return False

    def used_seconds(self, session_id: str) -> float | None:
        """Estimate for how long the session's places have cost money, where they do."""
        return None

    async def maintain(self) -> None:  # noqa: B027 - most backends leave nothing behind
        """Do what is to be done as long as the server runs, such as ending what dead ones left.

        Runs in a task of its own from the first need of the sandbox on, until it is cancelled.
        """

    async def diagnose(self) -> list[Finding]:
        """Return what protects on this machine, and what does not; may start a place to see."""
        return []

    async def aclose(self) -> None:  # noqa: B027 - most backends hold nothing between places
        """Release what the backend holds between places. Called once, when no place is left."""

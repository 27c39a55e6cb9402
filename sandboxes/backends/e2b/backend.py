"""The E2B backend: each session has a virtual machine of an engine."""

from __future__ import annotations

import logging
import secrets
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Self

import anyio

from bellglass.sandboxes.backend import Backend, Finding
from bellglass.sandboxes.backends.e2b import configuring
from bellglass.sandboxes.backends.e2b.client import Client
from bellglass.sandboxes.backends.e2b.diagnosis import findings
from bellglass.sandboxes.backends.e2b.endpoint import CLOUD, TEMPLATE, Endpoint, parsed_headers
from bellglass.sandboxes.backends.e2b.errors import E2BError
from bellglass.sandboxes.backends.e2b.machines.create_machine import create_machine, find_machine
from bellglass.sandboxes.backends.e2b.machines.lease import Lease
from bellglass.sandboxes.backends.e2b.machines.listing import first_page, metadata
from bellglass.sandboxes.backends.e2b.machines.machine import KILL_TIMEOUT_SECONDS, Machine
from bellglass.sandboxes.backends.e2b.machines.orphans import OrphanSweeper
from bellglass.sandboxes.backends.e2b.machines.owner import Owner
from bellglass.sandboxes.backends.e2b.machines.rate_limiter import RateLimiter
from bellglass.sandboxes.backends.e2b.machines.unreachable import Unreachable, UnreachableMachines
from bellglass.sandboxes.backends.e2b.machines.usage_meter import UsageMeter
from bellglass.sandboxes.backends.e2b.patience import MAX_UNREACHABLE_SECONDS
from bellglass.sandboxes.backends.e2b.program.launch_supervisor import launch_supervisor
from bellglass.sandboxes.backends.e2b.session_store import SessionStore
from bellglass.sandboxes.backends.e2b.settings import E2BSettings
from bellglass.sandboxes.backends.embedded.waivers import ENDING_WITH_A_STOPPED_SERVER, WAIVERS
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.lifecycle import Lifecycle

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from contextlib import AbstractAsyncContextManager

    from anyio.abc import ByteStream

    from bellglass.sandboxes.backend_settings import BackendSettings
    from bellglass.sandboxes.backends.e2b.session_records import Record
    from bellglass.sandboxes.backends.e2b.stream.stream import CommandStream
    from bellglass.sandboxes.session_limits import Limits

logger = logging.getLogger(__name__)

_NAME = "e2b"


class E2BBackend(Backend, Lifecycle):
    """A virtual machine per session, and in it a sandbox as the embedded backend makes it.

    So the kernel is not shared with anybody; there is no network, neither of the machine nor of
    the sandbox; and what the code sees and may do is the same as on one's own machine.
    """

    is_paid = True
    waivers = WAIVERS
    unsupported_checks = ENDING_WITH_A_STOPPED_SERVER
    patience_seconds = MAX_UNREACHABLE_SECONDS
    silence_seconds = Backend.silence_seconds + MAX_UNREACHABLE_SECONDS

    def __init__(
        self,
        limits: Limits,
        *,
        key: str | None = None,
        domain: str | None = None,
        api_url: str | None = None,
        sandbox_url: str | None = None,
        template: str | None = None,
        headers: str = "",
        pause: bool = False,
        lease_seconds: int = 300,
        age_seconds: float = 86_400,
        sandboxes: int = 64,
        per_second: float = 5,
        state: str | None = None,
    ) -> None:
        """Nothing is sent before the first start or connect.

        `pause`: let sandboxes of idle sessions sleep. `age_seconds`: no session gets older.
        `sandboxes`, `per_second`: how many there may be at one time, and be made in a second.
        `state`: a folder in which sessions are written down for a server after this one.

        Raises:
            SandboxUnavailable: There is no key, or a value cannot be used.
        """
        super().__init__(limits)
        if not key:
            raise SandboxUnavailable(_NAME, "it needs a key. Set E2B_API_KEY.")
        self.endpoint = Endpoint(
            key=key,
            domain=domain or CLOUD,
            api_url=api_url,
            sandbox_url=sandbox_url,
            template=template or TEMPLATE,
            headers=parsed_headers(headers),
        )
        self._pause = pause
        self._lease_seconds = lease_seconds
        self._age_seconds = age_seconds
        self._rate_limiter = RateLimiter(sandboxes, per_second)
        self._owner = Owner.this()
        self._session_store = SessionStore(state, self._owner, self.endpoint, limits, age_seconds)
        self.client = Client(self.endpoint)
        self._orphans = OrphanSweeper(self.client, self.endpoint, self._owner)
        self._streams: dict[str, CommandStream] = {}
        self._unreachable = UnreachableMachines()
        self._usage_meter = UsageMeter()

    @classmethod
    def from_settings(
        cls,
        limits: Limits,
        settings: BackendSettings | None,
        *,
        session_max_seconds: float,
        environ: Mapping[str, str],
    ) -> Self:
        """Make the backend, with the key from a file or from the vendor's own variable."""
        assert isinstance(settings, E2BSettings)
        given = configuring.arguments(settings, environ)
        return cls(limits, **given, age_seconds=session_max_seconds)

    async def start(self) -> None:
        """Ask the engine for its list: that it is there, and takes the key. Makes nothing."""
        try:
            await first_page(await self.client.get(), self.endpoint)
        except E2BError as exc:
            raise SandboxUnavailable(_NAME, f"{exc}") from None

    @asynccontextmanager
    async def connect(self, session_id: str) -> AsyncGenerator[ByteStream]:
        """Start a machine and our program in it, or go on with what was left of the session.

        See `Backend.connect` and `reattach`.
        """
        name = secrets.token_hex(16)
        async with AsyncExitStack() as stack:
            stack.enter_context(self._rate_limiter.one())
            self._orphans.live[name] = None
            stack.callback(self._orphans.live.pop, name)
            stream: CommandStream | None = None
            if (known := self._known(session_id, name)) is not None:
                try:
                    stream = await stack.enter_async_context(known)
                except E2BError as exc:
                    logger.info("E2B: a session of a killed server cannot be continued: %s", exc)
            if stream is None:
                machine = await self._create(session_id, name)
                held = self._held(session_id, name, machine, Lease(machine, self._lease_seconds))
                stream = await stack.enter_async_context(held)
            yield stream

    def _known(
        self, session_id: str, name: str
    ) -> AbstractAsyncContextManager[CommandStream] | None:
        """Return how to hold the machine that the session has already, if it has one."""
        if (left := self._unreachable.pop(session_id, None)) is not None:
            return self._held(session_id, name, left.machine, left.lease, left.pid)
        if (record := self._session_store.taken(session_id)) is not None:
            return self._reattached(session_id, name, record)
        return None

    @asynccontextmanager
    async def _reattached(
        self, session_id: str, name: str, record: Record
    ) -> AsyncGenerator[CommandStream]:
        """Hold the machine that another server left.

        Raises:
            E2BError: It is gone, or cannot be brought into step; then it is ended.
        """
        seconds = self._lease_seconds
        client = await self.client.get()
        machine = await find_machine(client, self.endpoint, record.sandbox, seconds)
        lease = Lease(machine, seconds)
        async with self._held(session_id, name, machine, lease, record.pid) as stream:
            yield stream

    @asynccontextmanager
    async def _held(
        self, session_id: str, name: str, machine: Machine, lease: Lease, pid: int | None = None
    ) -> AsyncGenerator[CommandStream]:
        """Hold a machine, in which our program is process `pid`, or is started now; then end it.

        One that could not be reached and may live is left to its lease instead: the session's next
        call tries once more.
        """
        self._orphans.live[name] = machine.id
        self._usage_meter.begin(session_id, lease)
        left: Unreachable | None = None
        try:
            async with launch_supervisor(machine, lease, self.limits, pid) as stream:
                if self.network is None:
                    await self._session_store.placed(session_id, machine.id, stream.pid)
                self._streams[session_id] = stream
                try:
                    yield stream
                finally:
                    del self._streams[session_id]
                # Not where the session is closed, which comes as a cancellation.
                if stream.may_live:
                    left = Unreachable(machine, stream.pid, lease)
        finally:
            if left is not None:
                logger.warning("E2B: a sandbox that cannot be reached is left to its lease")
                self._unreachable[session_id] = left
            else:
                with anyio.CancelScope(shield=True):
                    await self._end(session_id, machine, lease)

    async def _create(self, session_id: str, name: str) -> Machine:
        await self._rate_limiter.turn()
        marks = metadata(self._owner, name, session_id, time.time() + self._age_seconds)
        try:
            client = await self.client.get()
            return await create_machine(client, self.endpoint, marks, self._lease_seconds)
        except E2BError as exc:
            if exc.kind not in ("auth", "old"):
                self._orphans.suspect()
            reason = f"{exc}"
            if exc.kind == "quota" and (count := await self._orphans.count_of_killed_servers()):
                reason += f" {count} of them are of bellglass servers that were killed: each ends "
                reason += f"within {self._lease_seconds} s, unless its session is called for."
            raise SandboxUnavailable(_NAME, reason) from None
        except anyio.get_cancelled_exc_class():
            self._orphans.suspect()  # the engine may have made it all the same
            raise

    async def _end(self, session_id: str, machine: Machine, lease: Lease) -> None:
        self._session_store.ended(session_id)
        certain = await machine.kill()
        lease.stopped()
        if not certain:
            self._orphans.suspect()
        self._usage_meter.end(session_id)
        logger.info(
            "E2B: a sandbox ended after %.0f s; its session has used %.0f s",
            lease.used_seconds,
            self._usage_meter.of(session_id),
        )

    @property
    def metadata(self) -> dict[str, str]:
        """Name the engine and the template."""
        return {"engine": self.endpoint.api, "template": self.endpoint.template}

    def on_session_start(self, session_id: str, owner: str | None, created_at: float) -> None:
        """Write down whose a session is: see `Lifecycle`."""
        self._session_store.assign(session_id, owner, created_at)

    async def reattach(self, session_id: str, owner: str | None) -> float | None:
        """Claim what a dead server left of a session: see `Lifecycle`.

        With a network, connections to the server are part of a sandbox; none of that is claimed.
        """
        return await self._session_store.claim(session_id, owner) if self.network is None else None

    async def pause(self, session_id: str) -> bool:
        """Let the machine sleep, where that is wanted: see `Lifecycle`."""
        stream = self._streams.get(session_id)
        return self._pause and stream is not None and await stream.sleep()

    def may_live(self, session_id: str) -> bool:
        """Tell if the session's machine could not be reached, and may live."""
        return self._unreachable.may_live(session_id)

    def used_seconds(self, session_id: str) -> float:
        """Return how long machines of the session have run: they are paid for by the second."""
        return self._usage_meter.of(session_id)

    async def maintain(self) -> None:
        """Look for what is left over, at once and now and then, until cancelled."""
        while True:
            await self._sweep()
            await self._orphans.due()

    async def _sweep(self) -> None:
        for session_id in self._unreachable.pop_ended():
            self._usage_meter.end(session_id)
            self._session_store.ended(session_id)
        spared = await self._session_store.sandboxes() | self._unreachable.machine_ids()
        await self._orphans.sweep(spared)

    async def diagnose(self) -> list[Finding]:
        """Say where sessions would run, and what the engine answers."""
        return await findings(self.endpoint, await self.client.get())

    async def aclose(self) -> None:
        """End what may be left over."""
        if self._unreachable:
            self._unreachable.clear()
            self._orphans.suspect()
        if self._orphans.suspects:
            with anyio.move_on_after(KILL_TIMEOUT_SECONDS):
                await self._sweep()

"""A byte stream to the supervisor in a machine, over a command's stdin and stdout.

It outlives cuts of the connection, connections that are dead in silence, a machine that stands
still, and sleep of the machine: see `inside/relay.py` for how, `patience.py` for how long.
"""

from __future__ import annotations

import itertools
import logging
import math
from typing import TYPE_CHECKING

import anyio
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream

from bellglass.sandboxes.backend import PatientStream
from bellglass.sandboxes.backends.e2b.errors import E2BError
from bellglass.sandboxes.backends.e2b.patience import (
    MAX_UNREACHABLE_SECONDS,
    RETRY_DELAYS_SECONDS,
)
from bellglass.sandboxes.backends.e2b.program.starting import provide, why_ended
from bellglass.sandboxes.backends.e2b.stream.connection import Connection
from bellglass.sandboxes.backends.e2b.stream.lines import Lines, RelayProtocolError
from bellglass.sandboxes.backends.e2b.stream.silence import SilenceWatch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractContextManager

    from bellglass.sandboxes.backends.e2b.machines.lease import Lease
    from bellglass.sandboxes.backends.e2b.machines.machine import Machine

logger = logging.getLogger(__name__)


class CommandStream(PatientStream):
    """The stream. `listen` must be running in a task of its own."""

    def __init__(self, machine: Machine, lease: Lease) -> None:
        self._machine = machine
        self._lease = lease
        self._lines = Lines()
        self._connection = Connection(machine, self._feed)
        # Bounded by the relay, which sends no more before what it sent has been read.
        self._arriving, self._arrived = anyio.create_memory_object_stream[bytes](math.inf)
        self._consumed = 0
        self._rest = b""
        self._turn = anyio.Lock()
        """Of who writes to the command, or has the machine sleep or wake."""
        self._asleep = False
        self._woken = anyio.Event()
        self.joined = anyio.Event()
        """We know where another server stopped."""
        self._reason: str | None = None
        """Why the stream is broken; empty if the supervisor has just ended."""
        self._out_of_reach = False
        """The machine cannot be reached now, or could not when the stream was given up."""
        self._silence = SilenceWatch()
        self._opened = False
        """It is we who have started our program."""
        self._spoken = anyio.Event()
        """Our program has said something: most often, that it wants to be sent."""

    async def open(self, command: str) -> None:
        """Start `command`, which becomes our program; `listen` sends that if it is asked to.

        Raises:
            E2BError: It does not start.
        """
        await self._connection.start(command)
        self._opened = True

    @property
    def pid(self) -> int:
        """Return that of our program in the machine."""
        return self._connection.pid

    async def join(self, pid: int) -> None:
        """Connect to our program, which another server has started; see `reattach`.

        Raises:
            E2BError: It is not there.
        """
        self._connection.pid = pid
        self._lines.reattachment()
        await self._persist(self._attach)

    @property
    def may_live(self) -> bool:
        """Whether our program may go on though nobody could reach it: it may be joined again."""
        return self._out_of_reach and not self._lease.is_over

    # --- what arrives

    async def listen(self) -> None:
        """Take in what the command sends, over as many connections as it takes."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._silence.run)
                if self._opened:
                    tasks.start_soon(self._provide_program)
                while self._reason is None:
                    await self._heard_out()
                    if self._lines.ended or self._lines.failure is not None:
                        self._reason = why_ended(self._lines, self._connection.last_words)
                    elif self._asleep:
                        await self._woken.wait()
                    elif self._reason is None:
                        await self._mend()
                tasks.cancel_scope.cancel()
        finally:
            if self._reason is None:
                self._reason = ""
            self.joined.set()
            self._arriving.close()
            await self._connection.close()

    async def _provide_program(self) -> None:
        reason = await provide(self._machine, self.pid, self._lines, self._spoken, self._turn)
        if reason:
            self.give_up(reason)

    async def _heard_out(self) -> None:
        """Wait until the command has ended, or the connection, or it is to be replaced."""
        with self._silence.listening():
            exit_code = await self._connection.ended()
            if exit_code is not None:
                self._reason = why_ended(self._lines, self._connection.last_words, exit_code)

    def answer_due(self) -> AbstractContextManager[None]:
        """Replace connections that are silent for long, as long as the context is open."""
        return self._silence.answer_due()

    async def _mend(self) -> None:
        """Connect again, as long as the machine may live."""
        try:
            await self._persist(self._attach_in_turn)
        except E2BError as exc:
            self._break(f"The connection to the sandbox was cut: {exc}")

    async def _attach_in_turn(self) -> None:
        async with self._turn:
            await self._attach()

    async def _attach(self) -> None:
        await self._connection.attach(self.pid)
        await self._machine.send(self.pid, self._lines.resumption())
        self._silence.heard()

    async def _persist(self, step: Callable[[], Awaitable[None]]) -> None:
        """Take `step` again and again until it succeeds, or it is known that it never will.

        Raises:
            E2BError: The machine or our program is gone, or the patience is at its end.
        """
        deadline = anyio.current_time() + MAX_UNREACHABLE_SECONDS
        for pause in itertools.chain(
            RETRY_DELAYS_SECONDS, itertools.repeat(RETRY_DELAYS_SECONDS[-1])
        ):
            try:
                await step()
                self._out_of_reach = False
                return
            except E2BError as exc:
                self._out_of_reach = exc.kind != "ended"
                if exc.kind in ("gone", "away"):
                    await self._look()
                if exc.kind == "ended" or self._lease.is_over or self._reason is not None:
                    raise
                if anyio.current_time() + pause > deadline:
                    raise
            await anyio.sleep(pause)

    async def _look(self) -> None:
        """Ask the control plane about a machine that somebody called gone; wake it if it sleeps.

        Raises:
            E2BError: It is gone.
        """
        state = await self._machine.certain_state()
        if state == "gone":
            self._lease.end()
            raise E2BError("gone", "go on with the session")
        if state == "paused" and not self._asleep:  # by somebody else
            try:
                await self._machine.resume(self._lease.seconds)
                self._lease.resumed()
            except E2BError as exc:
                logger.info("E2B: %s", exc)

    async def _feed(self, text: str) -> None:
        """Take output of the command."""
        self._silence.heard()
        try:
            data = self._lines.feed(text)
        except RelayProtocolError:
            self.give_up("The sandbox sent data that is not from our program.")
            return
        if self._lines.joining is None:
            self.joined.set()
        if self._lines.has_spoken:
            self._spoken.set()
        if data and self._reason is None:
            self._arriving.send_nowait(data)

    def give_up(self, reason: str) -> None:
        """Break the stream for good, and say why to who uses it."""
        self._out_of_reach = False
        self._break(reason)

    def _break(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._arriving.close()

    async def receive(self, max_bytes: int = 65536) -> bytes:
        if not self._rest:
            try:
                self._rest = await self._arrived.receive()
            except (EndOfStream, ClosedResourceError):
                if self._reason:
                    raise BrokenResourceError(self._reason) from None
                raise EndOfStream from None
            self._consumed += len(self._rest)
            await self._acknowledge()
        data, self._rest = self._rest[:max_bytes], self._rest[max_bytes:]
        return data

    def unread(self, data: bytes) -> None:
        """Put back what has been received: it is what comes next."""
        self._rest = data + self._rest

    async def _acknowledge(self) -> None:
        line = self._lines.acknowledgement(self._consumed)
        if line is not None and not self._asleep:
            try:
                await self._machine.send(self.pid, line)
            except E2BError as exc:
                logger.info("E2B: %s", exc)  # `listen` finds out if it is more than that

    # --- what is sent

    async def send(self, item: bytes) -> None:
        async with self._turn:
            if self._reason is not None:
                raise BrokenResourceError(self._reason)
            if self._asleep:
                await self._wake()
            lines = self._lines.encoded(item)
            try:
                await self._persist(lambda: self._deliver(lines))
            except E2BError as exc:
                self._break(f"The sandbox cannot be reached: {exc}")
                raise BrokenResourceError(self._reason) from None

    async def _deliver(self, lines: list[bytes]) -> None:
        """Write lines to the command. What has been written already does no harm."""
        await self._lease.ensure()
        for line in lines:
            await self._machine.send(self.pid, line)

    async def sleep(self) -> bool:
        """Pause the machine until the next `send`; tell if it sleeps."""
        async with self._turn:
            if self._reason is None and not self._asleep:
                self._woken = anyio.Event()
                self._asleep = True
                try:
                    await self._machine.pause()
                    self._lease.stopped()
                except E2BError as exc:
                    self._asleep = False
                    self._woken.set()
                    logger.warning("E2B: %s", exc)
            return self._asleep

    async def _wake(self) -> None:
        async def step() -> None:
            await self._machine.resume(self._lease.seconds)
            self._lease.resumed()
            await self._attach()

        try:
            await self._persist(step)
            self._asleep = False
        except E2BError as exc:
            self._break(f"The paused session did not come back: {exc}")
            raise BrokenResourceError(self._reason) from None
        finally:
            self._woken.set()

    async def send_eof(self) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        self._arriving.close()
        self._arrived.close()

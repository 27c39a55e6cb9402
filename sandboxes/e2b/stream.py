"""A byte stream to the runner in a machine, over a command's stdin and stdout.

It outlives cuts of the connection and sleep of the machine: see `inside/relay.py` for how.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

import anyio
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream
from anyio.abc import ByteStream

from bellglass.sandboxes.e2b.connection import Connection
from bellglass.sandboxes.e2b.errors import AGAIN, E2BError
from bellglass.sandboxes.e2b.lines import Lines, Malformed
from bellglass.sandboxes.execution import clean

if TYPE_CHECKING:
    from bellglass.sandboxes.e2b.lease import Lease
    from bellglass.sandboxes.e2b.machine import Machine

logger = logging.getLogger("bellglass")

RECONNECT_SECONDS = 30.0
"""For a cut connection to be there again, before the place is given up."""

ENDING_SECONDS = 2.0


class CommandStream(ByteStream):
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
        """Why the stream is broken; empty if the runner has just ended."""

    async def open(self, command: str, first: bytes) -> None:
        """Start `command`, and write `first`, our program, to its stdin.

        Raises:
            E2BError: It does not start.
        """
        await self._connection.start(command)
        try:
            await self._machine.send_program(self.pid, first)
        except E2BError:
            # It may have ended before it read anything, and then knows better why.
            with anyio.move_on_after(ENDING_SECONDS):
                await self._heard_out()
            await self._connection.close()
            if self._reason:
                raise E2BError("request", "start the runner", self._reason) from None
            raise

    @property
    def pid(self) -> int:
        """Return that of our program in the machine."""
        return self._connection.pid

    async def join(self, pid: int) -> None:
        """Connect to our program, which another server has started; see `taking_over`.

        Raises:
            E2BError: It is not there.
        """
        takeover = self._lines.takeover()
        await self._connection.attach(pid)
        await self._machine.send(pid, takeover)

    # --- what arrives

    async def listen(self) -> None:
        """Take in what the command sends, over as many connections as it takes."""
        try:
            while self._reason is None:
                await self._heard_out()
                if self._lines.ended or self._lines.failure is not None:
                    self._reason = self._refusal()
                elif self._asleep:
                    await self._woken.wait()
                elif self._reason is None:
                    await self._mend()
        finally:
            if self._reason is None:
                self._reason = ""
            self.joined.set()
            self._arriving.close()
            await self._connection.close()

    async def _heard_out(self) -> None:
        """Wait until the command has ended, or the connection."""
        exit_code = await self._connection.ended()
        if exit_code is not None:
            self._reason = self._refusal(exit_code)

    async def _mend(self) -> None:
        """Connect again, as long as the machine may live."""
        failure = E2BError("timeout", "connect again")
        with anyio.move_on_after(RECONNECT_SECONDS):
            while True:
                try:
                    async with self._turn:
                        return await self._mended()
                except E2BError as exc:
                    failure = exc
                    if exc.kind not in AGAIN:
                        break
                await anyio.sleep(1)
        self.give_up(f"The connection to the sandbox was cut: {failure}")

    async def _mended(self) -> None:
        state = await self._machine.state()
        if state == "paused":  # by somebody else
            await self._machine.resume(self._lease.seconds)
            self._lease.resumed()
        elif state != "running":
            raise E2BError("gone", "go on with the session")
        await self._attach()

    async def _attach(self) -> None:
        await self._connection.attach(self.pid)
        await self._machine.send(self.pid, self._lines.resumption())

    async def _feed(self, text: str) -> None:
        """Take output of the command."""
        try:
            data = self._lines.feed(text)
        except Malformed:
            self.give_up("The sandbox sent what is not from our program.")
            return
        if self._lines.joining is None:
            self.joined.set()
        if data and self._reason is None:
            self._arriving.send_nowait(data)

    def give_up(self, reason: str) -> None:
        """Break the stream, and say why to who uses it."""
        self._reason = reason
        self._arriving.close()

    def _refusal(self, exit_code: int = 0) -> str:
        """Return why there is no runner, or nothing if there was one and it has ended."""
        if failure := self._lines.failure:
            step, error = str(failure.get("step"))[:100], str(failure.get("error"))[:300]
            return clean(f"The template's system does not let us confine code: {step}: {error}.")
        if self._lines.received == 0:
            words = self._connection.last_words or f"exit code {exit_code}"
            return f"Our program did not start in the template ({words}): it needs a python3."
        return ""

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
            try:
                if self._reason is not None:
                    raise BrokenResourceError(self._reason)
                if self._asleep:
                    await self._wake()
                lines = self._lines.encoded(item)
                try:
                    await self._deliver(lines)
                except E2BError as exc:
                    if exc.kind != "gone" or await self._machine.state() != "paused":
                        raise
                    await self._mended()
                    await self._deliver(lines)
            except E2BError as exc:
                self._reason = f"The sandbox cannot be reached: {exc}"
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
        try:
            await self._machine.resume(self._lease.seconds)
            self._lease.resumed()
            await self._attach()
            self._asleep = False
        except E2BError as exc:
            self._reason = f"The paused session did not come back: {exc}"
            raise BrokenResourceError(self._reason) from None
        finally:
            self._woken.set()

    async def send_eof(self) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        self._arriving.close()
        self._arrived.close()

"""A connection to the supervisor of a sandbox: one request at a time, and its answer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import anyio

from bellglass.sandboxes import trace
from bellglass.sandboxes.errors import SessionLost
from bellglass.sandboxes.frames import Frames
from bellglass.sandboxes.protocol import (
    Net,
    Note,
    Ready,
    Reply,
    Stream,
    Tick,
    call_of,
    new_nonce,
)
from bellglass.sandboxes.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import ByteStream
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    from bellglass.sandboxes.egress.multiplexer import Multiplexer
    from bellglass.sandboxes.egress.network import Network
    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.sessions.runs import Run
    from bellglass.sandboxes.wire.schema import AskRuns, NetRequest

SLACK_SECONDS = 10.0
"""Beyond the time limit, for the supervisor to interrupt, kill, clean up and report. Normally
tenths of a second; seconds under a fork bomb. Giving up earlier would lose the session's
variables."""

START_SECONDS = 10.0
"""For a background run to begin: forking a large process takes a while."""

CANCEL_SECONDS = SLACK_SECONDS
"""For a cancelled call to end inside; after that the sandbox is given up instead."""

NET_SECONDS = 30.0
"""For process 1 of a sandbox to take a frame; a sandbox that does not is given up."""

STREAM_FRAMES = 16
"""Frames of output that wait for a slow reader; output beyond them is in the reply anyway."""

ASIDE_SECONDS = 30.0
"""For an answer that runs no code: it takes a millisecond, unless a VM has to be resumed."""


class Connection:
    """Sends requests to a supervisor. `listen` must be running in a task of its own."""

    def __init__(
        self,
        stream: ByteStream,
        silence_seconds: float,
        network: Network | None = None,
        patience_seconds: float = 0,
    ) -> None:
        """`silence_seconds`, `network` and `patience_seconds` are as in `Backend`."""
        self._patience_seconds = patience_seconds
        self._frames = Frames(stream, on_torn=self.give_up)
        self._network = network
        self._multiplexer: Multiplexer | None = None
        self._requests = 0
        self._expected: tuple[int, str] | None = None
        self._waiting: MemoryObjectSendStream[Stream | Reply] | None = None
        self._runs: dict[tuple[int, str], Run] = {}
        """Background runs, by the marks that the supervisor's frames about them have."""
        self._asides: dict[tuple[int, str], Callable[[Execution | None], None]] = {}
        self._scope = anyio.CancelScope()
        self._reason = "The sandbox died while running the code."
        self._ending = False
        """Whether nothing more may be sent to it."""
        self._ticks = False
        """Whether its supervisor sends `tick` frames."""
        self._watchdog = Watchdog(silence_seconds, lambda: self._active, self._end_silent)

    async def ready(self) -> Ready:
        """Return the first frame, with the supervisor's report about its confinement.

        Raises:
            SessionLost: It did not arrive, or is another frame.
        """
        with self._frames.answer_due():
            frame = await self._frames.receive()
        if not isinstance(frame, Ready):
            raise SessionLost("The sandbox sent a malformed greeting.")
        self._ticks = frame.ticks
        return frame

    async def open_network(self) -> None:
        """Tell the supervisor to relay connections, if a network is allowed; before any request.

        Raises:
            SessionLost: The supervisor is gone.
        """
        if self._network is not None:
            await self._frames.send(self._network.opening(), NET_SECONDS)

    async def listen(self) -> None:
        """Dispatch the supervisor's frames, until the stream ends or the sandbox is given up."""
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._watchdog.watch)
                    try:
                        if self._network is None:
                            await self._listen()
                        else:
                            await self._listen_to_network(self._network)
                    except SessionLost as exc:
                        self._reason = exc.reason
                    tasks.cancel_scope.cancel()
        except anyio.get_cancelled_exc_class():
            self._reason = "The session was closed while the code was running."
            raise
        finally:
            self._scope.cancel()
            if self._waiting is not None:
                self._waiting.close()
            for answered in list(self._asides.values()):
                answered(None)

    async def _listen(self) -> None:
        while True:
            frame = await self._frames.receive()
            self._watchdog.heard = True
            if not isinstance(frame, Net):
                await self._hand_on(frame)
            elif self._multiplexer is not None and not self._multiplexer.take(frame):
                raise SessionLost("The sandbox sent more than it may.")

    async def _listen_to_network(self, network: Network) -> None:
        lost: SessionLost | None = None
        async with network.serving(self._send_net) as self._multiplexer:
            try:
                await self._listen()
            except SessionLost as exc:
                lost = exc  # not raised through a task group, which would wrap it
            finally:
                self._ending = True
        if lost is not None:
            raise lost

    @property
    def _active(self) -> bool:
        return self._ticks and bool(self._expected or self._runs)

    def _end_silent(self) -> None:
        self._reason = "The sandbox was ended: its supervisor did not answer any more."
        self.give_up()

    async def hang_up(self) -> None:
        """Close connections that programs of the sandbox have open outside."""
        if self._multiplexer is not None:
            await self._multiplexer.hang_up()

    async def _hand_on(self, frame: Ready | Stream | Note | Tick | Reply) -> None:
        if isinstance(frame, (Ready, Tick)):
            return
        mark = frame.id, frame.nonce
        if isinstance(frame, Reply):
            if mark in self._asides:
                return self._asides[mark](frame.execution)
        elif mark in self._runs:
            run = self._runs[mark]
            run.hear(frame)
            if not run.lives:
                del self._runs[mark]
            return None
        if isinstance(frame, Note) or mark != self._expected:
            return None  # late, forged, or without a receiver
        assert self._waiting is not None
        try:
            # Room for one more than the streamed frames: a reply never waits.
            statistics = self._waiting.statistics()
            if isinstance(frame, Reply) or statistics.current_buffer_used < STREAM_FRAMES:
                self._waiting.send_nowait(frame)
        except (anyio.BrokenResourceError, anyio.WouldBlock):
            pass

    async def request(
        self,
        op: str,
        arguments: dict[str, Any],
        timeout: float,
        on_stream: Callable[[Stream], Awaitable[None]] | None = None,
        run: Run | None = None,
    ) -> Execution:
        """Send one request and return the execution that answers it.

        `run` is the background run that the request begins, if any.

        A call that is cancelled before it was sent has no effect. One that was sent is stopped
        inside before this returns; a sandbox that does not stop it is given up.

        Raises:
            SessionLost: There was no answer, or no valid one.
        """
        self._requests += 1
        number, nonce = self._expected = self._requests, new_nonce()
        if run is not None:
            self._runs[number, nonce] = run
        self._watchdog.stir()
        run_id = None if run is None else run.id
        call = call_of(op, arguments, {"id": number, "nonce": nonce}, timeout, run_id)
        if trace.wants_supervisor():
            call["trace"] = True
        self._waiting, answers = anyio.create_memory_object_stream[Stream | Reply](math.inf)
        with self._waiting, answers:
            sent = False
            # A run goes on after its reply, which only says that it has begun.
            patience = timeout if run is None else START_SECONDS
            patience += SLACK_SECONDS + self._patience_seconds
            try:
                with self._frames.answer_due(), anyio.fail_after(patience):
                    await self._frames.send(call, patience)
                    sent = True
                    async for answer in answers:
                        if isinstance(answer, Reply):
                            self._settle_run(run, answer)
                            trace.call(number, op, answer.execution)
                            return self._with_visits(answer.execution)
                        if on_stream is not None:
                            await on_stream(answer)
                    raise SessionLost(self._reason)
            except TimeoutError as exc:
                self.give_up()
                raise SessionLost("The sandbox did not answer in time.") from exc
            except anyio.get_cancelled_exc_class():
                if sent and not await self._wound_up(number, answers, run):
                    self.give_up()
                raise
            finally:
                self._expected = None
                if run is not None and not run.begun:
                    self._runs.pop((number, nonce), None)

    async def ask_run(
        self, run_id: str, do: Literal["read", "stop", "watch"], seconds: float | None = None
    ) -> Execution:
        """Ask about a background run; this is answered also while a request runs.

        Raises:
            SessionLost: There was no answer, or no valid one.
        """
        self._requests += 1
        mark = number, nonce = self._requests, new_nonce()
        done = anyio.Event()
        answers: list[Execution | None] = []

        def answered(execution: Execution | None) -> None:
            answers.append(execution)
            done.set()

        self._asides[mark] = answered
        try:
            question: AskRuns = {
                "op": "runs",
                "id": number,
                "nonce": nonce,
                "do": do,
                "run": run_id,
            }
            if seconds is not None:
                question["seconds"] = seconds
            patience = ASIDE_SECONDS + self._patience_seconds
            with self._frames.answer_due(), anyio.fail_after(patience):
                await self._frames.send(question, patience)
                await done.wait()
        except TimeoutError as exc:
            self.give_up()
            raise SessionLost("The sandbox did not answer in time.") from exc
        finally:
            del self._asides[mark]
        if answers[0] is None:
            raise SessionLost(self._reason)
        return self._with_visits(answers[0])

    async def _wound_up(
        self,
        number: int,
        answers: MemoryObjectReceiveStream[Stream | Reply],
        run: Run | None,
    ) -> bool:
        """Stop the call inside; tell if its reply arrived, so that the stream is in step."""
        try:
            with anyio.fail_after(CANCEL_SECONDS, shield=True):
                await self._frames.send({"op": "cancel", "id": number}, CANCEL_SECONDS)
                async for answer in answers:
                    if isinstance(answer, Reply):
                        self._settle_run(run, answer)
                        return True
        except (SessionLost, TimeoutError):
            pass
        return False

    @staticmethod
    def _settle_run(run: Run | None, reply: Reply) -> None:
        if run is not None:
            run.begun = reply.execution.status == "running"

    @property
    def given_up(self) -> bool:
        return self._scope.cancel_called

    def give_up(self) -> None:
        """End `listen`: the sandbox is dead, or its stream may be out of step."""
        self._scope.cancel()

    def _with_visits(self, execution: Execution) -> Execution:
        records = self._multiplexer.request_log.take() if self._multiplexer is not None else []
        return execution.model_copy(update={"network": records}) if records else execution

    async def _send_net(self, frame: NetRequest) -> None:
        """Send a whole frame, even if the task of the connection is cancelled meanwhile."""
        if self._ending:
            return
        try:
            with anyio.fail_after(NET_SECONDS, shield=True):
                await self._frames.send(frame, NET_SECONDS)
        except (TimeoutError, SessionLost) as exc:
            self.give_up()
            raise anyio.BrokenResourceError from exc

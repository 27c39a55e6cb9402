"""A connection to the supervisor of a sandbox: one request at a time, and its answer."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import anyio

from bellglass.sandboxes import trace
from bellglass.sandboxes.errors import SessionLost
from bellglass.sandboxes.frame_models import (
    Net,
    Note,
    Ready,
    Reply,
    Stream,
    Tick,
    call_of,
    new_nonce,
)
from bellglass.sandboxes.frame_stream import Frames
from bellglass.sandboxes.open_requests import Exchange
from bellglass.sandboxes.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from anyio.abc import ByteStream

    from bellglass.sandboxes.egress.multiplexer import Multiplexer
    from bellglass.sandboxes.egress.network import Network
    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.sessions.background_runs import Run
    from bellglass.sandboxes.wire.schema.basics import Mark
    from bellglass.sandboxes.wire.schema.requests import AskRuns, Cancel, NetRequest

REPLY_GRACE_SECONDS = 10.0
"""Beyond the time limit, for the supervisor to interrupt, kill, clean up and report. Normally
tenths of a second; seconds under a fork bomb. Giving up earlier would lose the session's
variables."""

RUN_START_TIMEOUT_SECONDS = 10.0
"""For a background run to begin: forking a large process takes a while."""

CANCEL_TIMEOUT_SECONDS = REPLY_GRACE_SECONDS
"""For a cancelled call to end inside; after that the sandbox is given up instead."""

NET_SEND_TIMEOUT_SECONDS = 30.0
"""For process 1 of a sandbox to take a frame; a sandbox that does not is given up."""

QUESTION_TIMEOUT_SECONDS = 30.0
"""For an answer about a background run: a millisecond, unless a machine has to be resumed."""


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
        self._exchanges: dict[tuple[int, str], Exchange] = {}
        """Those that are not over, by number and nonce."""
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
        assert isinstance(frame, Ready)  # nothing else is legal as the first one
        self._ticks = frame.ticks
        return frame

    async def open_network(self) -> None:
        """Tell the supervisor to relay connections, if a network is allowed; before any request.

        Raises:
            SessionLost: The supervisor is gone.
        """
        if self._network is not None:
            await self._frames.send(self._network.opening(), NET_SEND_TIMEOUT_SECONDS)

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
            for exchange in self._exchanges.values():
                exchange.give_up()

    async def _listen(self) -> None:
        while True:
            frame = await self._frames.receive()
            self._watchdog.frame_arrived = True
            if not isinstance(frame, Net):
                self._hand_on(frame)
            elif self._multiplexer is not None and not self._multiplexer.take(frame):
                raise SessionLost("The sandbox sent more data than it was allowed to.")

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
        return self._ticks and any(known.runs_code for known in self._exchanges.values())

    def _end_silent(self) -> None:
        self._reason = "The sandbox was ended: its supervisor stopped answering."
        self.give_up()

    async def hang_up(self) -> None:
        """Close connections that programs of the sandbox have open outside."""
        if self._multiplexer is not None:
            await self._multiplexer.hang_up()

    def _hand_on(self, frame: Ready | Stream | Note | Tick | Reply) -> None:
        if isinstance(frame, (Ready, Tick)):
            return
        key = frame.id, frame.nonce
        exchange = self._exchanges.get(key)
        if exchange is None:
            return  # late, forged, or without a receiver
        exchange.take(frame)
        if exchange.over:
            del self._exchanges[key]

    def follow(self, run: Run, mark: Mark) -> None:
        """Take in what is said about a background run that another server began."""
        state = "run" if run.state == "running" else run.state
        self._exchanges[mark["id"], mark["nonce"]] = Exchange(mark, state, run)

    @contextmanager
    def _exchange(self, state: str, run: Run | None = None) -> Generator[Exchange]:
        """Route frames about a new request while the context is open; about a run, until it ends.

        `state` is the first one of the exchange, see `wire/legal_orders.py`.
        """
        self._requests += 1
        key = number, nonce = self._requests, new_nonce()
        exchange = self._exchanges[key] = Exchange({"id": number, "nonce": nonce}, state, run)
        try:
            yield exchange
        finally:
            if run is None or not run.begun:
                self._exchanges.pop(key, None)

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
        with self._exchange("call" if run is None else "start", run) as exchange:
            self._watchdog.stir()
            run_id = None if run is None else run.id
            call = call_of(op, arguments, exchange.mark, timeout, run_id)
            if trace.wants_supervisor():
                call["trace"] = True
            sent = False
            # A run goes on after its reply, which only says that it has begun.
            patience = timeout if run is None else RUN_START_TIMEOUT_SECONDS
            patience += REPLY_GRACE_SECONDS + self._patience_seconds
            try:
                with self._frames.answer_due(), anyio.fail_after(patience):
                    await self._frames.send(call, patience)
                    sent = True
                    execution = await exchange.reply(on_stream)
            except TimeoutError as exc:
                self.give_up()
                raise SessionLost("The sandbox did not answer in time.") from exc
            except anyio.get_cancelled_exc_class():
                if sent and not await self._wound_up(exchange):
                    self.give_up()
                raise
        execution = self._with_requests(execution)
        trace.call(exchange.mark["id"], op, execution)
        return execution

    async def ask_run(
        self, run_id: str, do: Literal["read", "stop", "watch"], seconds: float | None = None
    ) -> Execution:
        """Ask about a background run; this is answered also while a request runs.

        Raises:
            SessionLost: There was no answer, or no valid one.
        """
        with self._exchange("question") as exchange:
            number, nonce = exchange.mark["id"], exchange.mark["nonce"]
            question: AskRuns = {
                "op": "runs",
                "id": number,
                "nonce": nonce,
                "do": do,
                "run": run_id,
            }
            if seconds is not None:
                question["seconds"] = seconds
            patience = QUESTION_TIMEOUT_SECONDS + self._patience_seconds
            try:
                with self._frames.answer_due(), anyio.fail_after(patience):
                    await self._frames.send(question, patience)
                    execution = await exchange.reply()
            except TimeoutError as exc:
                self.give_up()
                raise SessionLost("The sandbox did not answer in time.") from exc
        return self._with_requests(execution)

    async def _wound_up(self, exchange: Exchange) -> bool:
        """Stop the call inside; tell if its reply arrived, so that the stream is in step."""
        try:
            with anyio.fail_after(CANCEL_TIMEOUT_SECONDS, shield=True):
                cancel: Cancel = {"op": "cancel", "id": exchange.mark["id"]}
                await self._frames.send(cancel, CANCEL_TIMEOUT_SECONDS)
                return await exchange.reply() is not None
        except (SessionLost, TimeoutError):
            return False

    @property
    def given_up(self) -> bool:
        return self._scope.cancel_called

    def give_up(self) -> None:
        """End `listen`: the sandbox is dead, or its stream may be out of step."""
        self._scope.cancel()

    def _with_requests(self, execution: Execution | None) -> Execution:
        """Add the network requests of its programs. Raise SessionLost if there is no execution."""
        if execution is None:
            raise SessionLost(self._reason)
        records = self._multiplexer.request_log.take() if self._multiplexer is not None else []
        return execution.model_copy(update={"network": records}) if records else execution

    async def _send_net(self, frame: NetRequest) -> None:
        """Send a whole frame, even if the task of the connection is cancelled meanwhile."""
        if self._ending:
            return
        try:
            with anyio.fail_after(NET_SEND_TIMEOUT_SECONDS, shield=True):
                await self._frames.send(frame, NET_SEND_TIMEOUT_SECONDS)
        except (TimeoutError, SessionLost) as exc:
            self.give_up()
            raise anyio.BrokenResourceError from exc

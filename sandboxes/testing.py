"""A backend for tests: it answers each call as the test says, in process, and executes nothing.

The sessions, limits, frames and validation around it are the real ones, so a test covers everything
but the sandbox. It has no entry point, so no setting of a server can choose it.
"""

from __future__ import annotations

import base64
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

from bellglass.sandboxes.backend import Backend
from bellglass.sandboxes.execution import Execution, ExecutionError
from bellglass.sandboxes.self_check import SelfCheck
from bellglass.sandboxes.session_limits import Limits
from bellglass.sandboxes.streams.memory_stream import pair
from bellglass.sandboxes.wire.framing import (
    HEADER_BYTES,
    MAX_REQUEST_BYTES,
    body_bytes,
    encode,
)
from bellglass.sandboxes.wire.legal_orders import REQUESTS, follow

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anyio.abc import ByteStream, TaskGroup

    from bellglass.sandboxes.wire.schema.basics import Mark
    from bellglass.sandboxes.wire.schema.frames import Frame
    from bellglass.sandboxes.wire.schema.requests import AskRuns, Call
    from bellglass.sandboxes.wire.schema.requests import Request as RequestFrame

CONFINED = SelfCheck(
    python="3.13.0",
    uid=1000,
    capabilities=0,
    no_new_privs=True,
    seccomp=2,
    interfaces=["lo"],
    closed_supervisor=True,
    writable_disks=[],
    memory_bytes=Limits().memory_bytes,
    processes=Limits().processes,
)
"""The report of a supervisor whose sandbox has every protection."""


class SandboxDied(Exception):
    """Raise it in an answer to have the sandbox die during the call."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request of a session to a sandbox."""

    op: str
    """`python`, `bash`, `check`, `test`, `read`, `write`, or `runs` about background runs."""

    arguments: Mapping[str, Any]
    """The arguments from the tool, such as `code`."""

    timeout: float
    """The time limit in seconds; 0 if there is none."""

    session_id: str
    sandbox: int
    """The number of the sandbox, from 1: a session that lost its sandbox gets another."""

    write: Callable[[str, Literal["stdout", "stderr"]], Awaitable[None]]
    """Send output while the call runs, as for progress: `await request.write("50 %", "stdout")`."""

    @property
    def text(self) -> str:
        """The code, or the command."""
        return str(self.arguments.get("code", self.arguments.get("command", "")))


Answer = Callable[[Request], Execution | Awaitable[Execution]]


class InMemoryBackend(Backend):
    """Answers calls as a test says.

    `answers` is a function of the request, or a mapping from code to its execution. A function may
    wait: a call that reaches its time limit, or is cancelled, ends as it would in a sandbox. For
    code that the mapping does not have, the call ends with an error that says so.
    """

    saves_sessions = False

    name = "in-memory"

    def __init__(
        self,
        answers: Answer | Mapping[str, Execution] | None = None,
        *,
        limits: Limits | None = None,
        report: SelfCheck = CONFINED,
    ) -> None:
        """Without `answers`, every call is `ok` and shows nothing.

        `report`: what the supervisor of each sandbox reports about its confinement.
        """
        super().__init__(limits or Limits())
        self.report = report
        self.requests: list[Request] = []
        """All requests so far, to all sandboxes."""
        self.live = 0
        """The number of sandboxes that exist now."""
        self.made = 0
        """The number of sandboxes that have been made."""
        self._answer = answers if callable(answers) else _looked_up(answers)

    @asynccontextmanager
    async def connect(self, session_id: str) -> AsyncGenerator[ByteStream]:
        """Answer at the far end of a stream, while the context is open."""
        near, far = pair()
        self.made += 1
        self.live += 1
        supervisor = _Supervisor(self, far, session_id, self.made)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(supervisor.serve, tasks)
                try:
                    yield near
                finally:
                    tasks.cancel_scope.cancel()
        finally:
            self.live -= 1
            await near.aclose()
            await far.aclose()

    async def answer(self, request: Request) -> Execution:
        """Return the execution for a request. A subclass may override it."""
        self.requests.append(request)
        answer = self._answer(request)
        return await answer if inspect.isawaitable(answer) else answer


class _Supervisor:
    """The far end of one stream: it reads requests, and answers each as the backend says."""

    def __init__(
        self, backend: InMemoryBackend, stream: ByteStream, session_id: str, sandbox: int
    ) -> None:
        self._backend = backend
        self._stream = stream
        self._session_id = session_id
        self._sandbox = sandbox
        self._calls: dict[int, anyio.CancelScope] = {}
        self._state = "new"
        """A state of `legal_orders.REQUESTS`."""

    async def serve(self, tasks: TaskGroup) -> None:
        """Start an answer to each request until the stream ends.

        Raises:
            OutOfOrder: The server asks for what it may not ask now.
        """
        await self._send(cast("Frame", {"type": "ready", **self._backend.report.model_dump()}))
        frames = BufferedByteReceiveStream(self._stream)
        while True:
            try:
                size = body_bytes(await frames.receive_exactly(HEADER_BYTES), MAX_REQUEST_BYTES)
                frame: RequestFrame = json.loads(await frames.receive_exactly(size))
            except (anyio.IncompleteRead, anyio.EndOfStream, anyio.ClosedResourceError):
                return
            self._note("call" if frame["op"] in ("python", "bash", "job") else frame["op"])
            if frame["op"] == "cancel":
                if frame["id"] in self._calls:
                    self._calls[frame["id"]].cancel()
            elif frame["op"] in ("python", "bash", "job", "runs"):
                scope = self._calls[frame["id"]] = anyio.CancelScope()
                tasks.start_soon(self._call, frame, scope)

    async def _call(self, frame: Call | AskRuns, scope: anyio.CancelScope) -> None:
        mark: Mark = {"id": frame["id"], "nonce": frame["nonce"]}

        async def write(text: str, name: Literal["stdout", "stderr"] = "stdout") -> None:
            await self._send({"type": "stream", **mark, "name": name, "text": text})

        op, arguments = _asked(frame)
        request = Request(
            op=op,
            arguments=arguments,
            timeout=0 if frame["op"] == "runs" else frame["timeout"],
            session_id=self._session_id,
            sandbox=self._sandbox,
            write=write,
        )
        execution = Execution(status="cancelled")
        try:
            with scope:
                execution = Execution(status="timeout")
                with anyio.move_on_after(request.timeout or None):
                    execution = await self._backend.answer(request)
        except SandboxDied:
            return await self._stream.aclose()
        finally:
            del self._calls[frame["id"]]
        if scope.cancelled_caught:
            execution = Execution(status="cancelled")
        self._note("answer" if frame["op"] == "runs" else "reply")
        await self._send({"type": "reply", **mark, "execution": _on_the_wire(execution)})

    def _note(self, message: str) -> None:
        self._state = follow(REQUESTS, self._state, message)

    async def _send(self, frame: Frame) -> None:
        await self._stream.send(encode(frame))


def _asked(frame: Call | AskRuns) -> tuple[str, dict[str, Any]]:
    """Return the operation and its arguments."""
    match frame["op"]:
        case "python":
            return "python", {"code": frame["code"]}
        case "bash":
            return "bash", {"command": frame["command"]}
        case "job":
            return frame["job"], frame["arguments"]
        case "runs":
            return "runs", {"do": frame["do"], "run": frame["run"]}


def _looked_up(answers: Mapping[str, Execution] | None) -> Answer:
    def answer(request: Request) -> Execution:
        if answers is None:
            return Execution(status="ok")
        if request.text in answers:
            return answers[request.text]
        known = ", ".join(map(repr, answers)) or "nothing"
        message = f"the test has no answer for {request.text!r}; it has one for {known}"
        error = ExecutionError(name="LookupError", message=message, traceback="")
        return Execution(status="error", error=error)

    return answer


def _on_the_wire(execution: Execution) -> Any:
    """Return an execution as a supervisor sends it, with bytes of pictures in base64."""

    def plain(value: Any) -> Any:
        match value:
            case bytes():
                return base64.b64encode(value).decode()
            case dict():
                return {name: plain(item) for name, item in value.items()}
            case list():
                return [plain(item) for item in value]
        return value

    return plain(execution.model_dump(exclude_unset=True))

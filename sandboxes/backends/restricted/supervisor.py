"""The supervisor of a restricted session: a task in the server that answers the usual frames.

It runs no foreign code itself: Monty does, in its own process.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal, cast

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream
from pydantic_monty import MontyCrashedError, MontyError, MontyRuntimeError, MontySyntaxError

from bellglass.sandboxes.backends.restricted import cases, errors
from bellglass.sandboxes.backends.restricted.output import Printed
from bellglass.sandboxes.backends.restricted.source import MAX_VALUE_CHARACTERS, SHOW, Source, fed
from bellglass.sandboxes.wire.framing import (
    HEADER_BYTES,
    MAX_REQUEST_BYTES,
    STREAM_INTERVAL_SECONDS,
    body_bytes,
    encode,
)
from bellglass.sandboxes.wire.legal_orders import REQUESTS, follow

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import ByteStream

    from bellglass.sandboxes.backends.restricted.interpreter import Interpreter
    from bellglass.sandboxes.session_limits import Limits
    from bellglass.sandboxes.wire.schema.basics import Mark, Status
    from bellglass.sandboxes.wire.schema.execution import Execution
    from bellglass.sandboxes.wire.schema.frames import Frame, Ready
    from bellglass.sandboxes.wire.schema.requests import Call, JobCall, PythonCall, Request

StreamName = Literal["stdout", "stderr"]

FULL = "The variables took more memory than a copy of them leaves room for."

CHECK = (
    "import json, sys; from bellglass.tools.validate_code.inside import check; "
    "check.run(json.load(sys.stdin), lambda part: print(json.dumps(part)))"
)
"""Foreign code can crash a parser, so it is checked in a process of its own."""


class Supervisor:
    """Answers the requests of one session, one at a time."""

    def __init__(self, stream: ByteStream, interpreter: Interpreter, limits: Limits) -> None:
        self._stream = stream
        self._frames = BufferedByteReceiveStream(stream)
        self._interpreter = interpreter
        self._limits = limits
        self._state = "new"
        """A state of `legal_orders.REQUESTS`."""
        self._running = 0
        """Id of the request that runs, or 0."""
        self._scope = anyio.CancelScope()
        self._cancelled = False
        self._taken_back = 0
        """Id of the last request that was cancelled, perhaps before it began."""

    async def serve(self) -> None:
        """Answer requests until the stream ends.

        Raises:
            OutOfOrder: The server asks for what it may not ask now.
        """
        await self._send(self._ready())
        send, requests = anyio.create_memory_object_stream["Call"](1)
        async with anyio.create_task_group() as tasks, send, requests:
            tasks.start_soon(self._listen, send)
            async for request in requests:
                await self._answer(request)

    async def _listen(self, requests: anyio.abc.ObjectSendStream[Call]) -> None:
        async with requests:
            while True:
                try:
                    header = await self._frames.receive_exactly(HEADER_BYTES)
                    size = body_bytes(header, MAX_REQUEST_BYTES)
                    request: Request = json.loads(await self._frames.receive_exactly(size))
                except (anyio.IncompleteRead, anyio.EndOfStream, anyio.ClosedResourceError):
                    return
                op: str = request["op"]
                self._note("call" if op in ("python", "bash", "job") else op)
                match request["op"]:
                    case "cancel":
                        self._taken_back = request["id"]
                        if self._taken_back == self._running:
                            self._cancelled = True
                            self._scope.cancel()
                    case "python" | "bash" | "job":
                        await requests.send(request)

    def _note(self, message: str) -> None:
        self._state = follow(REQUESTS, self._state, message)

    async def _send(self, frame: Frame) -> None:
        await self._stream.send(encode(frame))

    def _ready(self) -> Ready:
        return {
            "type": "ready",
            "python": f"monty {version('pydantic-monty-client')}",
            # The code has no access to any of these, so there is nothing to restrict.
            "uid": -1,
            "capabilities": 0,
            "no_new_privs": False,
            "seccomp": 0,
            "interfaces": [],
            "closed_supervisor": True,
            "writable_disks": [],
            "processes": 0,
            "memory_bytes": self._limits.memory_bytes,
        }

    async def _answer(self, request: Call) -> None:
        started = time.monotonic()
        self._running = request["id"]
        self._scope, self._cancelled = anyio.CancelScope(), self._taken_back == self._running
        if self._cancelled:
            self._scope.cancel()
        self._scope.deadline = anyio.current_time() + request["timeout"]
        execution = await self._execute(request)
        self._running = 0
        execution["wall_seconds"] = round(time.monotonic() - started, 6)
        mark: Mark = {"id": request["id"], "nonce": request["nonce"]}
        self._note("reply")
        await self._send({"type": "reply", **mark, "execution": execution})

    async def _execute(self, request: Call) -> Execution:
        match request["op"]:
            case "python" if "run" in request:
                return {"status": "error", "error": errors.refusal(errors.NO_BACKGROUND)}
            case "python":
                return await self._python(request)
            case "bash":
                return {"status": "error", "error": errors.refusal(errors.NO_BASH)}
            case "job":
                return await self._job(request)

    async def _job(self, request: JobCall) -> Execution:
        match request["job"]:
            case "test":
                return await self._test(request["arguments"])
            case "check":
                return await self._check(request["arguments"])
            case "read" | "write":
                return {"status": "ok", "report": [errors.NO_FILES]}
            case job:
                return {"status": "error", "error": errors.refusal(f"{errors.HERE}: no {job}.")}

    # --- Python

    async def _python(self, request: PythonCall) -> Execution:
        most = self._limits.output_bytes
        printed: dict[StreamName, Printed] = {"stdout": Printed(most), "stderr": Printed(most)}
        ended: Execution = {"status": "running"}
        with self._scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._tell, request, printed)
                ended = await self._evaluated(request["code"], printed)
                tasks.cancel_scope.cancel()
        if ended["status"] == "running":
            ended["status"] = "cancelled" if self._cancelled else "timeout"
            ended["state"] = await self._interpreter.restore()
        elif ended["status"] in ("ok", "error") and not await self._interpreter.keep():
            ended["state"] = await self._interpreter.restore()
            ended["notices"] = [FULL]
        return {
            **ended,
            "stdout": printed["stdout"].report(),
            "stderr": printed["stderr"].report(),
        }

    async def _evaluated(self, code: str, printed: dict[StreamName, Printed]) -> Execution:
        source = fed(code)
        try:
            await self._fed(
                source, code, lambda name, text: printed[cast("StreamName", name)].add(text)
            )
            value = None
            if source.shows:
                value = await self._interpreter.feed(SHOW, lambda name, text: None)
        except MontyCrashedError as exc:
            state = await self._interpreter.restore()
            return {"status": "crashed", "exit_code": exc.exit_status, "state": state}
        except (MontyRuntimeError, MontySyntaxError) as exc:
            return {"status": "error", "error": errors.described(exc, code, source)}
        except MontyError as exc:
            return {"status": "error", "error": errors.refusal(str(exc)[:1_000])}
        if isinstance(value, str) and len(value) > MAX_VALUE_CHARACTERS:
            value = f"{value[:MAX_VALUE_CHARACTERS]} … [the rest is omitted]"
        return {"status": "ok", "value": value if isinstance(value, str) else None}

    async def _fed(self, source: Source, code: str, note: Callable[[str, str], None]) -> None:
        try:
            await self._interpreter.feed(source.text, note)
        except MontySyntaxError:
            # An open bracket would cause an error in the line that we append: run it without that.
            await self._interpreter.feed(code, note)

    async def _tell(self, request: PythonCall, printed: dict[StreamName, Printed]) -> None:
        """Send new output while the code runs."""
        mark: Mark = {"id": request["id"], "nonce": request["nonce"]}
        while True:
            await anyio.sleep(STREAM_INTERVAL_SECONDS)
            for name, stream in printed.items():
                text, stream.unsent = stream.unsent, ""
                if text:
                    await self._send({"type": "stream", **mark, "name": name, "text": text})

    # --- the other operations

    async def _test(self, arguments: dict[str, Any]) -> Execution:
        report: list[dict[str, Any]] = []
        status: Status = "timeout"
        with self._scope:
            try:
                async with self._interpreter.fresh() as interpreter:
                    await cases.run(arguments, interpreter, report.append)
                status = "ok"
            except MontyCrashedError:
                status = "crashed"
        if status == "timeout" and self._cancelled:
            status = "cancelled"
        return {"status": status, "report": report}

    async def _check(self, arguments: dict[str, Any]) -> Execution:
        with self._scope:
            process = await anyio.run_process(
                [sys.executable, "-I", "-c", CHECK],
                input=json.dumps(arguments).encode(),
                check=False,
            )
            report = [json.loads(line) for line in process.stdout.splitlines()]
            return {"status": "crashed" if process.returncode else "ok", "report": report}
        return {"status": "timeout"}

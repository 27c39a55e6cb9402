"""The process service of envd, as Connect with JSON: what the SDK speaks to a machine.

After `spec/process/process.proto` and `internal/services/process` of envd 0.6.13. As protobuf has
it, a field with its default value (an exit code 0, a flag that is not set) is left out.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.datastructures import UploadFile
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from e2b_double.control import refused
from e2b_double.processes import Command, Subscriber

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.requests import Request

    from e2b_double.engine import Engine, Machine

_SIGNALS = {"SIGNAL_SIGKILL": signal.SIGKILL, "SIGNAL_SIGTERM": signal.SIGTERM}


class Cut(Exception):
    """The connection breaks here."""


class Envd:
    """Handlers of requests for the machines of one engine, which the headers name."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def routes(self) -> list[Route]:
        def route(name: str, handler: Any) -> Route:
            return Route(f"/process.Process/{name}", self._guarded(handler), methods=["POST"])

        return [
            route("Start", self._start),
            route("Connect", self._connect),
            route("SendInput", self._send_input),
            route("SendSignal", self._send_signal),
            route("CloseStdin", self._close_stdin),
            route("StreamInput", self._stream_input),
            route("Update", self._update),
            Route("/files", self._guarded(self._files), methods=["GET", "POST"]),
            route("List", self._list),
            # Without a token: it tells nothing.
            Route("/health", self._guarded(self._health, secured=False), methods=["GET"]),
        ]

    def _guarded(self, handler: Any, *, secured: bool = True) -> Any:
        async def guarded(request: Request) -> Response:
            name = request.headers.get("e2b-sandbox-id", "")
            machine = self._engine.machines.get(name)
            if machine is None or machine.state != "running":
                body = {"sandboxId": name, "message": "The sandbox was not found", "code": 502}
                return JSONResponse(body, 502)
            if secured and machine.token not in (None, request.headers.get("x-access-token")):
                return refused(401, "unauthorized access, please provide a valid access token")
            await machine.going.wait()
            try:
                response: Response = await handler(request, machine)
            except json.JSONDecodeError as exc:
                return JSONResponse({"code": "invalid_argument", "message": str(exc)}, 400)
            return response

        return guarded

    async def _health(self, request: Request, machine: Machine) -> Response:
        return Response(status_code=204)

    async def _start(self, request: Request, machine: Machine) -> Response:
        message = _message(await request.body())
        config = message["process"]
        if self._engine.start_refusals:
            return _refused(*self._engine.start_refusals.pop(0))
        user = base64.b64decode(request.headers.get("authorization", "")[6:]).decode()
        user = user.rpartition(":")[0] or "user"
        if user not in ("root", "user"):
            return _refused("unauthenticated", f"invalid username: '{user}'")
        cwd = config.get("cwd") or machine.home
        if not await asyncio.to_thread(os.path.isdir, cwd):
            return _refused("invalid_argument", f"cwd '{cwd}' does not exist")
        machine.write_profile(self._engine.path, self._engine.profile)
        environment = {"PATH": self._engine.path, "HOME": machine.home}
        environment |= {"USER": user, "LOGNAME": user, **(config.get("envs") or {})}
        argv = [config["cmd"], *map(self._engine.placed, config.get("args", ()))]
        if argv[0] in self._engine.lacking:
            argv[0] = f"/nonexistent{argv[0]}"
        # envd puts this before each command, so a program that is not there is told by it.
        argv = ["/usr/bin/nice", "-n", "0", *argv]
        # To envd a command without the field has a stdin: it is older than the field.
        command = await Command.start(argv, environment, cwd, stdin=message.get("stdin", True))
        machine.commands[command.pid] = command
        command.end_after(int(request.headers.get("connect-timeout-ms", 0)) / 1000)
        return self._streamed(command, command.subscribe(), request)

    async def _connect(self, request: Request, machine: Machine) -> Response:
        pid = _message(await request.body())["process"]["pid"]
        command = machine.commands.get(pid)
        if command is None or (command.exit_code is not None and not self._engine.retains):
            return _refused("not_found", f"process with pid {pid} not found")
        return self._streamed(command, command.subscribe(), request)

    async def _send_input(self, request: Request, machine: Machine) -> Response:
        message = await request.json()
        command = self._command(machine, message)
        if command is None:
            return _no_process(message)
        try:
            await command.write(base64.b64decode(message["input"]["stdin"]))
        except OSError as exc:
            text = f"error writing to stdin: error writing to stdin of process: {exc}"
            return JSONResponse({"code": "internal", "message": text}, 500)
        return JSONResponse({})

    async def _send_signal(self, request: Request, machine: Machine) -> Response:
        message = await request.json()
        command = self._command(machine, message)
        if command is None:
            return _no_process(message)
        command.signal(_SIGNALS[message["signal"]])
        return JSONResponse({})

    async def _close_stdin(self, request: Request, machine: Machine) -> Response:
        message = await request.json()
        command = self._command(machine, message)
        if command is None:
            return _no_process(message)
        command.close_stdin()
        return JSONResponse({})

    async def _stream_input(self, request: Request, machine: Machine) -> Response:
        first, *others = _messages(await request.body())
        command = self._command(machine, first["start"])
        if command is None:
            return _refused("not_found", "there is no such process")
        for message in others:
            if stdin := message.get("data", {}).get("input", {}).get("stdin"):
                await command.write(base64.b64decode(stdin))
        return Response(_envelope({}) + _envelope({}, 2), media_type="application/connect+json")

    async def _update(self, request: Request, machine: Machine) -> Response:
        return JSONResponse({})  # the size of a terminal, which no command here has

    async def _files(self, request: Request, machine: Machine) -> Response:
        """Read or write a file; all paths are below the home of the machine."""
        path = request.query_params["path"]
        data = None
        if request.method == "POST":
            async with request.form() as form:
                upload = form["file"]
                assert isinstance(upload, UploadFile)
                data = await upload.read()
        found = await asyncio.to_thread(_file, Path(machine.home), path, data)
        if found is None:
            return refused(404, f"path '{path}' does not exist")
        if data is None:
            return Response(found, media_type="application/octet-stream")
        return JSONResponse([{"name": Path(path).name, "type": "file", "path": path}])

    async def _list(self, request: Request, machine: Machine) -> Response:
        running = [
            {"pid": pid, "config": {"cmd": "/bin/bash"}}
            for pid, command in machine.commands.items()
            if command.exit_code is None
        ]
        return JSONResponse({"processes": running} if running else {})

    def _streamed(self, command: Command, subscriber: Subscriber, request: Request) -> Response:
        asked = float(request.headers.get("keepalive-ping-interval", 90))
        keepalive = self._engine.keepalive_seconds or asked

        async def events() -> AsyncIterator[bytes]:
            yield _envelope({"event": {"start": {"pid": command.pid}}})
            async for event in command.events(subscriber, keepalive):
                match event:
                    case (name, data):
                        encoded = base64.b64encode(data).decode()
                        yield _envelope({"event": {"data": {name: encoded}}})
                    case int():
                        yield _envelope({"event": {"end": _end(event)}})
                        yield _envelope({}, 2)
                    case "late":
                        error = {"code": "deadline_exceeded", "message": "the time is over"}
                        yield _envelope({"error": error}, 2)
                    case "quiet":
                        yield _envelope({"event": {"keepalive": {}}})
                    case None:
                        raise Cut

        return StreamingResponse(events(), media_type="application/connect+json")

    def _command(self, machine: Machine, message: dict[str, Any]) -> Command | None:
        command = machine.commands.get(message["process"]["pid"])
        return None if command is None or command.exit_code is not None else command


def _no_process(message: dict[str, Any]) -> Response:
    text = f"process with pid {message['process']['pid']} not found"
    return JSONResponse({"code": "not_found", "message": text}, 404)


def _refused(code: str, message: str) -> Response:
    """Refuse a request for a stream: the answer is a stream of nothing but its end."""
    error = {"error": {"code": code, "message": message}}
    return Response(_envelope(error, 2), media_type="application/connect+json")


def _end(code: int) -> dict[str, Any]:
    """Return the end of a command in the words of Go."""
    if code < 0:
        name = signal.strsignal(-code)
        status = f"signal: {(name or str(-code)).lower()}"
        return {"exitCode": -1, "status": status, "error": status}
    status = f"exit status {code}"
    return {"exited": True, "status": status} | (
        {"exitCode": code, "error": status} if code else {}
    )


def _file(home: Path, path: str, data: bytes | None) -> bytes | None:
    """Write `data` to a file below `home`, or read it; None if there is none."""
    file = (home / path.lstrip("/")).resolve()
    if not file.is_relative_to(home.resolve()):
        return None
    if data is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return file.read_bytes() if file.is_file() else None


def _messages(envelopes: bytes) -> Iterator[dict[str, Any]]:
    while envelopes:
        size = int.from_bytes(envelopes[1:5], "big")
        yield json.loads(envelopes[5 : 5 + size])
        envelopes = envelopes[5 + size :]


def _message(envelope: bytes) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(envelope[5:])
    return message


def _envelope(message: dict[str, Any], flag: int = 0) -> bytes:
    body = json.dumps(message).encode()
    return bytes([flag]) + len(body).to_bytes(4, "big") + body

"""The process service of envd, as Connect with JSON: what the SDK speaks to a machine."""

from __future__ import annotations

import base64
import json
import signal
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from e2b_double.control import refused
from e2b_double.processes import Command, Subscriber

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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
            route("List", self._list),
            Route("/health", self._guarded(self._health), methods=["GET"]),
        ]

    def _guarded(self, handler: Any) -> Any:
        async def guarded(request: Request) -> Response:
            name = request.headers.get("e2b-sandbox-id", "")
            machine = self._engine.machines.get(name)
            if machine is None or machine.state != "running":
                body = {"sandboxId": name, "message": "The sandbox was not found", "code": 502}
                return JSONResponse(body, 502)
            if request.headers.get("x-access-token") != machine.token:
                return refused(401, "unauthorized")
            response: Response = await handler(request, machine)
            return response

        return guarded

    async def _health(self, request: Request, machine: Machine) -> Response:
        return Response(status_code=204)

    async def _start(self, request: Request, machine: Machine) -> Response:
        message = _message(await request.body())
        config = message["process"]
        user = base64.b64decode(request.headers.get("authorization", "")[6:]).decode()
        machine.write_profile(self._engine.path, self._engine.profile)
        environment = {"HOME": machine.home, "USER": user.rstrip(":"), "PATH": self._engine.path}
        environment |= config.get("envs") or {}
        argv = [config["cmd"], *config["args"]]
        command = await Command.start(argv, environment, config.get("cwd") or machine.home)
        machine.commands[command.pid] = command
        return _streamed(command, command.subscribe())

    async def _connect(self, request: Request, machine: Machine) -> Response:
        command = self._command(machine, _message(await request.body()))
        if command is None:
            error = {"error": {"code": "not_found", "message": "process not found"}}
            return Response(_envelope(error, 2), media_type="application/connect+json")
        return _streamed(command, command.subscribe())

    async def _send_input(self, request: Request, machine: Machine) -> Response:
        message = await request.json()
        command = self._command(machine, message)
        if command is None:
            return JSONResponse({"code": "not_found", "message": "process not found"}, 404)
        await command.write(base64.b64decode(message["input"]["stdin"]))
        return JSONResponse({})

    async def _send_signal(self, request: Request, machine: Machine) -> Response:
        message = await request.json()
        command = self._command(machine, message)
        if command is None:
            return JSONResponse({"code": "not_found", "message": "process not found"}, 404)
        command.signal(_SIGNALS[message["signal"]])
        return JSONResponse({})

    async def _list(self, request: Request, machine: Machine) -> Response:
        running = [{"pid": pid, "config": {}} for pid in machine.commands]
        return JSONResponse({"processes": running})

    def _command(self, machine: Machine, message: dict[str, Any]) -> Command | None:
        command = machine.commands.get(message["process"]["pid"])
        return None if command is None or command.exit_code is not None else command


def _streamed(command: Command, subscriber: Subscriber) -> Response:
    async def events() -> AsyncIterator[bytes]:
        yield _envelope({"event": {"start": {"pid": command.pid}}})
        async for event in command.events(subscriber):
            match event:
                case (name, data):
                    encoded = base64.b64encode(data).decode()
                    yield _envelope({"event": {"data": {name: encoded}}})
                case int():
                    yield _envelope({"event": {"end": _end(event)}})
                    yield _envelope({}, 2)
                case None:
                    raise Cut

    return StreamingResponse(events(), media_type="application/connect+json")


def _end(code: int) -> dict[str, Any]:
    if code < 0:
        return {"exitCode": -1, "exited": False, "status": f"signal: {-code}", "error": "killed"}
    status: dict[str, Any] = {"exited": True, "status": f"exit status {code}"}
    if code:
        status |= {"exitCode": code, "error": f"exit status {code}"}
    return status


def _message(envelope: bytes) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(envelope[5:])
    return message


def _envelope(message: dict[str, Any], flag: int = 0) -> bytes:
    body = json.dumps(message).encode()
    return bytes([flag]) + len(body).to_bytes(4, "big") + body

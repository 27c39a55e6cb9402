"""The REST interface of the control plane, after spec/openapi.yml of e2b-dev/infra."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from e2b_double.templates import Templates

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from e2b_double.engine import Engine, Machine


def refused(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"code": status, "message": message}, status, headers)


class Control:
    """Handlers of requests for one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._templates = Templates(engine)

    def routes(self) -> list[Route]:
        def route(path: str, method: str, handler: Callable[..., Awaitable[Response]]) -> Route:
            async def guarded(request: Request) -> Response:
                if request.headers.get("x-api-key") != self._engine.key:
                    return refused(401, "invalid key")
                return await handler(request)

            return Route(path, guarded, methods=[method])

        one = "/sandboxes/{id}"
        routes = [
            route("/sandboxes", "POST", self._create),
            route(one, "GET", self._get),
            route(one, "DELETE", self._delete),
            route(one + "/timeout", "POST", self._timeout),
            route(one + "/pause", "POST", self._pause),
            route(one + "/connect", "POST", self._connect),
            route("/v2/sandboxes", "GET", self._list),
            route("/v3/templates", "POST", self._templates.request),
            route("/templates/{id}/files/{hash}", "GET", self._templates.link),
            route("/v2/templates/{id}/builds/{build}", "POST", self._templates.start),
            route("/templates/{id}/builds/{build}/status", "GET", self._templates.status),
            Route("/upload/{hash}", self._templates.upload, methods=["PUT"]),
        ]
        if self._engine.old:
            return [*routes, *self._not_there(self._engine.old)]
        routes.append(route("/v2/sandboxes", "POST", self._create))
        routes.append(route("/v2" + one + "/connect", "POST", self._connect))
        return routes

    def _not_there(self, kind: str) -> list[Route]:
        """Answer requests that came with version 2 as engines do that do not know them."""

        async def create(request: Request) -> Response:
            if kind == "e2b":  # the path has a GET, and a validator is asked before the router
                return refused(400, "validation error: method not allowed")
            return Response("Method Not Allowed", int(kind))

        async def connect(request: Request) -> Response:
            return refused(404, "validation error: no matching operation was found")

        return [
            Route("/v2/sandboxes", create, methods=["POST"]),
            Route("/v2/sandboxes/{id}/connect", connect, methods=["POST"]),
        ]

    def _machine(self, request: Request) -> Machine | None:
        return self._engine.machines.get(request.path_params["id"])

    async def _create(self, request: Request) -> Response:
        body = await request.json()
        if body["templateID"] not in self._engine.templates:
            return refused(404, f"template '{body['templateID']}' not found")
        if refusal := self._too_long(body.get("timeout", 15)):
            return refusal
        if len(self._engine.machines) >= self._engine.most:
            text = "you have reached the maximum number of concurrent E2B sandboxes"
            return refused(429, f"{text} ({self._engine.most})")
        if request.url.path.startswith("/v2"):
            body["secure"] = True  # version 2 knows nothing else
        machine = self._engine.create(body, request.headers.get("idempotency-key"))
        return JSONResponse({} if self._engine.nonsense else machine.described(), 201)

    async def _get(self, request: Request) -> Response:
        machine = self._machine(request)
        return JSONResponse(machine.detailed()) if machine else _gone(request)

    async def _delete(self, request: Request) -> Response:
        machine = self._machine(request)
        if machine is None:
            return _gone(request)
        await self._engine.kill(machine)
        return Response(status_code=204)

    async def _timeout(self, request: Request) -> Response:
        machine = self._machine(request)
        if machine is None or machine.state != "running":
            return _gone(request)
        if machine.age > self._engine.longest:
            return refused(400, "Max instance length exceeded")
        machine.ends = 0
        machine.resume((await request.json())["timeout"])
        return Response(status_code=204)

    def _too_long(self, timeout: float) -> Response | None:
        if timeout <= 0:
            return refused(400, "Timeout must be greater than 0")
        if timeout > self._engine.longest:
            hours = self._engine.longest // 3600
            return refused(400, f"Timeout cannot be greater than {hours} hours")
        return None

    async def _pause(self, request: Request) -> Response:
        machine = self._machine(request)
        if machine is None:
            return _gone(request)
        if machine.state == "paused":
            text = f"Error pausing sandbox - sandbox '{machine.id}' is already paused"
            return refused(409, text)
        machine.pause()
        return Response(status_code=204)

    async def _connect(self, request: Request) -> Response:
        machine = self._machine(request)
        if machine is None:
            return _gone(request)
        timeout = (await request.json())["timeout"]
        if refusal := self._too_long(timeout):
            return refusal
        status = 201 if machine.state == "paused" else 200
        await self._engine.resume(machine, timeout)
        return JSONResponse({} if self._engine.nonsense else machine.described(), status)

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        # Encoded twice: as a query within the query, and each part of that.
        pairs = parse_qsl(query.get("metadata", ""))
        wanted = {unquote(name): unquote(value) for name, value in pairs}
        states = query.get("state", "running,paused").split(",")
        limit = int(query.get("limit", 100))
        try:
            before = _cursor(query.get("nextToken"))
        except ValueError:
            return refused(400, "Invalid next token")
        if not 1 <= limit <= 100:
            return refused(400, "validation error: limit")
        found = [
            machine
            for machine in self._engine.machines.values()
            if self._engine.ignores_filter
            or (machine.state in states and wanted.items() <= machine.metadata.items())
        ]
        # The newest first. The token is a place in that order, and stays one when machines go.
        found.sort(key=_place, reverse=True)
        if before is not None:
            found = [machine for machine in found if _place(machine) < before]
        page: list[dict[str, Any]] = [machine.detailed() for machine in found[:limit]]
        more = {"x-next-token": _token(found[limit - 1])} if len(found) > limit else None
        return JSONResponse(page, headers=more)


def _place(machine: Machine) -> tuple[float, str]:
    return machine.started, machine.id


def _token(machine: Machine) -> str:
    return base64.urlsafe_b64encode(f"{machine.started!r}__{machine.id}".encode()).decode()


def _cursor(token: str | None) -> tuple[float, str] | None:
    if not token:
        return None
    try:
        started, _, name = base64.urlsafe_b64decode(token).decode().partition("__")
        return float(started), name
    except (binascii.Error, UnicodeDecodeError) as exc:
        raise ValueError(token) from exc


def _gone(request: Request) -> JSONResponse:
    return refused(404, f"sandbox '{request.path_params['id']}' not found")

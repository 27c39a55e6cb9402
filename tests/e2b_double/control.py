"""The REST interface of the control plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from e2b_double.engine import TEMPLATES, Engine, Machine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request


def refused(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"code": status, "message": message}, status, headers)


class Control:
    """Handlers of requests for one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

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
        ]
        if not self._engine.old:
            routes.append(route("/v2/sandboxes", "POST", self._create))
            routes.append(route("/v2" + one + "/connect", "POST", self._connect))
        return routes

    def _machine(self, request: Request) -> Machine | None:
        return self._engine.machines.get(request.path_params["id"])

    async def _create(self, request: Request) -> Response:
        body = await request.json()
        if body["templateID"] not in TEMPLATES:
            return refused(404, f"template '{body['templateID']}' not found")
        if len(self._engine.machines) >= self._engine.most:
            text = "you have reached the maximum number of concurrent E2B sandboxes"
            return refused(429, f"{text} ({self._engine.most})")
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
        machine.ends = 0
        machine.resume((await request.json())["timeout"])
        return Response(status_code=204)

    async def _pause(self, request: Request) -> Response:
        machine = self._machine(request)
        if machine is None:
            return _gone(request)
        if machine.state == "paused":
            return refused(409, f"sandbox '{machine.id}' is already paused")
        machine.pause()
        return Response(status_code=204)

    async def _connect(self, request: Request) -> Response:
        machine = self._machine(request)
        if machine is None:
            return _gone(request)
        status = 201 if machine.state == "paused" else 200
        await self._engine.resume(machine, (await request.json())["timeout"])
        return JSONResponse(machine.described(), status)

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        # Encoded twice: as a query within the query, and each part of that.
        pairs = parse_qsl(query.get("metadata", ""))
        wanted = {unquote(name): unquote(value) for name, value in pairs}
        states = query.get("state", "running,paused").split(",")
        found = [
            machine.detailed()
            for machine in self._engine.machines.values()
            if self._engine.ignores_filter
            or (machine.state in states and wanted.items() <= machine.metadata.items())
        ]
        start, limit = int(query.get("nextToken", 0)), int(query.get("limit", 100))
        more = {"x-next-token": str(start + limit)} if len(found) > start + limit else None
        page: list[dict[str, Any]] = found[start : start + limit]
        return JSONResponse(page, headers=more)


def _gone(request: Request) -> JSONResponse:
    return refused(404, f"sandbox '{request.path_params['id']}' not found")

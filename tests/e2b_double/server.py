"""The engine behind HTTP on the loopback, in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response

from e2b_double.control import Control, refused
from e2b_double.engine import Engine
from e2b_double.envd import Cut, Envd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

WARNING = "This is a double of E2B for tests. IT IS NO SANDBOX: it runs code on this machine."


class Double:
    """A running double; `engine` is its state, to look at and to meddle with."""

    def __init__(self, *, old: str = "") -> None:
        self.engine = Engine()
        self.engine.old = old
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server = uvicorn.Server(
            uvicorn.Config(
                _Faulty(self._app(), self.engine), log_level="critical", timeout_graceful_shutdown=1
            )
        )
        self._thread = threading.Thread(target=self._run, name="e2b-double")
        self._started = threading.Event()

    def _app(self) -> Starlette:
        @contextlib.asynccontextmanager
        async def lifespan(_: object) -> AsyncIterator[None]:
            self._loop = asyncio.get_running_loop()
            reaper = asyncio.create_task(self._reap())
            self._started.set()
            yield
            reaper.cancel()
            await self.engine.close()

        routes = Control(self.engine).routes() + Envd(self.engine).routes()
        return Starlette(routes=routes, lifespan=lifespan)

    async def _reap(self) -> None:
        while True:
            await self.engine.expire()
            await asyncio.sleep(0.05)

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def do(self, coroutine: Any) -> Any:
        """Run a coroutine where the engine lives; wait for it."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def call(self, function: Any, *arguments: Any) -> Any:
        """Call a function where the engine lives."""

        async def run() -> Any:
            return function(*arguments)

        return self.do(run())

    def __enter__(self) -> Self:
        sys.stderr.write(f"{WARNING} It listens on {self.url}.\n")
        self._thread.start()
        assert self._started.wait(30)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        self._socket.close()


class _Faulty:
    """Does the faults that are in wait, and notes the requests."""

    def __init__(self, app: ASGIApp, engine: Engine) -> None:
        self._app = app
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        fault = self._engine.faults.take(f"{scope['method']} {scope['path']}", headers)
        done: list[Message] = []
        if fault is not None:
            if fault.late:

                async def hold(message: Message) -> None:
                    done.append(message)

                await self._app(scope, receive, hold)
            await asyncio.sleep(fault.delay)
            if fault.status:
                answer: Response = refused(fault.status, fault.message, fault.headers)
                if fault.body:
                    answer = Response(fault.body, fault.status, fault.headers)
                await answer(scope, receive, send)
                return
        if done:
            for message in done:
                await send(message)
            return

        async def answered(message: Message) -> None:
            if fault is not None and fault.lose_answer:
                # By way of uvicorn's bound method: ASGI has no word for this.
                send.__self__.transport.abort()  # type: ignore[attr-defined]
                raise Cut
            await send(message)

        # Out of here without an answer, or with half of one: uvicorn cuts the connection.
        with contextlib.suppress(Cut):
            await self._app(scope, receive, answered)

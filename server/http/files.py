"""Files of sessions over HTTP, if they are too large for a message: /files/{session_id}/{path}.

The methods are GET (with Range), HEAD, PUT, and POST as PUT for clients that lack it; POST to
/files/new/{path} starts a session. Files are transferred in parts, so each costs the server the
memory of one part. Errors are JSON, with the same texts as those of the tools.
"""

from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from bellglass.sandboxes.errors import SandboxError, SessionNotFound
from bellglass.sandboxes.files import FileRefused
from bellglass.server.http.download import download
from bellglass.server.http.guard import FILES
from bellglass.server.http.replies import WrongRequest, error
from bellglass.server.http.transfers import RETRY_AFTER_SECONDS, TooManyTransfers, Transfers
from bellglass.server.http.upload import upload
from bellglass.tools.callers import caller_of_request, owner_of_request
from bellglass.tools.context import ToolContext

NEW = "new"

STATUS = {"missing": 404, "full": 507, "offset": 409, "unsupported": 501}
"""HTTP status by kind of refusal; any other kind is 403."""


class FileRoutes:
    """Serves /files/, and passes every other path to `app`."""

    def __init__(self, app: ASGIApp, bench: Callable[[], ToolContext | None]) -> None:
        self._app = app
        self._bench = bench
        self._transfers = Transfers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(FILES):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            await self._serve(request, send)
        except ClientDisconnect:
            pass  # the client has disconnected
        except WrongRequest as exc:
            await error(400, str(exc))(scope, receive, send)
        except TooManyTransfers as exc:
            response = error(exc.status, str(exc))
            response.headers["retry-after"] = str(RETRY_AFTER_SECONDS)
            await response(scope, receive, send)
        except FileRefused as exc:
            status = STATUS.get(exc.kind or "", 403)
            size = {"size": exc.size} if exc.kind == "offset" else {}
            await error(status, str(exc), **size)(scope, receive, send)
        except SessionNotFound as exc:
            await error(404, str(exc))(scope, receive, send)
        except SandboxError as exc:
            await error(503, str(exc))(scope, receive, send)

    async def _serve(self, request: Request, send: Send) -> None:
        bench = self._bench()
        assert bench is not None  # requests arrive only while the server is serving
        session_id, _, path = request.scope["path"].removeprefix(FILES).partition("/")
        method = request.method
        owner, caller = owner_of_request(), caller_of_request(request)
        if method not in ("GET", "HEAD", "PUT", "POST"):
            response = error(405, "Use GET, HEAD, PUT or POST.")
            response.headers["allow"] = "GET, HEAD, PUT, POST"
            await response(request.scope, request.receive, send)
        elif method in ("GET", "HEAD"):
            session = await bench.sessions.find(session_id, owner, caller)
            with self._transfers.one(session.id, caller):
                await download(request, session, path or ".", send)
        elif session_id == NEW and method == "POST":
            session = await bench.sessions.open(owner, caller, for_upload=True)
            with self._transfers.one(session.id, caller):
                await upload(request, bench, session, path, send)
        else:
            session = await bench.sessions.find(session_id, owner, caller)
            with self._transfers.one(session.id, caller):
                await upload(request, bench, session, path, send)

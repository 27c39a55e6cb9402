"""Serve MCP over streamable HTTP, at /mcp."""

import ipaddress
import logging
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial

import anyio
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp

from bellglass.server.http.connections import HEADER_TIMEOUT_SECONDS, Connection, Connections
from bellglass.server.http.files import FileRoutes
from bellglass.server.http.guard import Authority, Guard
from bellglass.server.http.legacy_connections import LegacyConnections
from bellglass.server.http.messages import MessageCheck
from bellglass.server.http.tokens import token_of
from bellglass.server.middleware import BellglassServer
from bellglass.server.settings import Settings, SettingsError
from bellglass.server.shutdown import Stop

MAX_BODY_BYTES = 8 * 1024**2
"""The longest argument takes 6 MB if each of its characters is sent as an escape."""

SHUTDOWN_TIMEOUT_SECONDS = 2
log = logging.getLogger(__name__)


async def serve_http(mcp: BellglassServer, settings: Settings, stop: Stop) -> None:
    """Serve until a signal arrives.

    Raises:
        SettingsError: The address cannot be used, or would not be safe.
    """
    host, port = _address(settings.http or "")
    token = token_of(settings)
    _require_safe(host, token, settings)
    listener = _listen(host, port)
    port = listener.getsockname()[1]
    server = _Server(
        uvicorn.Config(
            _guarded(mcp, settings, host, port, token),
            http=partial(Connection, Connections()),  # type: ignore[arg-type]
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=HEADER_TIMEOUT_SECONDS,
            timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_SECONDS,
        )
    )
    log.info("Serving on http://%s/mcp", _authority(host, port))

    def finish() -> None:
        # Connections that we cut off would be logged as errors, with tracebacks.
        for name in ("uvicorn", "mcp"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        server.handle_exit(signal.SIGTERM, None)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stop.on_signal, finish)
        await server.serve(sockets=[listener])
        tasks.cancel_scope.cancel()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Do nothing: our own handlers also handle SIGHUP, and set the exit code."""
        yield


def _guarded(
    mcp: BellglassServer, settings: Settings, host: str, port: int, token: str | None
) -> ASGIApp:
    hosts = _hosts(settings, host, port)
    origins = frozenset(
        {
            f"{scheme}://{name.name}:{name.port}"
            for scheme in ("http", "https")
            for name in hosts
            if name.port is not None
        }
        | set(settings.http_origins)
    )
    app: ASGIApp = mcp.streamable_http_app(
        # Not json_response=True: in that mode the SDK does not notice that a client disconnected.
        transport_security=TransportSecuritySettings(
            allowed_hosts=[_spelt(name) for name in hosts]
            + [f"{name.name}:*" for name in hosts if name.port is None],
            allowed_origins=sorted(origins),
        ),
        max_request_body_size=MAX_BODY_BYTES,
        session_idle_timeout=settings.session_idle_seconds,
        max_sessions=4 * settings.max_sessions,
    )
    app = LegacyConnections(
        app, max_connections=4 * settings.max_sessions, idle_seconds=settings.session_idle_seconds
    )
    app = MessageCheck(app, MAX_BODY_BYTES)
    app = FileRoutes(app, lambda: mcp.context)
    pages = frozenset(settings.http_origins)
    return Guard(app, hosts=hosts, origins=origins, pages=pages, token=token)


def _hosts(settings: Settings, host: str, port: int) -> frozenset[Authority]:
    """Return the allowed values of the Host header."""
    names = set()
    if _is_loopback(host):
        names = {Authority(name, port) for name in ("127.0.0.1", "localhost", "[::1]")}
    for text in settings.http_hosts:
        name = Authority.parse(text)
        if name is None:
            raise SettingsError(f"BELLGLASS_HTTP_HOSTS: {text!r} is not a host name or name:port.")
        names.add(name)
    return frozenset(names)


def _require_safe(host: str, token: str | None, settings: Settings) -> None:
    if _is_loopback(host):
        return
    missing = []
    if token is None:
        missing.append("BELLGLASS_HTTP_TOKEN_FILE (or BELLGLASS_HTTP_TOKEN)")
    if not settings.http_hosts:
        missing.append("BELLGLASS_HTTP_HOSTS")
    if missing:
        raise SettingsError(
            f"--http {settings.http}: an address that others can reach needs "
            f"{' and '.join(missing)}. Or bind to 127.0.0.1."
        )
    log.warning("%s speaks plain HTTP: put a proxy with TLS before it", settings.http)


def _address(text: str) -> tuple[str, int]:
    parsed = Authority.parse(text)
    if parsed is None or parsed.port is None or parsed.port > 65_535:
        raise SettingsError(f"--http {text!r}: expected HOST:PORT, such as 127.0.0.1:8000.")
    return parsed.name.strip("[]"), parsed.port


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is explicit; otherwise asyncio leaves Nagle's algorithm on, which costs 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()  # before the log reports the address
    except OSError as exc:
        listener.close()
        raise SettingsError(f"--http {host}:{port}: {exc.strerror or exc}.") from exc
    return listener


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _spelt(name: Authority) -> str:
    return name.name if name.port is None else f"{name.name}:{name.port}"


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

"""Connect to a Docker engine, and explain connection failures."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING

from bellglass.sandboxes.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from docker import DockerClient

ANSWER_TIMEOUT_SECONDS = 30
"""Timeout for one answer of the engine. A loaded engine takes seconds."""

_SOCKET = "/var/run/docker.sock"


def connect(host: str | None = None, *, connections: int = 10) -> DockerClient:
    """Return a client of the engine at `host`, else of that in DOCKER_HOST or the current context.

    Raises:
        SandboxUnavailable: No engine answers there; the message says why, and what to do.
    """
    try:
        import docker
    except ImportError as exc:
        raise SandboxUnavailable(
            "docker", "its Python package is not installed: `pip install docker`."
        ) from exc
    environ = environment_for(host)
    try:
        _knock(environ.get("DOCKER_HOST") or f"unix://{_SOCKET}")
        return docker.from_env(
            timeout=ANSWER_TIMEOUT_SECONDS, max_pool_size=connections, environment=environ
        )
    except (docker.errors.DockerException, OSError, ValueError) as exc:
        raise SandboxUnavailable("docker", why_unreached(exc, environ)) from exc


def _knock(host: str) -> None:
    """Test the connection to a local engine: the SDK would leak a socket if it is refused.

    Raises:
        OSError: Nothing listens there.
    """
    scheme, _, path = host.partition("://")
    if scheme == "unix" and sys.platform != "win32":
        with socket.socket(socket.AF_UNIX) as end:
            end.settimeout(ANSWER_TIMEOUT_SECONDS)
            end.connect("/" + path.lstrip("/"))


def environment_for(host: str | None) -> dict[str, str]:
    """Return our environment, with `host` as DOCKER_HOST."""
    return {**os.environ, **({"DOCKER_HOST": host} if host else {})}


def why_unreached(error: BaseException, environ: Mapping[str, str] = os.environ) -> str:
    """Return one sentence on why no engine was reached, and one on what to do."""
    host = environ.get("DOCKER_HOST", "")
    named = "DOCKER_HOST" if host == os.environ.get("DOCKER_HOST") else "BELLGLASS_DOCKER_HOST"
    where = f"at {host}, which {named} names" if host else f"at {_SOCKET}"
    causes = list(_causes(error))
    if any(isinstance(cause, PermissionError) for cause in causes):
        return (
            f"This user may not use the Docker engine {where}. "
            "`sudo usermod -aG docker $USER` and a new login allow it (and make the user as "
            "powerful as root); a rootless engine needs no such right."
        )
    if any(isinstance(cause, FileNotFoundError) for cause in causes):
        return f"There is no Docker engine {where}. {_install()}"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return f"No Docker engine listens {where}. {_install()}"
    if any(isinstance(cause, TimeoutError) for cause in causes) or "timed out" in str(error):
        seconds = ANSWER_TIMEOUT_SECONDS
        return f"The Docker engine {where} does not answer within {seconds} s. Restart it."
    last = str(causes[-1]).strip().rstrip(".")[:300]
    return f"The Docker engine {where} cannot be used: {last}."


def _install() -> str:
    if sys.platform in ("darwin", "win32"):
        return "Install and start Docker Desktop."
    return "Install it (Debian, Ubuntu: `apt install docker.io`) and start it."


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes: the libraries wrap one another's exceptions."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__

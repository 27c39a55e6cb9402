"""Backends that lend a folder, and questions from inside."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from absent import need, need_engine
from conftest import LIMITS

from bellglass.sandboxes.backends.docker import DockerBackend
from bellglass.sandboxes.backends.embedded import EmbeddedBackend
from bellglass.sandboxes.folders.folder import parse_all

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from bellglass.sandboxes.backend import Backend
    from bellglass.sandboxes.sessions.session import Session

OWNER = 12_345 if os.geteuid() == 0 else os.geteuid()
"""Who owns the lent folder. No test is about root's own files."""

BACKENDS = ("zygote", "bubblewrap", "docker")


def lender(name: str, folders: str) -> Backend:
    backend: Backend
    if name == "docker":
        need_engine()
        backend = DockerBackend(LIMITS)
    else:
        if name == "bubblewrap":
            need("bwrap", "bubblewrap")
        backend = EmbeddedBackend(LIMITS, launcher="zygote" if name == "zygote" else "bubblewrap")
    backend.folders = parse_all([folders])
    return backend


def owned(project: Path) -> Path:
    """Give the project, and all that is in it, to its owner."""
    for path in (project, *project.rglob("*")):
        if os.geteuid() != OWNER:
            os.chown(path, OWNER, OWNER, follow_symlinks=False)
    return project


def bound(server: socket.socket, project: Path, name: str) -> None:
    """Listen on a socket in the project that everybody may connect to."""
    folder = os.open(project, os.O_RDONLY)  # the path may be too long for an address
    try:
        server.bind(f"/proc/self/fd/{folder}/{name}")
    finally:
        os.close(folder)
    server.listen()
    server.setblocking(False)
    (project / name).chmod(0o777)


async def bash(session: Session, command: str) -> str:
    """Run it in the folder; return what it printed, also on stderr."""
    script = f"cd /folders/app && ( {command} ) 2>&1"
    execution = await session.run("bash", {"command": script}, timeout=30)
    return execution.stdout.text


ATTEMPT = """
import errno, json, os, socket
def attempt(function, *arguments):
    try:
        return repr(function(*arguments))
    except OSError as exc:
        return errno.errorcode[exc.errno]
def connect(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        return client.connect(path)
def read(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(descriptor, 100)
    finally:
        os.close(descriptor)
os.chdir("/folders/app")
"""


async def python(session: Session, expression: str) -> Any:
    code = f"{ATTEMPT}\nprint(json.dumps({expression}))"
    execution = await session.run("python", {"code": code}, timeout=30)
    assert execution.status == "ok", execution
    return json.loads(execution.stdout.text)

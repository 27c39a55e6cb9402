"""The zygote: a process with the root file system and a warm interpreter, which clones sandboxes.

It never runs code of a session. It reads only the control socket, and ends when the server closes
that. Because it is the first process of a pid namespace, every sandbox ends with it.
"""

from __future__ import annotations

import array
import gc
import importlib
import json
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.backends.embedded.inside import namespaces, sandbox
from bellglass.sandboxes.backends.embedded.inside.failure import as_frame, send_frame
from bellglass.sandboxes.confinement import landlock, libc
from bellglass.sandboxes.confinement.environment import environment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

_MAX_DESCRIPTORS = 32

_NAMESPACES = (
    namespaces.NEWUSER
    | namespaces.NEWNS
    | namespaces.NEWPID
    | namespaces.NEWIPC
    | namespaces.NEWUTS
    | namespaces.NEWNET
)


def serve(control: socket.socket, config: dict[str, Any]) -> NoReturn:
    """Make a sandbox for each request, which is a message with the sandbox's descriptors."""
    libc.prctl(libc.PR_SET_NAME, b"bellglass-zyg")
    inner = environment(config["path"], config["venv"])
    os.environ.update(inner)  # numpy reads it at import
    prepared = sandbox.Prepared(os.uname().machine, inner)
    missing = _preload(config["preload"], jobs=config["jobs"])
    answer = {
        "type": "serving",
        "python": sys.version.split()[0],
        "uid": config["uid"],
        "landlock": landlock.abi(),
        "missing": missing,
        "visible_paths": config["visible_paths"],
    }
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps sandboxes
    # These objects are never freed. A collection in a sandbox must not touch them, because the
    # kernel would then copy their pages.
    gc.collect()
    gc.freeze()
    control.send(json.dumps(answer).encode())
    os.dup2(os.open("/dev/null", os.O_WRONLY), 2)  # the server no longer reads stderr
    while True:
        data, ancillary, _, _ = control.recvmsg(1024, socket.CMSG_SPACE(_MAX_DESCRIPTORS * 4))
        if not data:
            os._exit(0)
        request = json.loads(data)
        descriptors = array.array("i")
        for _, _, content in ancillary:
            descriptors.frombytes(content)
        if "joins" in request:
            _make_sandbox(control, _given(request, descriptors), prepared)
        else:
            _make_user_namespace(control, descriptors[0])
        for descriptor in descriptors:
            os.close(descriptor)


def _given(request: dict[str, Any], descriptors: Sequence[int]) -> sandbox.Descriptors:
    stream, *others = descriptors
    joins, rest = others[: request["joins"]], others[request["joins"] :]
    names = request["counters"]
    counters, folders = dict(zip(names, rest)), rest[len(names) :]
    mapped = request.get("mapped", False)  # missing on E2B, whose machine has one sandbox
    return sandbox.Descriptors(stream, joins, counters, mapped, folders)


def _make_user_namespace(control: socket.socket, stream: int) -> None:
    """Make a user namespace that lasts until the server closes the stream."""
    if namespaces.fork_into(namespaces.NEWUSER) == 0:
        control.close()
        with socket.socket(fileno=stream) as server:
            server.send(b"p")
            server.recv(1)
        os._exit(0)


def _preload(modules: list[str], *, jobs: bool) -> list[str]:
    """Import our program and the preloaded modules; return those that cannot be imported."""
    importlib.import_module("bellglass.sandboxes.supervisor.main")
    importlib.import_module("bellglass.sandboxes.worker.worker")
    if jobs:
        importlib.import_module("bellglass.sandboxes.supervisor.jobs").load_all()
    missing = []
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception:  # a broken module must not prevent the sandbox
            missing.append(module)
    return missing


def _make_sandbox(
    control: socket.socket, descriptors: sandbox.Descriptors, prepared: sandbox.Prepared
) -> None:
    try:
        pid = namespaces.fork_into(_NAMESPACES)
    except OSError as exc:
        with socket.socket(fileno=os.dup(descriptors.stream)) as answer:
            send_frame(answer, {**as_frame(exc), "step": "clone into new namespaces"})
        return
    if pid == 0:
        control.detach()  # its descriptor will be reused for another file
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _reseed()
        sandbox.main(descriptors, prepared, own_namespaces=True)


def _reseed() -> None:
    """Reseed random number generators of imported libraries, so that sandboxes differ.

    Python's own `random` reseeds itself after every fork.
    """
    for name in ("numpy.random", "torch"):
        library: Any = sys.modules.get(name)
        if library is not None:
            library.seed()

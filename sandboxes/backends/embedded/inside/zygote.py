"""The zygote: a process that holds the view and a warm interpreter, and makes places of itself.

It never runs a line that a session sent, and it ends when the server does: all it reads is the
control socket, and the end of that is its end. As the first process of a pid namespace it takes
every place along.
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
    from typing import NoReturn

_NAMESPACES = (
    namespaces.NEWUSER
    | namespaces.NEWNS
    | namespaces.NEWPID
    | namespaces.NEWIPC
    | namespaces.NEWUTS
    | namespaces.NEWNET
)


def serve(control: socket.socket, config: dict[str, Any]) -> NoReturn:
    """Make a place for each request: a message whose descriptors it is given."""
    libc.prctl(libc.PR_SET_NAME, b"bellglass-zyg")
    inner = environment(config["path"], config["venv"])
    os.environ.update(inner)  # numpy reads it when it is imported
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
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a place
    # What is here now is never freed: a collection in a place must not touch, and so copy, it.
    gc.collect()
    gc.freeze()
    control.send(json.dumps(answer).encode())
    os.dup2(os.open("/dev/null", os.O_WRONLY), 2)  # from here on nobody reads it
    while True:
        data, ancillary, _, _ = control.recvmsg(256, socket.CMSG_SPACE(8 * 4))
        if not data:
            os._exit(0)
        request = json.loads(data)
        descriptors = array.array("i")
        for _, _, content in ancillary:
            descriptors.frombytes(content)
        stream, *others = descriptors
        joins, counters = others[: request["joins"]], others[request["joins"] :]
        named = dict(zip(request["counters"], counters))
        mapped = request.get("mapped", False)  # E2B's one place has a machine, and its user
        _make_sandbox(control, sandbox.Descriptors(stream, joins, named, mapped), prepared)
        for descriptor in descriptors:
            os.close(descriptor)


def _preload(modules: list[str], *, jobs: bool) -> list[str]:
    """Import our program and what sessions will want; return what does not import."""
    importlib.import_module("bellglass.sandboxes.supervisor.main")
    importlib.import_module("bellglass.sandboxes.worker.worker")
    if jobs:
        importlib.import_module("bellglass.sandboxes.supervisor.jobs").load_all()
    missing = []
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception:  # a broken module must not cost the sandbox
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
        control.detach()  # its number will be another file's
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _reseed()
        sandbox.main(descriptors, prepared, own_namespaces=True)


def _reseed() -> None:
    """Give libraries that are imported already random numbers of this place's own.

    Python's own `random` does so after every fork.
    """
    for name in ("numpy.random", "torch"):
        library: Any = sys.modules.get(name)
        if library is not None:
            library.seed()

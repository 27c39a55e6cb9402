"""The first program of ours in a machine: it makes a sandbox in it, and relays to the sandbox.

The machine alone would keep the code from others. Yet the supervisor has to be process 1 of a
PID namespace, and code that is root of the machine, sees its services and may use its network is
more than we promise. So the sandbox here is one of the embedded backend, made by the same steps.
"""

from __future__ import annotations

import array
import json
import os
import socket
from typing import TYPE_CHECKING

from bellglass.sandboxes.backends.e2b.inside.relay import Relay
from bellglass.sandboxes.backends.embedded.inside import start
from bellglass.sandboxes.backends.embedded.inside.failure import as_frame, receive_frame, send_frame
from bellglass.sandboxes.confinement import libc
from bellglass.sandboxes.confinement.failure import Failure, step

if TYPE_CHECKING:
    from typing import Any, NoReturn

_FIRST_PID_NAMESPACE = 0xEFFFFFFC  # PROC_PID_INIT_INO of include/linux/proc_ns.h

_MAX_MEMORY_SHARE = 0.8
"""Of the machine's memory that a session may have: its system and our relay need the rest."""


def main(bundle: bytes, config: dict[str, Any]) -> NoReturn:
    """Make the sandbox that `config` describes, and relay until one of the ends is gone.

    `boot`: the text that starts an interpreter from a bundle; `limits`: those of the session.
    """
    libc.prctl(libc.PR_SET_NAME, b"bellglass-e2b")
    try:
        control = _start_zygote(bundle, config["boot"])
        sandbox = _sandbox(control, _within_machine(config["limits"]))
    except BaseException as exc:
        os.write(1, b"F " + json.dumps(as_frame(exc)).encode() + b"\n")
        os._exit(1)
    Relay(sandbox).run()  # `control` is open until we end: its end is the zygote's
    os._exit(0)


def _within_machine(limits: dict[str, int]) -> dict[str, int]:
    """Return `limits` with no more memory than the machine has to give."""
    page = os.sysconf("SC_PAGE_SIZE")
    most = int(os.sysconf("SC_PHYS_PAGES") * page * _MAX_MEMORY_SHARE)
    return {**limits, "memory_bytes": min(limits["memory_bytes"], most)}


def _start_zygote(bundle: bytes, boot: str) -> socket.socket:
    """Start the embedded backend's zygote; return its control socket."""
    # The zygote is an orphan, and must not outlive us unseen.
    libc.prctl(libc.PR_SET_CHILD_SUBREAPER, 1)
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with step("make a memory file"):
        code = os.memfd_create("bellglass", os.MFD_CLOEXEC)
        with os.fdopen(os.dup(code), "wb") as file:
            file.write(bundle)
    # There will be one sandbox: what jobs need is imported when one comes.
    config = {"control": theirs.fileno(), "preload": [], "jobs": False, "boot": boot}
    if os.fork() == 0:
        # Not a Python of its own, whose start takes time: it executes one soon enough.
        try:
            os.environ.clear()
            os.setsid()
            null = os.open("/dev/null", os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            os.chdir("/")
            start.main(code, "prepare", json.dumps(config))
        finally:
            os._exit(127)
    os.close(code)
    theirs.close()
    while True:
        data = control.recv(65_536)
        if not data:
            raise Failure("start the zygote", 0, "it ended; its last words are on stderr")
        message = json.loads(data)
        if message["type"] == "serving":
            return control
        if message["type"] == "failed":
            raise Failure(message["step"], message["errno"], message["error"])


def _memory_events() -> list[int]:
    """Return a descriptor of what tells how often the kernel ended something for memory.

    A kernel that is the machine's own has no other session, so its own count will do. It has the
    name that a control group's count has.
    """
    try:
        if os.stat("/proc/self/ns/pid").st_ino != _FIRST_PID_NAMESPACE:
            return []
        return [os.open("/proc/vmstat", os.O_RDONLY | os.O_CLOEXEC)]
    except OSError:
        return []


def _sandbox(control: socket.socket, limits: dict[str, int]) -> socket.socket:
    """Have one sandbox made; return the stream to the supervisor in it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    given = [theirs.fileno(), *_memory_events()]
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", given))
    request = {"joins": 0, "counters": ["memory_events_fd"][: len(given) - 1]}
    control.sendmsg([json.dumps(request).encode()], [rights])
    for descriptor in given[1:]:
        os.close(descriptor)
    theirs.close()
    send_frame(ours, {"limits": limits, "workspace": "/work", "preload": []})
    # The other half of what inside/sandbox.py of the embedded backend does.
    if ours.recv(1, socket.MSG_PEEK) == b"p":
        ours.recv(1)
        ours.send(b"g")
    frame: dict[str, Any] = receive_frame(ours)
    if frame["type"] != "confined":
        raise Failure(frame["step"], frame["errno"], frame["error"])
    return ours

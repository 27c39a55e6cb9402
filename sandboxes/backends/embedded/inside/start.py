"""The entry point of interpreters of the embedded backend: the stages of a launch.

prepare   in the host's file system: makes the root file system, becomes unprivileged, and
          executes the next stage
serve     the zygote, in the new root. It is executed anew so that no file of the host is open or
          mapped: a sandbox could otherwise reach the interpreter through /proc/self/exe
plan      prints the plan of the root file system, for the command line of bubblewrap
bwrap     as root: makes the root file system, becomes unprivileged, and executes bubblewrap in it
sandbox   inside bubblewrap: completes the confinement and becomes the supervisor
"""

from __future__ import annotations

import base64
import json
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.backends.embedded.inside import lending, namespaces, plan, rootfs, sandbox
from bellglass.sandboxes.backends.embedded.inside.failure import as_frame, send_frame
from bellglass.sandboxes.common.lent_copies import LentCopy
from bellglass.sandboxes.confinement import libc
from bellglass.sandboxes.confinement.environment import environment
from bellglass.sandboxes.confinement.failure import Failure, step

if TYPE_CHECKING:
    from typing import NoReturn

_OWN = namespaces.NEWNS | namespaces.NEWPID | namespaces.NEWIPC | namespaces.NEWUTS
_OWN |= namespaces.NEWNET


def main(bundle: int, stage: str, configuration: str) -> NoReturn:
    """Run one stage."""
    config = json.loads(configuration)
    if stage == "plan":
        _print_plan(config)
    if stage == "sandbox":
        os.close(bundle)
        inner = environment(config["path"], config["venv"])
        prepared = sandbox.Prepared(os.uname().machine, inner)
        given = sandbox.Descriptors(config["stream"], config["joins"], config["counters"])
        sandbox.main(given, prepared, own_namespaces=False)

    if stage == "bwrap":
        _execute_bubblewrap(config)

    control = socket.socket(fileno=config["control"])
    try:
        if stage == "prepare":
            _prepare(control, bundle, config)
        elif stage == "serve":
            os.close(bundle)
            from bellglass.sandboxes.backends.embedded.inside import zygote

            zygote.serve(control, config)
    except BaseException as exc:
        control.send(json.dumps(as_frame(exc)).encode())
    os._exit(1)


def _print_plan(config: dict[str, Any]) -> NoReturn:
    try:
        made = plan.make([], config["late"])
    except Failure as exc:
        sys.exit(str(exc))
    files = [(path, base64.b64encode(data).decode(), mode) for path, data, mode in made.files]
    sys.stdout.write(json.dumps({**made._asdict(), "files": files}))
    sys.stdout.flush()
    os._exit(0)


def _prepare(control: socket.socket, bundle: int, config: dict[str, Any]) -> None:
    root = namespaces.may_administer()
    if not root and namespaces.may_change_user():
        # Root of a container that may not mount. The code must still not have root's uid.
        with step("become an unprivileged user"):
            namespaces.become_unprivileged()
    own = (os.getuid(), os.getgid())
    the_plan = plan.make([], config.get("late"))  # E2B has none
    with step("unshare"):
        libc.unshare(_OWN if root else _OWN | namespaces.NEWUSER)
    if not root:
        with step("map the user"):
            namespaces.map_ids(own, own)
    if os.fork():
        os._exit(0)  # the child, the first process of the pid namespace, becomes the zygote
    control.send(b'{"type":"started"}')
    folders = [
        lending.Lent(target, None if root else source, writable=writable)
        for target, source, writable in config.get("folders", [])
    ]
    copies = [LentCopy(*copy) for copy in config.get("copies", [])]
    rootfs.enter(the_plan, folders, copies, own_proc=True)
    if root:
        with step("become an unprivileged user"):
            namespaces.become_unprivileged()
    following = {
        "control": control.fileno(),
        "preload": config["preload"],
        "jobs": config["jobs"],
        "path": the_plan.path,
        "venv": the_plan.venv,
        "uid": os.getuid(),
        "visible_paths": the_plan.of_python(),
    }
    os.set_inheritable(control.fileno(), True)
    os.set_inheritable(bundle, True)
    with step("execute the interpreter in the root file system"):
        arguments = ["-I", "-u", "-c", config["boot"], str(bundle), "serve", json.dumps(following)]
        os.execve(the_plan.python, [the_plan.python, *arguments], {})


def _execute_bubblewrap(config: dict[str, Any]) -> NoReturn:
    program = config["argv"][0]
    try:
        if namespaces.may_administer():
            the_plan = plan.make([program], config["late"])
            with step("unshare"):
                libc.unshare(namespaces.NEWNS)
            folders = [
                lending.Lent(target, source, owner, group, config["uid"], writable)
                for target, source, owner, group, writable in config["folders"]
            ]
            rootfs.enter(the_plan, folders, own_proc=False)
            # As its user: root may not search folders of which one id has no map.
            libc.set_file_system_user(config["uid"])
            lending.hide(config["masks"])
            libc.set_file_system_user(0)
        with step("become an unprivileged user"):
            namespaces.become_unprivileged(config["uid"])
        for descriptor in config["descriptors"]:
            os.set_inheritable(descriptor, True)
        with step("execute bubblewrap in the root file system"):
            os.execve(program, config["argv"], {})
    except BaseException as exc:
        with socket.socket(fileno=config["stream"]) as stream:
            send_frame(stream, as_frame(exc))
    os._exit(1)

"""The second launcher: bubblewrap, which some systems allow where they do not allow the zygote.

Each sandbox has its own bubblewrap. It makes the namespaces and the root file system; our own code
inside does the rest, as with the zygote. It cannot limit the number of files of a tmpfs.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import stat
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from bellglass.sandboxes.backends.embedded.failure import LaunchFailed
from bellglass.sandboxes.backends.embedded.inside import namespaces
from bellglass.sandboxes.backends.embedded.inside.plan import (
    DEVICE_LINKS,
    DEVICES,
    DIRECTORIES,
    HOSTNAME,
    MASKED,
    Plan,
)
from bellglass.sandboxes.backends.embedded.process import Process, boot_arguments, bundle_file
from bellglass.sandboxes.common import packages

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Sequence

    from bellglass.sandboxes.backends.embedded.cgroups import Group
    from bellglass.sandboxes.folders.lender import Lent
    from bellglass.sandboxes.session_limits import Limits

_NEEDED = ("--size", "--disable-userns", "--as-pid-1", "--clearenv", "--perms")
"""Options that we use and old versions lack; the newest is of 0.8.0, from 2023."""

_EMPTY = "EMPTY"
"""Stands for a descriptor of an empty file, which bubblewrap closes after its use."""

_PLAN_TIMEOUT_SECONDS = 30
_EXIT_GRACE_SECONDS = 5.0
"""Time for bubblewrap to end by itself after its stream was closed; usually 50 ms."""


def arguments(
    plan: Plan,
    files: Sequence[int],
    limits: Limits,
    lent: Sequence[Lent] = (),
    *,
    in_rootfs: bool,
) -> list[str]:
    """Return the options of bubblewrap; `files` are descriptors of the contents of plan.files.

    `in_rootfs`: it runs in a root file system of ours, where the sources are at their targets.
    """
    inside = str(namespaces.INSIDE_ID)
    # fmt: off
    options = [
        "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
        "--unshare-cgroup-try", "--disable-userns", "--die-with-parent", "--new-session",
        "--as-pid-1", "--uid", inside, "--gid", inside, "--cap-drop", "ALL",
        "--clearenv", "--hostname", HOSTNAME,
    ]
    # fmt: on
    for source, target in plan.binds:
        options += ["--ro-bind", target if in_rootfs else source, target]
    for path in [] if in_rootfs else plan.covered:
        options += ["--perms", "0555", "--size", "4096", "--tmpfs", path, "--remount-ro", path]
    for directory in DIRECTORIES:
        options += ["--dir", directory]
    for path, target in [*plan.links, *DEVICE_LINKS.items()]:
        options += ["--symlink", target, path]
    for (path, _, mode), descriptor in zip(plan.files, files, strict=True):
        options += ["--perms", f"{mode:04o}", "--file", str(descriptor), path]
    for name in DEVICES:  # not --dev: that mounts a tmpfs without a limit, and has terminals
        # Not --remount-ro on top: bubblewrap would add nodev, and the devices could not be opened.
        options += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    options += ["--proc", "/proc"]
    for path in MASKED:
        # /proc/locks is not masked: the supervisor has no descriptor of it from before a mask.
        if path != "/proc/locks" and os.path.exists(path):
            options += ["--dev-bind", "/dev/null", path]
    for path, size, permissions in (
        ("/work", limits.disk_bytes, "0700"),
        ("/tmp", limits.scratch_bytes, "1777"),
        ("/dev/shm", limits.scratch_bytes, "1777"),
        (packages.OWN, limits.packages_bytes, "0700"),
    ):
        if not size:
            continue
        options += ["--perms", permissions, "--size", str(size), "--tmpfs", path]
    for each in lent:
        options += _lending(each, limits, in_rootfs=in_rootfs)
    return [*options, "--remount-ro", "/", "--chdir", "/work"]


def _lending(lent: Lent, limits: Limits, *, in_rootfs: bool) -> list[str]:
    base = lent.folder.base
    bind = "--bind" if lent.is_writable else "--ro-bind"
    options = [bind, base if in_rootfs else lent.folder.path, base]
    if lent.folder.mode == "copy":
        size = str(limits.disk_bytes)
        options += ["--perms", "0700", "--size", size, "--tmpfs", lent.folder.target]
    for path, is_folder in [] if in_rootfs else lent.masks:
        if is_folder:
            options += ["--perms", "0555", "--size", "4096", "--tmpfs", path, "--remount-ro", path]
        else:
            options += ["--ro-bind-data", _EMPTY, path]
    return options


class Bubblewrap:
    """A bubblewrap that can be used."""

    name = "bubblewrap"
    server_maps_uid = False
    alive = True
    preloaded: Sequence[str] = ()

    def __init__(
        self, program: str, python: str, plan: Plan, limits: Limits, late: str | None
    ) -> None:
        self._program = program
        self._python = python
        self._late = late
        self._plan = plan
        self._limits = limits
        # Run by root, it would run the code with root's uid; run by another user, it could not
        # read files below root's home. So a stage of ours first makes a root file system and drops
        # the uid.
        self._in_rootfs = namespaces.may_administer()
        self._drops = namespaces.may_change_user()
        self.metadata: dict[str, Any] = {}
        self.visible_paths = plan.of_python()

    @classmethod
    async def start(cls, python: str, limits: Limits, late: str | None = None) -> Bubblewrap:
        """Find the program, and plan the root file system.

        `late`: the folder in which an environment for sandboxes will appear.

        Raises:
            LaunchFailed: There is no usable bubblewrap.
        """
        program = await anyio.to_thread.run_sync(_find_program)
        plan = await anyio.to_thread.run_sync(_ask_plan, python, late)
        return cls(program, python, plan, limits, late)

    @asynccontextmanager
    async def launched(
        self, stream: socket.socket, group: Group, uid: int | None, lent: Sequence[Lent]
    ) -> AsyncGenerator[None]:
        """Start one bubblewrap, and end it on exit."""
        with contextlib.ExitStack() as opened:
            descriptors = [_memory_file(content) for _, content, _ in self._plan.files]
            for descriptor in descriptors:
                opened.callback(os.close, descriptor)
            in_rootfs = self._in_rootfs
            options = arguments(self._plan, descriptors, self._limits, lent, in_rootfs=in_rootfs)
            for at in (at for at, option in enumerate(options) if option == _EMPTY):
                descriptors.append(_memory_file(b""))
                opened.callback(os.close, descriptors[-1])
                options[at] = str(descriptors[-1])
            bundle_fd = bundle_file()
            opened.callback(os.close, bundle_fd)
            config = {
                "stream": stream.fileno(),
                "joins": group.joins,
                "counters": group.counters,
                "path": self._plan.path,
                "venv": self._plan.venv,
            }
            inner = [self._plan.python, "-I", "-u", *boot_arguments(bundle_fd, "sandbox", config)]
            command = [self._program, *options, "--", *inner]
            descriptors += [bundle_fd, stream.fileno(), *group.joins, *group.counters.values()]
            if self._drops:
                outer = {
                    "stream": stream.fileno(),
                    "argv": command,
                    "descriptors": descriptors,
                    "late": self._late,
                    "uid": namespaces.UNUSED_ID if uid is None else uid,
                    "folders": [
                        (at.folder.base, at.folder.path, at.owner[0], at.group, at.is_writable)
                        for at in lent
                    ],
                    "masks": [mask for each in lent for mask in each.masks],
                }
                stage = boot_arguments(bundle_fd, "bwrap", outer)
                command = [self._python, "-I", "-S", "-u", *stage]
            try:
                process = Process(command, descriptors)
            except OSError as exc:
                raise LaunchFailed("run bubblewrap", exc.errno or 0, str(exc)) from exc
        try:
            yield
        except LaunchFailed as exc:
            raise LaunchFailed(exc.step, exc.errno, process.errors() or exc.text) from exc
        finally:
            await process.end(grace=_EXIT_GRACE_SECONDS)

    @property
    def control(self) -> None:
        """None: a bubblewrap ends with the server that started it."""

    async def aclose(self) -> None:
        """Do nothing: no process outlives its sandbox."""


def _find_program() -> str:
    program = shutil.which("bwrap")
    if program is None:
        raise LaunchFailed("find bubblewrap", 0, "it is not installed")
    program = os.path.realpath(program)
    if os.stat(program).st_mode & stat.S_ISUID:
        # CVE-2026-41163: another process of the same user can trace it, and become root.
        raise LaunchFailed("find bubblewrap", 0, f"{program} is setuid, which is not safe")
    answer = subprocess.run(
        [program, "--help"], env={}, capture_output=True, text=True, check=False
    )
    missing = [option for option in _NEEDED if option not in answer.stdout + answer.stderr]
    if missing:
        raise LaunchFailed("find bubblewrap", 0, f"{program} is too old, it lacks {missing[0]}")
    return program


def _ask_plan(python: str, late: str | None) -> Plan:
    """Run the sandbox's interpreter to plan the root file system that it needs."""
    bundle_fd = bundle_file()
    try:
        answer = subprocess.run(
            [
                python,
                "-I",
                "-S",
                *boot_arguments(bundle_fd, "plan", {"late": late}),
            ],
            env={},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            pass_fds=[bundle_fd],
            timeout=_PLAN_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise LaunchFailed("start the interpreter", 0, str(exc)) from exc
    finally:
        os.close(bundle_fd)
    if answer.returncode:
        text = answer.stderr.decode(errors="replace")[-500:]
        raise LaunchFailed("start the interpreter", 0, text)
    fields = json.loads(answer.stdout)
    files = [(path, base64.b64decode(data), mode) for path, data, mode in fields["files"]]
    return Plan(
        binds=[(source, target) for source, target in fields["binds"]],
        links=[(path, target) for path, target in fields["links"]],
        files=files,
        python=fields["python"],
        path=fields["path"],
        venv=fields["venv"],
        covered=fields["covered"],
    )


def _memory_file(content: bytes) -> int:
    descriptor = os.memfd_create("bellglass", os.MFD_CLOEXEC)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor

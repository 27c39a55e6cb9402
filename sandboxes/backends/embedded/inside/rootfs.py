"""Build the root file system that every sandbox of a zygote starts from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bellglass.sandboxes.backends.embedded.inside import lending, mounts
from bellglass.sandboxes.backends.embedded.inside.plan import (
    DEVICE_LINKS,
    DEVICES,
    DIRECTORIES,
    Plan,
)
from bellglass.sandboxes.confinement.failure import step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bellglass.sandboxes.common.lent_copies import LentCopy

_OLD = "/.host"
_MAX_ROOT_BYTES = 16 * 1024**2
_MAX_ROOT_FILES = 4096


def enter(
    plan: Plan,
    folders: Sequence[lending.Lent] = (),
    copies: Sequence[LentCopy] = (),
    *,
    own_proc: bool,
) -> None:
    """Build the root file system, and make it the root of this process, for good.

    As in bubblewrap, the new root is a tmpfs mounted on /tmp, and the host's root is moved below it
    until everything is bound from there, so that sources may be anywhere, also in /tmp.

    `own_proc`: mount proc for this process's pid namespace; otherwise bind the host's.
    """
    os.umask(0o022)
    with step("mounts private"):
        mounts.make_private()
    with step("root tmpfs"):
        mounts.tmpfs("/tmp", _MAX_ROOT_BYTES, _MAX_ROOT_FILES, 0o755)
        os.mkdir("/tmp" + _OLD)
    with step("pivot_root"):
        mounts.change_root("/tmp", "/tmp" + _OLD)

    for source, target in plan.binds:
        with step(f"bind {target}"):
            _mount_point(_OLD + source, target)
            mounts.bind_read_only(_OLD + source, target)
    for path in plan.covered:
        with step(f"cover {path}"):
            mounts.tmpfs(path, 4096, 1, 0o555)
            mounts.remount_read_only(path)
    with step("root files"):
        for directory in DIRECTORIES:
            os.makedirs(directory, exist_ok=True)
        for path, target in [*plan.links, *DEVICE_LINKS.items()]:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(target, path)
        for path, content, mode in plan.files:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
                os.fchmod(file.fileno(), mode)
    for name in DEVICES:
        with step(f"bind /dev/{name}"):
            _mount_point(f"{_OLD}/dev/{name}", f"/dev/{name}")
            mounts.bind_device(f"{_OLD}/dev/{name}", f"/dev/{name}")
    with step("mount proc"):
        # Before the host's proc is gone: a user namespace may mount proc only while it sees one.
        if own_proc:
            mounts.proc("/proc")
        else:
            mounts.bind_tree(_OLD + "/proc", "/proc")
    lending.prepare(folders, copies, _OLD)
    with step("scratch tmpfs"):
        # Only for the zygote: modules that it imports write caches. Each sandbox mounts its own
        # tmpfs on top.
        mounts.tmpfs("/tmp", _MAX_ROOT_BYTES, _MAX_ROOT_FILES, 0o1777)
    with step("detach the host's root"):
        mounts.detach(_OLD)
        os.rmdir(_OLD)
        mounts.remount_read_only("/")


def _mount_point(source: str, target: str) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o444))

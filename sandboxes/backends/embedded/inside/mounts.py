"""Mount read-only binds, sized tmpfs and proc, and change the root directory."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os

from bellglass.sandboxes.confinement import libc

# include/uapi/linux/mount.h
RDONLY = 1
NOSUID = 2
NODEV = 4
NOEXEC = 8
_REMOUNT = 32
_BIND = 4096
_REC = 16384
_PRIVATE = 1 << 18
_ATTR_RDONLY = 0x1
_ATTR_NOSUID = 0x2
_ATTR_NODEV = 0x4
_ATTR_NOEXEC = 0x8
_ATTR_IDMAP = 0x100000

_AT_FDCWD = -100  # include/uapi/linux/fcntl.h
_AT_RECURSIVE = 0x8000
_AT_EMPTY_PATH = 0x1000
_MNT_DETACH = 2  # include/linux/fs.h
_OPEN_TREE_CLONE = 1  # include/uapi/linux/mount.h, as those below
_OPEN_TREE_CLOEXEC = os.O_CLOEXEC
_MOVE_MOUNT_FROM_EMPTY_PATH = 4


class _MountAttributes(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns"))


def make_private() -> None:
    """Stop the propagation of mounts to and from the namespace that this one was copied from."""
    libc.mount(None, "/", None, _REC | _PRIVATE)


def tmpfs(target: str, size: int, inodes: int, mode: int, flags: int = NOSUID | NODEV) -> None:
    """Mount an empty tmpfs that can hold at most `size` bytes and `inodes` files."""
    options = f"size={size},nr_inodes={inodes},mode={mode:o}"
    libc.mount("tmpfs", target, "tmpfs", flags, options)


def proc(target: str) -> None:
    libc.mount("proc", target, "proc", NOSUID | NODEV | NOEXEC)


def bind(source: str, target: str) -> None:
    """Bind a file to `target`, with the attributes of its mount."""
    libc.mount(source, target, None, _BIND)


def bind_device(source: str, target: str) -> None:
    """Bind a device to `target`; it can be written to, but its name and mode cannot be changed."""
    bind(source, target)
    with contextlib.suppress(OSError):  # Linux before 5.12; the file belongs to root anyway
        _set_attributes(target, _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NOEXEC)


def bind_tree(source: str, target: str) -> None:
    libc.mount(source, target, None, _BIND | _REC)


def bind_read_only(source: str, target: str) -> None:
    """Bind `source` to `target`, read-only, without devices and setuid.

    MS_REMOUNT changes only the top mount, so mounts below `source` would stay writable. They are
    therefore included only if mount_setattr (Linux 5.12) can change them too.
    """
    libc.mount(source, target, None, _BIND | _REC)
    try:
        _set_attributes(target, _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV)
    except OSError as exc:
        if exc.errno != errno.ENOSYS:
            raise
        libc.unmount(target, _MNT_DETACH)
        libc.mount(source, target, None, _BIND)
        remount_read_only(target)


def overlay(lower: str, upper: str, work: str, target: str) -> None:
    """Mount a file system that shows `lower`, and keeps changes in `upper` (Linux 5.11 for users).

    None of the paths may have a comma or a colon.
    """
    options = f"lowerdir={lower},upperdir={upper},workdir={work},userxattr"
    libc.mount("overlay", target, "overlay", NOSUID | NODEV, options)


def detached(source: str, idmap: int | None, *, writable: bool = False) -> int:
    """Return a copy of a mount, without the mounts below it, which is nowhere yet.

    It is read-only unless it is `writable`. `idmap`: a user namespace that maps the owners of files
    (mount_setattr(2)). The caller is root of the machine.
    """
    path = os.fsencode(source)
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC
    descriptor = libc.syscall("open_tree", _AT_FDCWD, path, flags)
    wanted = _MountAttributes(_ATTR_NOSUID | _ATTR_NODEV, 0, 0, 0)
    if not writable:
        wanted.set |= _ATTR_RDONLY
    if idmap is not None:
        wanted.set |= _ATTR_IDMAP
        wanted.userns = idmap
    size = ctypes.sizeof(wanted)
    try:
        libc.syscall("mount_setattr", descriptor, b"", _AT_EMPTY_PATH, ctypes.byref(wanted), size)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def attach(descriptor: int, target: str) -> None:
    """Mount what `detached` returned."""
    path = os.fsencode(target)
    libc.syscall("move_mount", descriptor, b"", _AT_FDCWD, path, _MOVE_MOUNT_FROM_EMPTY_PATH)


def bind_writable(source: str, target: str) -> None:
    """Bind `source` to `target`, without devices and setuid (mount_setattr, Linux 5.12)."""
    libc.mount(source, target, None, _BIND | _REC)
    _set_attributes(target, _ATTR_NOSUID | _ATTR_NODEV)


def _set_attributes(target: str, attributes: int) -> None:
    """Add attributes to a mount and to all mounts below it."""
    wanted = _MountAttributes(attributes, 0, 0, 0)
    size = ctypes.sizeof(wanted)
    path = os.fsencode(target)
    libc.syscall("mount_setattr", _AT_FDCWD, path, _AT_RECURSIVE, ctypes.byref(wanted), size)


def remount_read_only(target: str) -> None:
    # Existing attributes must be repeated: a user namespace may not remove them.
    kept = os.statvfs(target).f_flag & (NOEXEC | os.ST_NOATIME | os.ST_NODIRATIME | os.ST_RELATIME)
    flags = kept & NOEXEC
    flags |= 1024 if kept & os.ST_NOATIME else 0
    flags |= 2048 if kept & os.ST_NODIRATIME else 0
    flags |= 1 << 21 if kept & os.ST_RELATIME else 0
    libc.mount(None, target, None, _REMOUNT | _BIND | RDONLY | NOSUID | NODEV | flags)


def change_root(new: str, old: str) -> None:
    """Make the mount point `new` the root; the previous root is moved to `old`, below `new`."""
    libc.syscall("pivot_root", os.fsencode(new), os.fsencode(old))
    os.chdir("/")


def detach(target: str) -> None:
    """Remove a tree of mounts from the namespace, even if files in it are open."""
    libc.unmount(target, _MNT_DETACH)

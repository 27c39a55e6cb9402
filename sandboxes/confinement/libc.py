"""Functions of the C library and the kernel that Python does not expose."""

from __future__ import annotations

import ctypes
import os

from bellglass.sandboxes.confinement.syscall_numbers import number_here

_libc = ctypes.CDLL(None, use_errno=True)

# include/uapi/linux/prctl.h
PR_CAPBSET_DROP = 24
PR_SET_NAME = 15
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
PR_SET_DUMPABLE = 4
PR_GET_TID_ADDRESS = 40
PR_CAP_AMBIENT = 47
PR_SET_CHILD_SUBREAPER = 36


def _checked(result: int, call: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


def _argument(value: object) -> object:
    # A bare int would be passed as 32 bits to a variadic function.
    return ctypes.c_long(value) if isinstance(value, int) else value


def syscall(name: str, *arguments: object) -> int:
    """Make a system call by name."""
    number = ctypes.c_long(number_here(name))
    return _checked(_libc.syscall(number, *map(_argument, arguments)), name)


def prctl(option: int, *arguments: object) -> int:
    padded = [*arguments, 0, 0, 0, 0][:4]
    return _checked(_libc.prctl(option, *map(_argument, padded)), f"prctl {option}")


def mount(
    source: str | None, target: str, kind: str | None, flags: int, options: str | None = None
) -> None:
    encoded = [None if text is None else os.fsencode(text) for text in (source, kind, options)]
    result = _libc.mount(
        encoded[0], os.fsencode(target), encoded[1], ctypes.c_ulong(flags), encoded[2]
    )
    _checked(result, f"mount {kind or source} on {target}")


def unmount(target: str, flags: int) -> None:
    _checked(_libc.umount2(os.fsencode(target), flags), f"umount {target}")


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def set_file_system_user(uid: int) -> None:
    """Reach files as another user, without losing the capability to mount, setfsuid(2)."""
    _libc.setfsuid(ctypes.c_uint(uid))


def write_setting(path: str, value: str) -> None:
    """Write to an existing file of procfs or sysfs: built-in open() takes five times as long."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)


def sethostname(name: str) -> None:
    _checked(_libc.sethostname(name.encode(), ctypes.c_size_t(len(name))), "sethostname")

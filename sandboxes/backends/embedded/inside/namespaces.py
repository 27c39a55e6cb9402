"""Namespaces, user ids and capabilities."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress

from bellglass.sandboxes.confinement import libc
from bellglass.sandboxes.confinement.syscalls import number_here

# include/uapi/linux/sched.h
NEWNS = 0x00020000
NEWCGROUP = 0x02000000
NEWUTS = 0x04000000
NEWIPC = 0x08000000
NEWUSER = 0x10000000
NEWPID = 0x20000000
NEWNET = 0x40000000
_CHILD_CLEARTID = 0x00200000
_CHILD_SETTID = 0x01000000

INSIDE_ID = 1000
"""The uid and gid of the code, as it sees itself."""

UNUSED_ID = 60_944
"""The uid and gid on the host of what a server run by root starts, places apart (see `uids`).

systemd's table of ranges (https://systemd.io/UIDS-GIDS) lists 60706 to 61183 as unused: no
package, no user database and no other sandbox has it, so no file and no process is reached by it.
"""

_CAP_SYS_ADMIN = 21  # include/uapi/linux/capability.h
_CAPABILITY_VERSION_3 = 0x20080522

# The raw clone() must keep the interpreter's lock, so not through ctypes.CDLL.
_python = ctypes.PyDLL(None, use_errno=True)


def may_change_user() -> bool:
    """Whether this is root, and the unused uid exists in its user namespace."""
    with open("/proc/self/uid_map") as file:
        ranges = [tuple(map(int, line.split())) for line in file]
    mapped = any(first <= UNUSED_ID < first + count for first, _, count in ranges)
    return os.geteuid() == 0 and mapped


def may_administer() -> bool:
    """Whether this is root that may mount without a user namespace of its own."""
    return may_change_user() and bool(_capabilities("CapEff") >> _CAP_SYS_ADMIN & 1)


def _capabilities(kind: str) -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1], 16) for line in file if line.startswith(kind + ":"))


def become_unprivileged(uid: int = UNUSED_ID) -> None:
    """Take a uid that nothing else has, for good: as root the limit on processes does not bind."""
    os.setgroups([])
    become(uid)


def become(uid: int) -> None:
    """Take a uid, and the gid of that number, for good."""
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    libc.prctl(libc.PR_SET_DUMPABLE, 1)  # else /proc/self is root's


def _tid_address() -> int:
    """Where the C library keeps the thread's id, or 0 where the kernel does not say."""
    address = ctypes.c_ulong()
    try:
        libc.prctl(libc.PR_GET_TID_ADDRESS, ctypes.byref(address))
    except OSError:
        return 0
    return address.value


def fork_into(namespaces: int) -> int:
    """Fork, with the child in new namespaces from its first instruction.

    What os.fork() does, but for the flags: unshare() would not move the caller into a new pid
    namespace, and would need a second fork.
    """
    flags = namespaces | signal.SIGCHLD
    address = _tid_address()
    if address:  # else the C library would believe the child to have the parent's id
        flags |= _CHILD_SETTID | _CHILD_CLEARTID
    # clone(2): aarch64 has tls before child_tid, x86_64 after it.
    last = (0, address) if os.uname().machine == "aarch64" else (address, 0)
    arguments = [ctypes.c_ulong(value) for value in (flags, 0, 0, *last)]
    number = ctypes.c_long(number_here("clone"))
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = int(_python.syscall(number, *arguments))
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
    else:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
        if pid < 0:
            errno = ctypes.get_errno()
            raise OSError(errno, f"clone: {os.strerror(errno)}")
    return pid


def map_ids(inside: tuple[int, int], outside: tuple[int, int], process: int | str = "self") -> None:
    """Name the one user and group of a process's user namespace: each map is a single line."""
    for file, text in (
        ("setgroups", "deny"),  # user_namespaces(7): without it an unprivileged gid_map fails
        ("uid_map", f"{inside[0]} {outside[0]} 1"),
        ("gid_map", f"{inside[1]} {outside[1]} 1"),
    ):
        libc.write_setting(f"/proc/{process}/{file}", text)


# Limits of this user namespace (namespaces(7), inotify(7)): no namespace in it, whatever the filter
# says, and not all of the inotify instances that the user who runs the server has for himself.
_OWN_LIMITS = {
    **{
        f"max_{kind}_namespaces": 0
        for kind in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time")
    },
    "max_inotify_instances": 32,
    "max_inotify_watches": 8192,
}


def limit_kernel_objects() -> None:
    """Bound what the kernel counts by user namespace; needs CAP_SYS_RESOURCE in it."""
    for name, most in _OWN_LIMITS.items():
        with suppress(FileNotFoundError):  # a kernel without this kind
            libc.write_setting(f"/proc/sys/user/{name}", str(most))


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def drop_capabilities() -> None:
    """Give up every capability, those that an exec could bring back too."""
    bounding = _capabilities("CapBnd")  # bubblewrap has emptied it already
    for capability in range(bounding.bit_length()):
        libc.prctl(libc.PR_CAPBSET_DROP, capability)
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    libc.syscall("capset", ctypes.byref(header), (ctypes.c_uint32 * 6)())

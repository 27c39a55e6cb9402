"""Create namespaces, change user ids, and drop capabilities."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress

from bellglass.sandboxes.confinement import libc
from bellglass.sandboxes.confinement.syscall_numbers import number_here

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
"""The uid and gid of the code inside the sandbox."""

UNUSED_ID = 60_944
"""The uid and gid on the host of launchers that root's server starts (sandboxes: see `uids`).

systemd's table of ranges (https://systemd.io/UIDS-GIDS) lists 60706 to 61183 as unused: no
package, no user database and no other sandbox has it, so no file and no process is reached by it.
"""

_CAP_SYS_ADMIN = 21  # include/uapi/linux/capability.h
_CAPABILITY_VERSION_3 = 0x20080522

# PyDLL keeps the interpreter's lock during the raw clone(); CDLL would release it.
_python = ctypes.PyDLL(None, use_errno=True)


def may_change_user() -> bool:
    """Whether this process is root, and the unused uid exists in its user namespace."""
    with open("/proc/self/uid_map") as file:
        ranges = [tuple(map(int, line.split())) for line in file]
    mapped = any(first <= UNUSED_ID < first + count for first, _, count in ranges)
    return os.geteuid() == 0 and mapped


def may_administer() -> bool:
    """Whether this process is root and may mount without a new user namespace."""
    return may_change_user() and bool(_capabilities("CapEff") >> _CAP_SYS_ADMIN & 1)


def _capabilities(kind: str) -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1], 16) for line in file if line.startswith(kind + ":"))


def become_unprivileged(uid: int = UNUSED_ID) -> None:
    """Switch to the unused uid for good; the limit on processes does not apply to root."""
    os.setgroups([])
    become(uid)


def become(uid: int) -> None:
    """Switch to a uid, and to the gid of the same number, for good."""
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    libc.prctl(libc.PR_SET_DUMPABLE, 1)  # else /proc/self belongs to root


def _tid_address() -> int:
    """Return the address where the C library keeps the thread id, or 0 if it is unknown."""
    address = ctypes.c_ulong()
    try:
        libc.prctl(libc.PR_GET_TID_ADDRESS, ctypes.byref(address))
    except OSError:
        return 0
    return address.value


def fork_into(namespaces: int) -> int:
    """Fork a child that is in new namespaces from its first instruction.

    It does what os.fork() does, with other flags. unshare() does not move its caller into a new pid
    namespace, so it would take a second fork.
    """
    flags = namespaces | signal.SIGCHLD
    address = _tid_address()
    if address:  # else the C library would take the parent's thread id for the child's
        flags |= _CHILD_SETTID | _CHILD_CLEARTID
    # clone(2): the argument tls is before child_tid on aarch64, after it on x86_64.
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
    """Map the only user and group of a process's user namespace; each map is a single line."""
    for file, text in (
        ("setgroups", "deny"),  # user_namespaces(7): without it an unprivileged gid_map fails
        ("uid_map", f"{inside[0]} {outside[0]} 1"),
        ("gid_map", f"{inside[1]} {outside[1]} 1"),
    ):
        libc.write_setting(f"/proc/{process}/{file}", text)


def map_owner(owner: int, group: int | None, uid: int, process: int) -> None:
    """Map the uid `owner` of files to `uid` in a user namespace that is used for a mount.

    The `group` is mapped where files are made: in an overlay, which copies them with their ids, and
    in a folder that is written to. Otherwise no group of
    files is mapped, on purpose: the kernel lets nobody write to a file of which one id
    has no map. So no socket on that mount can be connected to, and no pipe be written to, which a
    read-only mount allows.
    """
    libc.write_setting(f"/proc/{process}/uid_map", f"{owner} {uid} 1")
    # The kernel refuses an empty map; no file has this group.
    gids = (UNUSED_ID, UNUSED_ID) if group is None else (group, uid)
    libc.write_setting(f"/proc/{process}/gid_map", f"{gids[0]} {gids[1]} 1")


def idmap(owner: int, group: int | None, uid: int) -> int:
    """Return a descriptor of a user namespace as `map_owner` says; needs root of the machine."""
    reader, writer = os.pipe()
    process = fork_into(NEWUSER)
    if process == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    try:
        map_owner(owner, group, uid, process)
        return os.open(f"/proc/{process}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(reader)
        os.close(writer)
        os.waitpid(process, 0)


# Limits of this user namespace (namespaces(7), inotify(7)): no namespaces in it, even if the filter
# failed, and only a part of the inotify instances of the user who runs the server.
_OWN_LIMITS = {
    **{
        f"max_{kind}_namespaces": 0
        for kind in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time")
    },
    "max_inotify_instances": 32,
    "max_inotify_watches": 8192,
}


def limit_kernel_objects() -> None:
    """Limit the objects that the kernel counts by user namespace; needs CAP_SYS_RESOURCE in it."""
    for name, most in _OWN_LIMITS.items():
        with suppress(FileNotFoundError):  # the kernel lacks this kind
            libc.write_setting(f"/proc/sys/user/{name}", str(most))


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def drop_capabilities() -> None:
    """Drop every capability, also those that an exec could restore."""
    bounding = _capabilities("CapBnd")  # bubblewrap has emptied it already
    for capability in range(bounding.bit_length()):
        libc.prctl(libc.PR_CAPBSET_DROP, capability)
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    libc.syscall("capset", ctypes.byref(header), (ctypes.c_uint32 * 6)())

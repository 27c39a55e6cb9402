"""The system call filter: a classic BPF program that we assemble, so it needs no library.

It denies calls whose effects no namespace contains, calls that only an escape needs, and memory
that no limit counts; docs/security.md gives the reasons for what is allowed. Calls that are always
allowed cost nothing, because the kernel caches these decisions (Linux 5.11).
"""

from __future__ import annotations

import ctypes

from bellglass.sandboxes.confinement import libc
from bellglass.sandboxes.confinement.assembler import (
    AND,
    ANY_BIT,
    ARCHITECTURE_OFFSET,
    AT_LEAST,
    EQUAL,
    JUMP,
    LOAD,
    NUMBER_OFFSET,
    RETURN,
    Assembler,
    argument_at,
)
from bellglass.sandboxes.confinement.syscall_numbers import number

# include/uapi/linux/audit.h: AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64
AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# fmt: off
DENIED = (
    # mounts and namespaces
    "mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "open_tree_attr",
    "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "setns", "unshare",
    # other processes
    "ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd", "process_madvise",
    # keyrings are not namespaced
    "add_key", "request_key", "keyctl",
    # large and often broken parts of the kernel
    "bpf", "perf_event_open", "io_uring_setup", "io_uring_enter", "io_uring_register",
    "userfaultfd", "vmsplice", "remap_file_pages",
    # the machine
    "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot",
    "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "syslog", "settimeofday",
    "clock_settime", "adjtimex", "clock_adjtime", "sethostname", "setdomainname", "vhangup",
    "iopl", "ioperm", "modify_ldt", "personality", "lsm_set_self_attr", "seccomp",
    "migrate_pages", "move_pages", "mbind", "set_mempolicy", "set_mempolicy_home_node",
    # old and unused
    "lookup_dcookie", "nfsservctl", "uselib", "_sysctl",
    # access to files other than by path
    "name_to_handle_at", "open_by_handle_at", "fanotify_init", "fanotify_mark",
    # memory that belongs to no process: a watcher that sums up processes does not see it
    "memfd_create", "memfd_secret", "mq_open", "shmget", "shmat", "shmctl",
    "msgget", "msgsnd", "msgrcv", "msgctl", "semget", "semop", "semctl", "semtimedop",
)
# fmt: on

# ENOSYS makes libraries fall back to another call. The flags of clone3 are in memory, which a
# filter cannot read; the older call can be filtered. The limit of asynchronous I/O is one for the
# whole machine, and one sandbox could use it up. inotify on a shared read-only file would reveal
# what other sessions and the host do with it; without inotify, libraries poll.
# fmt: off
ABSENT = (
    "clone3", "statmount", "listmount",
    "io_setup", "io_submit", "io_cancel", "io_getevents", "io_pgetevents", "io_destroy",
    "inotify_init", "inotify_init1", "cachestat",
)
# fmt: on

# These report success and do nothing: they would flush the disks of the host, also for a shared
# read-only file. The files that code can write to are in memory.
PRETENDED = ("sync", "syncfs", "fsync", "fdatasync")

_NAMESPACE_FLAGS = 0x7E020000  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}
_X32_BIT = 0x40000000  # __X32_SYSCALL_BIT
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_SOCK_TYPE_MASK = 0xF  # include/linux/net.h
_SOCK_STREAM, _SOCK_DGRAM = 1, 2
_IPPROTO_TCP, _IPPROTO_UDP = 6, 17
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # asm-generic/ioctls.h: input into a terminal
_BTRFS_IOC_SYNC, _BTRFS_IOC_START_SYNC = 0x9408, 0x80089418  # include/uapi/linux/btrfs.h
_PR_SET_SECCOMP = 22
_PR_SCHED_CORE = 62  # would keep the sibling of a processor core idle
_PR_SET_MEMORY_MERGE, _MADV_MERGEABLE = 67, 12  # shares equal pages with any process
_FADV_DONTNEED = 4  # include/uapi/linux/fadvise.h: others would read the file from the disk
_MAP_HUGETLB = 0x40000  # asm-generic/mman.h: the pool belongs to the whole machine

# include/uapi/linux/fcntl.h. A lease on a shared file makes a writer on the host wait, and F_NOTIFY
# is the predecessor of inotify. Commands newer than delegations are denied, as unknown.
_F_SETLEASE, _F_NOTIFY, _F_GETDELEG = 1024, 1026, 1039
_F_OFD_SETLK, _F_OFD_SETLKW = 37, 38
"""Locks that the kernel lists without an owner, so nothing could count them per sandbox."""

_MSG_OOB = 1  # include/linux/socket.h
_SOL_SOCKET = 1  # asm-generic/socket.h, as those below
_SO_SNDBUF, _SO_RCVBUF = 7, 8
_SO_LINGER = 13
_SO_ATTACH_FILTER, _SO_ATTACH_BPF = 26, 50
_SO_ATTACH_REUSEPORT_CBPF, _SO_ATTACH_REUSEPORT_EBPF = 51, 52
_IPPROTO_IP, _IPPROTO_IPV6 = 0, 41
# Options that do not exist here. The machine has one stock of flow labels; keys and groups take
# 128 KiB for each socket that no control group counts. include/uapi/linux/tcp.h, in6.h, in.h
_NO_OPTIONS = {
    # TCP_MD5SIG, TCP_ULP (TLS in the kernel), TCP_MD5SIG_EXT, TCP_AO_ADD_KEY
    "option of TCP": (14, 31, 32, 38),
    # IPV6_ADD_MEMBERSHIP, IPV6_FLOWLABEL_MGR, MCAST_JOIN_GROUP, .._JOIN_SOURCE_GROUP, .._MSFILTER
    "option of IPv6": (20, 32, 42, 46, 48),
}
_SENDING = {
    "sendto": 3, "sendmsg": 2, "sendmmsg": 3, "recvfrom": 3, "recvmsg": 2, "recvmmsg": 3
}  # fmt: skip
"""Calls that take message flags, and the index of that argument."""

# Code has the uid of process 1, so it could lower its priority or pin it to a busy processor.
_SUPERVISOR_PID = 1
_SCHEDULING = ("sched_setscheduler", "sched_setparam", "sched_setattr", "sched_setaffinity")
"""Calls whose first argument is a process id."""
_OF_SEVERAL = {"setpriority": 2, "ioprio_set": 3}
"""Calls whose first argument says what the second one identifies, and the value that means a
user: PRIO_USER and IOPRIO_WHO_USER."""

# include/uapi/linux/seccomp.h
KILL = 0x80000000
_ERRNO = 0x00050000
ALLOW = 0x7FFF0000


def build(machine: str, *, counted: bool = True) -> bytes:
    """Return the program for an architecture, as an array of struct sock_filter.

    `counted`: a control group counts the buffers of sockets; else they keep their initial size.
    """
    asm = Assembler()
    emit = asm.emit

    def on(name: str, label: str) -> None:
        found = number(name, machine)
        if found is not None:
            emit(EQUAL, found, label)

    emit(LOAD, ARCHITECTURE_OFFSET)
    emit(EQUAL, AUDIT_ARCHITECTURES[machine], "", "kill")
    emit(LOAD, NUMBER_OFFSET)
    if machine == "x86_64":
        emit(AT_LEAST, _X32_BIT, "absent")
    for name in (
        *("fcntl", "setsockopt", "ioctl", "prctl", "clone", "socket", "socketpair"),
        *("prlimit64", "mmap", "madvise", "fadvise64"),
    ):
        on(name, name)
    for name, argument in _SENDING.items():
        on(name, f"flags {argument}")
    for name in _SCHEDULING:
        on(name, "of process")
    for name in _OF_SEVERAL:
        on(name, name)
    for name in DENIED:
        on(name, "denied")
    for name in ABSENT:
        on(name, "absent")
    for name in PRETENDED:
        on(name, "pretended")
    asm.label("allowed")
    emit(RETURN, ALLOW)

    asm.label("ioctl")
    emit(LOAD, argument_at(1))
    emit(EQUAL, _TIOCSTI, "denied")
    emit(EQUAL, _TIOCLINUX, "denied")
    emit(EQUAL, _BTRFS_IOC_SYNC, "not supported")
    emit(EQUAL, _BTRFS_IOC_START_SYNC, "not supported", "fine")

    asm.label("fcntl")
    emit(LOAD, argument_at(1))
    emit(EQUAL, _F_SETLEASE, "denied")
    emit(EQUAL, _F_NOTIFY, "denied")
    emit(EQUAL, _F_OFD_SETLK, "no command")
    emit(EQUAL, _F_OFD_SETLKW, "no command")
    emit(AT_LEAST, _F_GETDELEG, "no command", "fine")

    for argument in sorted(set(_SENDING.values())):
        asm.label(f"flags {argument}")
        emit(LOAD, argument_at(argument))
        emit(ANY_BIT, _MSG_OOB, "not supported", "fine")

    asm.label("setsockopt")
    emit(LOAD, argument_at(1))
    emit(EQUAL, _SOL_SOCKET, "option of sockets")
    emit(EQUAL, _IPPROTO_TCP, "option of TCP")
    emit(EQUAL, _IPPROTO_IP, "fine")
    emit(EQUAL, _IPPROTO_IPV6, "option of IPv6", "no option")
    for label, options in _NO_OPTIONS.items():
        asm.label(label)
        emit(LOAD, argument_at(2))
        for option in options:
            emit(EQUAL, option, "no option")
        emit(JUMP, 0, "fine")
    asm.label("option of sockets")
    emit(LOAD, argument_at(2))
    # The last process that closes a lingering socket sleeps, and that could be process 1.
    emit(EQUAL, _SO_LINGER, "pretended")
    for option in (
        _SO_ATTACH_FILTER,
        _SO_ATTACH_BPF,
        _SO_ATTACH_REUSEPORT_CBPF,
        _SO_ATTACH_REUSEPORT_EBPF,
    ):  # such programs and seccomp filters share one pool of memory of the machine
        emit(EQUAL, option, "denied")
    if not counted:
        emit(EQUAL, _SO_SNDBUF, "pretended")
        emit(EQUAL, _SO_RCVBUF, "pretended")
    emit(JUMP, 0, "fine")

    asm.label("prctl")
    emit(LOAD, argument_at(0))
    emit(EQUAL, _PR_SET_SECCOMP, "denied")
    emit(EQUAL, _PR_SCHED_CORE, "no command")
    emit(EQUAL, _PR_SET_MEMORY_MERGE, "no command", "fine")

    asm.label("mmap")
    emit(LOAD, argument_at(3))
    emit(ANY_BIT, _MAP_HUGETLB, "no memory", "fine")

    asm.label("fadvise64")
    emit(LOAD, argument_at(3))
    emit(EQUAL, _FADV_DONTNEED, "pretended", "fine")

    asm.label("madvise")
    emit(LOAD, argument_at(2))
    emit(EQUAL, _MADV_MERGEABLE, "no command", "fine")

    asm.label("clone")
    emit(LOAD, argument_at(0))
    emit(ANY_BIT, _NAMESPACE_FLAGS, "denied", "fine")

    asm.label("prlimit64")  # the supervisor has the same uid: code could lower its limits
    emit(LOAD, argument_at(0))
    emit(EQUAL, 0, "fine", "denied")

    asm.label("of process")
    emit(LOAD, argument_at(0))
    emit(EQUAL, _SUPERVISOR_PID, "denied", "fine")
    for name, user in _OF_SEVERAL.items():
        asm.label(name)
        emit(LOAD, argument_at(0))
        emit(EQUAL, user, "denied")
        emit(LOAD, argument_at(1))
        emit(EQUAL, _SUPERVISOR_PID, "denied", "fine")

    asm.label("socketpair")  # TIPC has socket pairs too
    emit(LOAD, argument_at(0))
    emit(EQUAL, _AF_UNIX, "fine", "no family")

    asm.label("socket")
    emit(LOAD, argument_at(0))
    emit(EQUAL, _AF_UNIX, "fine")
    emit(EQUAL, _AF_INET, "internet")
    emit(EQUAL, _AF_INET6, "internet", "no family")
    asm.label("internet")
    emit(LOAD, argument_at(1))
    emit(AND, _SOCK_TYPE_MASK)  # without SOCK_NONBLOCK and SOCK_CLOEXEC
    emit(EQUAL, _SOCK_STREAM, "stream")
    emit(EQUAL, _SOCK_DGRAM, "datagram", "denied")
    asm.label("stream")
    emit(LOAD, argument_at(2))
    emit(EQUAL, 0, "fine")
    emit(EQUAL, _IPPROTO_TCP, "fine", "no protocol")
    asm.label("datagram")
    emit(LOAD, argument_at(2))
    emit(EQUAL, 0, "fine")
    emit(EQUAL, _IPPROTO_UDP, "fine", "no protocol")

    for label, verdict in (
        ("fine", ALLOW),
        ("denied", _ERRNO | 1),  # EPERM
        ("absent", _ERRNO | 38),  # ENOSYS
        ("pretended", _ERRNO | 0),
        ("no family", _ERRNO | 97),  # EAFNOSUPPORT
        ("no protocol", _ERRNO | 93),  # EPROTONOSUPPORT
        ("no option", _ERRNO | 92),  # ENOPROTOOPT
        ("not supported", _ERRNO | 95),  # EOPNOTSUPP
        ("no command", _ERRNO | 22),  # EINVAL
        ("no memory", _ERRNO | 12),  # ENOMEM
        ("kill", KILL),  # SECCOMP_RET_KILL_PROCESS
    ):
        asm.label(label)
        emit(RETURN, verdict)
    return asm.program()


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install(program: bytes) -> None:
    """Install the filter for this process and its descendants. Needs no_new_privs."""
    argument = _Program(len(program) // 8, program)
    libc.prctl(libc.PR_SET_SECCOMP, 2, ctypes.byref(argument))  # SECCOMP_MODE_FILTER

"""The system-call filter: a classic BPF program, assembled here, so that nothing is installed.

Denied is what a namespace does not cover, what only an escape needs, and memory that no limit
counts; docs/security.md has the reasons for what is allowed. The kernel's own filter cache makes
the calls that are always allowed free (Linux 5.11).
"""

from __future__ import annotations

import ctypes
import struct

from bellglass.sandboxes.confinement import libc
from bellglass.sandboxes.confinement.syscalls import number

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
    # files by other ways than their paths
    "name_to_handle_at", "open_by_handle_at", "fanotify_init", "fanotify_mark",
    # memory that belongs to no process: a watcher that adds up processes does not see it
    "memfd_create", "memfd_secret", "mq_open", "shmget", "shmat", "shmctl",
    "msgget", "msgsnd", "msgrcv", "msgctl", "semget", "semop", "semctl", "semtimedop",
)
# fmt: on

# "Not there" makes libraries take another way. Of clone3, because its flags are in memory, out of
# a filter's sight: the older call can be filtered. Asynchronous I/O is counted for the whole
# machine, and one place could take all of it. A watch of inotify on a file of the view would tell
# what other sessions and the host do with that file: without it watchers look now and then.
# fmt: off
ABSENT = (
    "clone3", "statmount", "listmount",
    "io_setup", "io_submit", "io_cancel", "io_getevents", "io_pgetevents", "io_destroy",
    "inotify_init", "inotify_init1",
)
# fmt: on

# Say that they worked and do nothing: they would write out the disks of the host.
PRETENDED = ("sync", "syncfs")

_NAMESPACE_FLAGS = 0x7E020000  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}
_X32_BIT = 0x40000000  # __X32_SYSCALL_BIT
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_SOCK_TYPE_MASK = 0xF  # include/linux/net.h
_SOCK_STREAM, _SOCK_DGRAM = 1, 2
_IPPROTO_TCP, _IPPROTO_UDP = 6, 17
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # asm-generic/ioctls.h: type into a terminal
_PR_SET_SECCOMP = 22

# include/uapi/linux/fcntl.h. A lease on a file of the view makes its writer on the host wait, and
# a notification is inotify's forerunner. What is newer than delegations is not known to us.
_F_SETLEASE, _F_NOTIFY, _F_GETDELEG = 1024, 1026, 1039

_MSG_OOB = 1  # include/linux/socket.h
_SOL_SOCKET = 1  # asm-generic/socket.h, as the following
_SO_SNDBUF, _SO_RCVBUF = 7, 8
_SO_LINGER = 13
_SO_ATTACH_FILTER, _SO_ATTACH_BPF = 26, 50
_SO_ATTACH_REUSEPORT_CBPF, _SO_ATTACH_REUSEPORT_EBPF = 51, 52
_IPPROTO_IP, _IPPROTO_IPV6 = 0, 41
_TCP_ULP = 31  # include/uapi/linux/tcp.h
_SENDING = {
    "sendto": 3, "sendmsg": 2, "sendmmsg": 3, "recvfrom": 3, "recvmsg": 2, "recvmmsg": 3
}  # fmt: skip
"""Calls with flags of messages, and which argument those are."""

# Code has the uid of process 1, and could have it run last, or on a processor that is busy.
_SUPERVISOR = 1
_SCHEDULING = ("sched_setscheduler", "sched_setparam", "sched_setattr", "sched_setaffinity")
"""Calls whose first argument is a process."""
_OF_SEVERAL = {"setpriority": 2, "ioprio_set": 3}
"""Calls whose first argument says of what the second is the number, and what that is of a user:
PRIO_USER and IOPRIO_WHO_USER."""

# include/uapi/linux/seccomp.h
KILL = 0x80000000
_ERRNO = 0x00050000
ALLOW = 0x7FFF0000

# include/uapi/linux/bpf_common.h: class | size or operation | mode or source
_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
_JUMP = 0x05  # BPF_JMP | BPF_JA
_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K

# struct seccomp_data; both machines are little-endian, so an argument's low half comes first
_NUMBER_AT = 0
_ARCHITECTURE_AT = 4


def _argument_at(index: int) -> int:
    return 16 + 8 * index


class Assembler:
    """Turns instructions with labels into a program with counted jumps."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, int, str, str]] = []
        self._labels: dict[str, int] = {}

    def label(self, name: str) -> None:
        assert name not in self._labels
        self._labels[name] = len(self._lines)

    def emit(self, code: int, value: int, then: str = "", otherwise: str = "") -> None:
        """Add an instruction; an empty label means the next one."""
        self._lines.append((code, value, then, otherwise))

    def _distance(self, line: int, label: str) -> int:
        if not label:
            return 0
        distance = self._labels[label] - line - 1
        assert distance >= 0  # a filter cannot jump back
        return distance

    def program(self) -> bytes:
        packed = []
        for line, (code, value, then, otherwise) in enumerate(self._lines):
            if code == _JUMP:
                packed.append(struct.pack("<HBBI", code, 0, 0, self._distance(line, then)))
            else:
                jumps = self._distance(line, then), self._distance(line, otherwise)
                packed.append(struct.pack("<HBBI", code, *jumps, value))
        return b"".join(packed)


def build(machine: str, *, counted: bool = True) -> bytes:
    """Return the program for a machine, as an array of struct sock_filter.

    `counted`: a control group counts the buffers of sockets; else they keep their first size.
    """
    asm = Assembler()
    emit = asm.emit

    def on(name: str, label: str) -> None:
        found = number(name, machine)
        if found is not None:
            emit(_EQUAL, found, label)

    emit(_LOAD, _ARCHITECTURE_AT)
    emit(_EQUAL, AUDIT_ARCHITECTURES[machine], "", "kill")
    emit(_LOAD, _NUMBER_AT)
    if machine == "x86_64":
        emit(_AT_LEAST, _X32_BIT, "absent")
    for name in ("fcntl", "setsockopt", "ioctl", "prctl", "clone", "socket", "socketpair"):
        on(name, name)
    on("prlimit64", "prlimit64")
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
    emit(_RETURN, ALLOW)

    asm.label("ioctl")
    emit(_LOAD, _argument_at(1))
    emit(_EQUAL, _TIOCSTI, "denied")
    emit(_EQUAL, _TIOCLINUX, "denied", "fine")

    asm.label("fcntl")
    emit(_LOAD, _argument_at(1))
    emit(_EQUAL, _F_SETLEASE, "denied")
    emit(_EQUAL, _F_NOTIFY, "denied")
    emit(_AT_LEAST, _F_GETDELEG, "no command", "fine")

    for argument in sorted(set(_SENDING.values())):
        asm.label(f"flags {argument}")
        emit(_LOAD, _argument_at(argument))
        emit(_ANY_BIT, _MSG_OOB, "not supported", "fine")

    asm.label("setsockopt")
    emit(_LOAD, _argument_at(1))
    emit(_EQUAL, _SOL_SOCKET, "option of sockets")
    emit(_EQUAL, _IPPROTO_TCP, "option of TCP")
    emit(_EQUAL, _IPPROTO_IP, "fine")
    emit(_EQUAL, _IPPROTO_IPV6, "fine", "no option")
    asm.label("option of TCP")
    emit(_LOAD, _argument_at(2))
    emit(_EQUAL, _TCP_ULP, "no option", "fine")
    asm.label("option of sockets")
    emit(_LOAD, _argument_at(2))
    # Whoever closed such a socket last would sleep: our process 1, if it was sent there.
    emit(_EQUAL, _SO_LINGER, "pretended")
    for option in (
        _SO_ATTACH_FILTER,
        _SO_ATTACH_BPF,
        _SO_ATTACH_REUSEPORT_CBPF,
        _SO_ATTACH_REUSEPORT_EBPF,
    ):  # the machine has one pool of memory for such programs, and for filters like this
        emit(_EQUAL, option, "denied")
    if not counted:
        emit(_EQUAL, _SO_SNDBUF, "pretended")
        emit(_EQUAL, _SO_RCVBUF, "pretended")
    emit(_JUMP, 0, "fine")

    asm.label("prctl")
    emit(_LOAD, _argument_at(0))
    emit(_EQUAL, _PR_SET_SECCOMP, "denied", "fine")

    asm.label("clone")
    emit(_LOAD, _argument_at(0))
    emit(_ANY_BIT, _NAMESPACE_FLAGS, "denied", "fine")

    asm.label("prlimit64")  # the runner has the same uid: its limits could be set to nothing
    emit(_LOAD, _argument_at(0))
    emit(_EQUAL, 0, "fine", "denied")

    asm.label("of process")
    emit(_LOAD, _argument_at(0))
    emit(_EQUAL, _SUPERVISOR, "denied", "fine")
    for name, user in _OF_SEVERAL.items():
        asm.label(name)
        emit(_LOAD, _argument_at(0))
        emit(_EQUAL, user, "denied")
        emit(_LOAD, _argument_at(1))
        emit(_EQUAL, _SUPERVISOR, "denied", "fine")

    asm.label("socketpair")  # other families than this one have pairs: TIPC
    emit(_LOAD, _argument_at(0))
    emit(_EQUAL, _AF_UNIX, "fine", "no family")

    asm.label("socket")
    emit(_LOAD, _argument_at(0))
    emit(_EQUAL, _AF_UNIX, "fine")
    emit(_EQUAL, _AF_INET, "internet")
    emit(_EQUAL, _AF_INET6, "internet", "no family")
    asm.label("internet")
    emit(_LOAD, _argument_at(1))
    emit(_AND, _SOCK_TYPE_MASK)  # without SOCK_NONBLOCK and SOCK_CLOEXEC
    emit(_EQUAL, _SOCK_STREAM, "stream")
    emit(_EQUAL, _SOCK_DGRAM, "datagram", "denied")
    asm.label("stream")
    emit(_LOAD, _argument_at(2))
    emit(_EQUAL, 0, "fine")
    emit(_EQUAL, _IPPROTO_TCP, "fine", "no protocol")
    asm.label("datagram")
    emit(_LOAD, _argument_at(2))
    emit(_EQUAL, 0, "fine")
    emit(_EQUAL, _IPPROTO_UDP, "fine", "no protocol")

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
        ("kill", KILL),  # SECCOMP_RET_KILL_PROCESS
    ):
        asm.label(label)
        emit(_RETURN, verdict)
    return asm.program()


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install(program: bytes) -> None:
    """Put this process and all it will start under the filter. Needs no_new_privs."""
    argument = _Program(len(program) // 8, program)
    libc.prctl(libc.PR_SET_SECCOMP, 2, ctypes.byref(argument))  # SECCOMP_MODE_FILTER

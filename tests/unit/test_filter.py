"""The system call filter, run in an interpreter of classic BPF, for both architectures."""

from __future__ import annotations

import errno
import re
import socket
import struct
from pathlib import Path

import pytest

from bellglass.sandboxes.confinement import assembler, syscall_filter, syscall_numbers

MASK = 0xFFFFFFFF
ALLOW = "allow"
KILL = "kill"

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}

# What CPython, numpy, bash and pytest cannot do without; no table of ours has their numbers.
NEEDED = {
    "x86_64": {"read": 0, "mmap": 9, "rt_sigaction": 13, "execve": 59, "futex": 202, "wait4": 61},
    "aarch64": {"read": 63, "mmap": 222, "rt_sigaction": 134, "execve": 221, "futex": 98},
}


def verdict(
    machine: str,
    number: int,
    *arguments: int,
    architecture: int | None = None,
    counted: bool = True,
) -> str:
    """Run the program on a call; return what the kernel would do."""
    if architecture is None:
        architecture = syscall_filter.AUDIT_ARCHITECTURES[machine]
    padded = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<IIQ6Q", number & MASK, architecture, 0, *padded)
    result = run(syscall_filter.build(machine, counted=counted), data)
    if result == syscall_filter.ALLOW:
        return ALLOW
    if result == syscall_filter.KILL:
        return KILL
    assert result & 0xFFFF0000 == 0x00050000
    return errno.errorcode.get(result & 0xFFFF, "0")


def run(program: bytes, data: bytes) -> int:
    accumulator = 0
    instructions = list(struct.iter_unpack("<HBBI", program))
    at = 0
    while True:
        code, then, otherwise, value = instructions[at]
        at += 1
        match code:
            case 0x20:  # load a word
                (accumulator,) = struct.unpack_from("<I", data, value)
            case 0x54:  # and
                accumulator &= value
            case 0x05:  # jump
                at += value
            case 0x15:  # equal
                at += then if accumulator == value else otherwise
            case 0x35:  # at least
                at += then if accumulator >= value else otherwise
            case 0x45:  # any bit
                at += then if accumulator & value else otherwise
            case 0x06:  # return
                return int(value)
            case _:
                raise AssertionError(f"an instruction that is not ours: {code:#x}")


def known(names: tuple[str, ...], machine: str) -> list[int]:
    numbers = [syscall_numbers.number(name, machine) for name in names]
    return [number for number in numbers if number is not None]


@pytest.fixture(params=syscall_numbers.MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def call(machine: str, name: str, *arguments: int) -> str:
    number = syscall_numbers.number(name, machine)
    assert number is not None
    return verdict(machine, number, *arguments)


def test_every_denied_call_is_refused(machine: str) -> None:
    assert {verdict(machine, number) for number in known(syscall_filter.DENIED, machine)} == {
        "EPERM"
    }


def test_calls_with_hidden_arguments_do_not_exist(machine: str) -> None:
    assert {verdict(machine, number) for number in known(syscall_filter.ABSENT, machine)} == {
        "ENOSYS"
    }


def test_sync_does_nothing_and_says_that_it_worked(machine: str) -> None:
    assert call(machine, "sync") == "0"
    assert call(machine, "syncfs", 3) == "0"
    assert call(machine, "fsync", 3) == "0"
    assert call(machine, "fdatasync", 3) == "0"
    assert call(machine, "ioctl", 3, 0x9408) == "ENOTSUP"  # BTRFS_IOC_SYNC
    assert call(machine, "ioctl", 3, 0x80089418) == "ENOTSUP"  # BTRFS_IOC_START_SYNC


def test_what_programs_need_is_allowed(machine: str) -> None:
    assert {verdict(machine, number) for number in NEEDED[machine].values()} == {ALLOW}


def test_another_architecture_is_killed(machine: str) -> None:
    i386 = 0x40000003

    assert verdict(machine, 1, architecture=i386) == KILL


def test_x32_calls_do_not_exist() -> None:
    assert verdict("x86_64", 0x40000000) == "ENOSYS"
    assert verdict("x86_64", 0x40000000 | 165) == "ENOSYS"
    assert verdict("x86_64", -1) == "ENOSYS"


def test_a_thread_and_a_fork_are_allowed(machine: str) -> None:
    thread, fork = 0x003D0F00, 0x01200011

    assert call(machine, "clone", thread) == ALLOW
    assert call(machine, "clone", fork) == ALLOW


@pytest.mark.parametrize("bit", [17, 25, 26, 27, 28, 29, 30])
def test_a_new_namespace_is_refused(machine: str, bit: int) -> None:
    assert call(machine, "clone", 1 << bit | 17) == "EPERM"


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_internet_sockets_are_tcp_and_udp_only(machine: str, family: int) -> None:
    nonblocking = 0o4000 | 0o2000000

    assert call(machine, "socket", family, 1, 0) == ALLOW
    assert call(machine, "socket", family, 1 | nonblocking, 6) == ALLOW
    assert call(machine, "socket", family, 2 | nonblocking, 17) == ALLOW
    assert call(machine, "socket", family, 2, 0) == ALLOW
    assert call(machine, "socket", family, 3, 1) == "EPERM"
    assert call(machine, "socket", family, 3 | nonblocking, 255) == "EPERM"
    assert call(machine, "socket", family, 5, 0) == "EPERM"
    assert call(machine, "socket", family, 10, 0) == "EPERM"
    for protocol in (1, 33, 58, 132, 136, 262):
        assert call(machine, "socket", family, 1, protocol) == "EPROTONOSUPPORT"
        assert call(machine, "socket", family, 2, protocol) == "EPROTONOSUPPORT"


def test_no_other_family_has_sockets(machine: str) -> None:
    allowed = [f for f in range(64) if call(machine, "socket", f, 1, 0) == ALLOW]

    assert allowed == [socket.AF_UNIX, socket.AF_INET, socket.AF_INET6]


def test_only_unix_sockets_have_pairs(machine: str) -> None:
    allowed = [f for f in range(64) if call(machine, "socketpair", f, 1, 0) == ALLOW]

    assert allowed == [socket.AF_UNIX]


def test_the_high_half_of_an_argument_hides_nothing(machine: str) -> None:
    high = 0xDEADBEEF << 32

    assert call(machine, "socket", high | 40, 1, 0) == "EAFNOSUPPORT"
    assert call(machine, "ioctl", 0, high | 0x5412) == "EPERM"
    assert call(machine, "clone", high | 0x10000000) == "EPERM"


def test_nothing_types_into_a_terminal(machine: str) -> None:
    assert call(machine, "ioctl", 0, 0x5412) == "EPERM"
    assert call(machine, "ioctl", 0, 0x541C) == "EPERM"
    assert call(machine, "ioctl", 0, 0x5413) == ALLOW


@pytest.mark.parametrize("command", [1024, 1026])  # F_SETLEASE, F_NOTIFY
def test_nobody_waits_for_a_file_of_the_view_or_is_told_of_it(machine: str, command: int) -> None:
    assert call(machine, "fcntl", 3, command, 1) == "EPERM"


def test_locks_pipes_and_copies_of_descriptors_are_allowed(machine: str) -> None:
    commands = [0, 1, 2, 3, 4, 5, 6, 7, 36, 1030, 1031, 1032]

    assert {call(machine, "fcntl", 3, command, 0) for command in commands} == {ALLOW}
    assert call(machine, "fcntl", 3, 1040, 0) == "EINVAL"


@pytest.mark.parametrize("command", [37, 38])  # F_OFD_SETLK, F_OFD_SETLKW
def test_no_lock_is_without_an_owner(machine: str, command: int) -> None:
    assert call(machine, "fcntl", 3, command, 0) == "EINVAL"


def test_nothing_is_taken_of_what_the_machine_has_once(machine: str) -> None:
    assert call(machine, "mmap", 0, 1 << 21, 3, 0x22 | 0x40000) == "ENOMEM"
    assert call(machine, "mmap", 0, 1 << 21, 3, 0x22) == ALLOW
    assert call(machine, "setsockopt", 3, 41, 32) == "ENOPROTOOPT"  # IPV6_FLOWLABEL_MGR


@pytest.mark.parametrize("option", [(6, 14), (6, 32), (6, 38), (41, 20), (41, 42), (41, 46)])
def test_sockets_take_no_memory_that_nothing_counts(machine: str, option: tuple[int, int]) -> None:
    assert call(machine, "setsockopt", 3, *option) == "ENOPROTOOPT"


def test_nobody_empties_the_cache_of_others(machine: str) -> None:
    assert call(machine, "fadvise64", 3, 0, 0, 4) == "0"  # POSIX_FADV_DONTNEED
    assert call(machine, "fadvise64", 3, 0, 0, 3) == ALLOW  # POSIX_FADV_WILLNEED


def test_pages_and_processors_are_not_tied_to_those_of_others(machine: str) -> None:
    assert call(machine, "madvise", 0, 4096, 12) == "EINVAL"  # MADV_MERGEABLE
    assert call(machine, "madvise", 0, 4096, 4) == ALLOW  # MADV_DONTNEED
    assert call(machine, "prctl", 67, 1) == "EINVAL"  # PR_SET_MEMORY_MERGE
    assert call(machine, "prctl", 62, 1) == "EINVAL"  # PR_SCHED_CORE


@pytest.mark.parametrize("option", [26, 50, 51, 52])
def test_no_program_is_attached_to_a_socket(machine: str, option: int) -> None:
    assert call(machine, "setsockopt", 3, 1, option) == "EPERM"


def test_no_socket_keeps_who_closes_it_waiting(machine: str) -> None:
    assert call(machine, "setsockopt", 3, 1, 13) == "0"  # SO_LINGER


def test_options_that_servers_set_are_allowed(machine: str) -> None:
    for level, option in ((1, 2), (1, 15), (1, 9), (1, 20), (6, 1), (6, 23), (0, 1), (41, 26)):
        assert call(machine, "setsockopt", 3, level, option) == ALLOW


@pytest.mark.parametrize("level", [17, 136, 279, 282])
def test_options_of_other_protocols_do_not_exist(machine: str, level: int) -> None:
    assert call(machine, "setsockopt", 3, level, 1) == "ENOPROTOOPT"
    assert call(machine, "setsockopt", 3, 6, 31) == "ENOPROTOOPT"  # TCP_ULP: TLS in the kernel


@pytest.mark.parametrize(("counted", "expected"), [(True, ALLOW), (False, "0")])
def test_buffers_of_sockets_grow_only_where_a_group_counts_them(
    machine: str, counted: bool, expected: str
) -> None:
    number = syscall_numbers.number("setsockopt", machine)
    assert number is not None

    assert verdict(machine, number, 3, 1, 7, counted=counted) == expected
    assert verdict(machine, number, 3, 1, 8, counted=counted) == expected


@pytest.mark.parametrize(
    ("name", "flags"),
    [("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3), ("recvfrom", 3), ("recvmsg", 2)],
)
def test_there_is_no_out_of_band_data(machine: str, name: str, flags: int) -> None:
    others = [0] * flags

    assert call(machine, name, *others, 0x4001) == "ENOTSUP"
    assert call(machine, name, *others, 0x4040) == ALLOW


def test_prctl_adds_no_filter(machine: str) -> None:
    assert call(machine, "prctl", 22) == "EPERM"
    assert call(machine, "prctl", 15) == ALLOW


def test_the_program_fits_into_the_kernel(machine: str) -> None:
    assert len(syscall_filter.build(machine)) // 8 <= 4096  # BPF_MAXINSNS


def test_the_assembler_counts_jumps() -> None:
    asm = assembler.Assembler()
    asm.emit(0x20, 0)
    asm.emit(0x15, 7, "yes", "no")
    asm.label("yes")
    asm.emit(0x06, 1)
    asm.label("no")
    asm.emit(0x06, 2)

    assert run(asm.program(), struct.pack("<I", 7)) == 1
    assert run(asm.program(), struct.pack("<I", 8)) == 2


def test_the_assembler_refuses_a_jump_that_is_too_long() -> None:
    asm = assembler.Assembler()
    asm.emit(0x15, 7, "far")
    for _ in range(300):
        asm.emit(0x20, 0)
    asm.label("far")
    asm.emit(0x06, 1)

    with pytest.raises(struct.error):
        asm.program()


def test_the_numbers_are_those_of_the_kernel_headers(machine: str) -> None:
    header = HEADERS[machine]
    if not header.exists():
        pytest.skip("no kernel headers here")
    pattern = r"#define __NR(?:3264)?_(\w+)\s+(\d+)"
    kernel = {name: int(number) for name, number in re.findall(pattern, header.read_text())}
    ours = {name: syscall_numbers.number(name, machine) for name in syscall_numbers.NUMBERS}

    # Old headers lack the youngest calls, never the other way round.
    assert {name: kernel[name] for name in ours if name in kernel} == {
        name: number for name, number in ours.items() if name in kernel
    }
    assert len([name for name in ours if name in kernel]) > 80

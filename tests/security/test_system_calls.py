"""System calls that lead out of the sandbox, and the filter that refuses them."""

from __future__ import annotations

import ctypes
import mmap
import platform
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from absent import absent

from bellglass.sandboxes.confinement.syscall_numbers import number

if TYPE_CHECKING:
    from security.support import Target

MACHINE = platform.machine()

DOORS = {
    "mount": "b'tmpfs', b'/tmp', b'tmpfs', 0, None",
    "umount2": "b'/proc', 2",
    "pivot_root": "b'/', b'/'",
    "chroot": "b'/tmp'",
    "fsopen": "b'tmpfs', 0",
    "open_tree": "-100, b'/', 1",
    "move_mount": "-100, b'/', -100, b'/tmp', 0",
    "mount_setattr": "-100, b'/', 0, ctypes.create_string_buffer(32), 32",
    "setns": "0, 0",
    "add_key": "b'user', b'k', b'd', 1, -3",
    "keyctl": "0, -3, 0",
    "request_key": "b'user', b'k', None, -3",
    "io_uring_setup": "8, ctypes.create_string_buffer(256)",
    "bpf": "0, ctypes.create_string_buffer(128), 128",
    "perf_event_open": "ctypes.create_string_buffer(128), 0, -1, -1, 0",
    "userfaultfd": "1",
    "memfd_create": "b'x', 0",
    "memfd_secret": "0",
    "personality": "0x40000",
    "syslog": "3, ctypes.create_string_buffer(64), 64",
    "kexec_load": "0, 0, 0, 0",
    "init_module": "0, 0, b''",
    "delete_module": "b'x', 0",
    "open_by_handle_at": "3, ctypes.create_string_buffer(64), 0",
    "name_to_handle_at": "-100, b'/', ctypes.create_string_buffer(64), 0, 0",
    "settimeofday": "ctypes.create_string_buffer(16), None",
    "clock_settime": "0, ctypes.create_string_buffer(16)",
    "fanotify_init": "0, 0",
    "quotactl": "0, None, 0, None",
    "sethostname": "b'x', 1",
    "seccomp": "2, 0, None",
    "swapon": "b'/tmp/x', 0",
    "acct": "b'/tmp/x'",
    "mq_open": "b'x', 0o102, 0o600, None",
    "shmget": "0, 1 << 20, 0o1600",
    "msgget": "0, 0o1600",
    "semget": "0, 1, 0o1600",
    "kcmp": "1, os.getpid(), 0, 0, 0",
    "vmsplice": "1, None, 0, 0",
    "process_vm_writev": "os.getpid(), None, 0, None, 0, 0",
    "iopl": "3",
    "modify_ldt": "0, None, 0",
}


async def test_dangerous_system_calls_are_refused(lasting: Target) -> None:
    numbers = {name: number(name, MACHINE) for name in DOORS}
    calls = ", ".join(
        f"'{name}': syscall({found}, {DOORS[name]})"
        for name, found in numbers.items()
        if found is not None
    )

    outcome = await lasting.value(f"{{{calls}}}")

    assert {name: result for name, result in outcome.items() if result != "EPERM"} == {}


async def test_no_namespace_can_be_made(lasting: Target) -> None:
    unshare, clone, clone3 = (number(name, MACHINE) for name in ("unshare", "clone", "clone3"))
    outcome = await lasting.value(
        f"""
flags = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
[syscall({unshare}, ctypes.c_ulong(flag)) for flag in (*flags, 0x80)] + [
 syscall({clone}, ctypes.c_ulong(flag | 17), None, None, None, None) for flag in flags] + [
 syscall({clone3}, ctypes.create_string_buffer(88), 88)]
"""
    )

    assert set(outcome[:-1]) == {"EPERM"}
    assert outcome[-1] == "ENOSYS"  # its flags are out of the filter's sight


@pytest.mark.skipif(MACHINE != "x86_64", reason="only x86_64 has calls of two other kinds")
async def test_the_filter_cannot_be_gone_around_by_another_call_table(lasting: Target) -> None:
    x32 = await lasting.value("syscall(0x40000000 + 39)")
    execution = await lasting.python(
        """
import mmap
page = mmap.mmap(-1, 4096, prot=7)
page.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20 (getpid of i386); int 0x80; ret
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
ctypes.CFUNCTYPE(ctypes.c_int)(address)()
"""
    )

    assert x32 == "ENOSYS"
    assert execution.value is None
    assert execution.signal in ("SIGSYS", "SIGSEGV")


async def test_the_filter_cannot_be_replaced(lasting: Target) -> None:
    outcome = await lasting.value(
        "[libc.prctl(22, 2, 0, 0, 0), libc.prctl(22, 1, 0, 0, 0), libc.prctl(38, 0, 0, 0, 0)]"
    )

    assert outcome == [-1, -1, -1]


SCHEDULING = {
    "setpriority": ("0, 1, 19", "2, 0, 19", "2, os.getuid(), 19"),
    "ioprio_set": ("1, 1, 3 << 13", "3, 0, 3 << 13", "3, os.getuid(), 3 << 13"),
    "sched_setscheduler": ("1, 5, ctypes.byref(ctypes.c_int(0))",),
    "sched_setparam": ("1, ctypes.byref(ctypes.c_int(0))",),
    "sched_setattr": ("1, ctypes.create_string_buffer(bytes([48, 0, 0, 0, 5]), 48), 0",),
    "sched_setaffinity": ("1, 8, ctypes.byref(ctypes.c_ulong(1))",),
}


async def test_process_1_runs_when_it_would(lasting: Target) -> None:
    calls = ", ".join(
        f"syscall({number(name, MACHINE)}, {arguments})"
        for name, attempts in SCHEDULING.items()
        for arguments in attempts
    )
    seen = "(os.getpriority(0, 1), os.sched_getscheduler(1), os.sched_getaffinity(1))"

    before, outcome, after = await lasting.value(f"({seen}, {{{calls}}}, {seen})")

    assert outcome == {"EPERM"}
    assert after == before


async def test_code_may_let_itself_run_last(lasting: Target) -> None:
    outcome = await lasting.value(
        """
child = subprocess.Popen(["sleep", "60"])
one = min(os.sched_getaffinity(0))
outcome = [
    attempt(os.setpriority, os.PRIO_PROCESS, child.pid, 19),
    attempt(os.sched_setaffinity, child.pid, {one}),
    attempt(os.sched_setscheduler, child.pid, os.SCHED_IDLE, os.sched_param(0)),
]
outcome.append((os.getpriority(os.PRIO_PROCESS, child.pid), os.sched_getaffinity(child.pid)))
child.kill()
child.wait()
[outcome[:3], outcome[3][0], len(outcome[3][1])]
"""
    )

    assert outcome == [["OK"] * 3, 19, 1]


async def test_no_asynchronous_io_is_taken_from_the_machine(lasting: Target) -> None:
    setup = number("io_setup", MACHINE)
    before = _number_in("aio-nr")

    outcome = await lasting.value(f"syscall({setup}, 1, ctypes.byref(ctypes.c_ulong(0)))")

    assert outcome == "ENOSYS"
    assert _number_in("aio-nr") == before


async def test_no_file_of_the_view_tells_who_uses_it(lasting: Target) -> None:
    init = number("inotify_init1", MACHINE)

    outcome = await lasting.value(
        f"""
import fcntl
fd = os.open("/usr/bin", os.O_RDONLY)
[syscall({init}, 0), attempt(fcntl.fcntl, fd, fcntl.F_NOTIFY, 0x80000001)]
"""
    )

    assert outcome == ["ENOSYS", "EPERM"]


async def test_a_library_that_watches_files_looks_at_them_instead(lasting: Target) -> None:
    # As watchdog 6 has its modules.
    outcome = await lasting.value(
        """
os.makedirs("/work/watchdog/observers")
for name, text in (
    ("__init__.py", ""),
    ("observers/__init__.py", "class Observer: pass"),
    ("observers/polling.py", "class PollingObserver: pass"),
):
    with open("/work/watchdog/" + name, "w") as file:
        file.write(text)
from watchdog.observers import Observer
Observer.__name__
"""
    )

    assert outcome == "PollingObserver"


async def test_no_writer_on_the_host_waits_for_a_lease(lasting: Target) -> None:
    outcome = await lasting.value(
        """
import fcntl
fd = os.open(sys.executable, os.O_RDONLY)
attempt(fcntl.fcntl, fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
"""
    )

    assert outcome == "EPERM"


@pytest.mark.alone
async def test_the_disks_of_the_host_are_not_written_out(lasting: Target, tmp_path: Path) -> None:
    _need_same_disk(tmp_path)
    (tmp_path / "dirty").write_bytes(secrets.token_bytes(32 * 1024**2))
    before = _dirty_kib()

    outcome = await lasting.value(
        f"syscall({number('syncfs', MACHINE)}, os.open('/usr/bin', os.O_RDONLY))"
    )

    assert outcome == "OK"
    assert _dirty_kib() > before - 16 * 1024


@pytest.mark.alone
async def test_no_disk_of_the_host_is_flushed(lasting: Target) -> None:
    before = _flushes()

    outcome = await lasting.value(
        "file = os.open('/usr/bin/env', os.O_RDONLY)\n[os.fsync(file) for _ in range(300)][0]"
    )

    assert outcome is None
    assert _flushes() < before + 150


async def test_nobody_empties_the_cache_of_others(lasting: Target) -> None:
    if lasting.session.metadata["name"] == "docker":
        pytest.skip("the files of an image are not the host's")
    path = _large_file_of_the_view()

    await lasting.value(f"os.posix_fadvise(os.open({path!r}, os.O_RDONLY), 0, 0, 4)")

    assert _is_in_memory(path)


def _large_file_of_the_view() -> str:
    """Return one that no program has mapped, and that is in memory now."""
    for path in Path("/usr/share").rglob("*"):
        if path.is_file() and path.stat().st_size > 200_000 and path.read_bytes():
            return str(path)
    absent("there is no large file below /usr/share")


def _is_in_memory(path: str) -> bool:
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE) as mapped:
        pages = ctypes.create_string_buffer(-(-len(mapped) // mmap.PAGESIZE))
        start = ctypes.c_char.from_buffer(mapped)
        libc = ctypes.CDLL(None)
        assert libc.mincore(ctypes.byref(start), ctypes.c_size_t(len(mapped)), pages) == 0
        del start
    return sum(page & 1 for page in pages.raw) > len(pages) / 2


def _flushes() -> int:
    # The 16th of the figures behind the name: Documentation/admin-guide/iostats.rst
    disks = Path("/proc/diskstats").read_text().splitlines()
    return sum(int(figures[15]) for disk in disks if len(figures := disk.split()[3:]) > 15)


def _number_in(name: str) -> int:
    return int(Path("/proc/sys/fs", name).read_text())


def _need_same_disk(folder: Path) -> None:
    if Path("/usr").stat().st_dev != folder.stat().st_dev:
        pytest.skip("what is written here is not on the disk of the view")


def _dirty_kib() -> int:
    text = Path("/proc/meminfo").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("Dirty:")))

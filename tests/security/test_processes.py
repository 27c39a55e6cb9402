"""Contents of /proc, its switches, and processes of others."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

import pytest

from bellglass.sandboxes.confinement.syscall_numbers import number

if TYPE_CHECKING:
    from security.support import Target

MACHINE = platform.machine()


async def test_the_supervisor_shows_nothing_in_proc(lasting: Target) -> None:
    opened = await lasting.value(
        """
opened = []
for path in ("fd", "root/", "cwd/", "map_files", "fdinfo", "task/1/fd"):
    if attempt(os.listdir, "/proc/1/" + path) == "OK":
        opened.append(path)
for path in ("mem", "maps", "environ", "exe", "stack", "syscall", "auxv", "pagemap", "io",
             "patch_state", "task/1/mem", "ns/net"):
    if attempt(lambda: open("/proc/1/" + path, "rb").read(1)) == "OK":
        opened.append(path)
opened
"""
    )

    assert opened == []


async def test_knobs_of_the_kernel_cannot_be_turned(lasting: Target) -> None:
    turned = await lasting.value(
        """
paths = ["/proc/sysrq-trigger", "/proc/1/oom_score_adj", "/proc/self/uid_map", "/proc/self/gid_map",
         "/proc/self/setgroups", "/proc/kcore", "/proc/kmsg", "/proc/kallsyms",
         "/sys/kernel/uevent_helper", "/sys/power/state", "/proc/self/timens_offsets"]
for top, _, names in os.walk("/proc/sys"):
    paths += [f"{top}/{name}" for name in names]
turned = []
null = os.stat("/dev/null").st_rdev  # what is masked is that
for path in paths:
    try:
        if os.stat(path).st_rdev == null:
            continue
        os.write(os.open(path, os.O_WRONLY), b"0 1000 1")
        turned.append(path)
    except OSError:
        pass
turned
"""
    )

    assert turned == []


async def test_the_memory_of_the_kernel_cannot_be_read(lasting: Target) -> None:
    read = await lasting.value(
        """
[path for path in ("/proc/kcore", "/proc/kmsg", "/dev/mem", "/dev/kmem", "/dev/kmsg", "/dev/port")
 if attempt(lambda: open(path, "rb").read(1)) == "OK"]
"""
    )

    assert read == []


async def test_addresses_of_the_kernel_are_hidden(lasting: Target) -> None:
    address = await lasting.value(
        """
try:
    address = open("/proc/kallsyms").read(16) or "0"
except OSError:
    address = "0"
address
"""
    )

    assert int(address, 16) == 0


async def test_no_process_can_be_traced_or_read(lasting: Target) -> None:
    calls = {name: number(name, MACHINE) for name in ("ptrace", "process_vm_readv", "pidfd_getfd")}
    outcome = await lasting.value(
        f"""
calls = {calls}
buffer = ctypes.create_string_buffer(64)
child = subprocess.Popen(["sleep", "5"])
[syscall(calls["ptrace"], 16, pid, None, None) for pid in (1, os.getppid(), child.pid)] + [
 syscall(calls["process_vm_readv"], pid, buffer, 1, buffer, 1, 0) for pid in (1, child.pid)] + [
 syscall(calls["pidfd_getfd"], os.pidfd_open(pid), 0, 0) for pid in (1, child.pid)]
"""
    )

    assert set(outcome) == {"EPERM"}


async def test_the_supervisor_ignores_every_signal(lasting: Target) -> None:
    await lasting.python("for n in range(1, 65): attempt(os.kill, 1, n)")
    execution = await lasting.python("witness")

    assert execution.value == "'here'"


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSTOP", "SIGTERM"])
async def test_a_signal_to_all_hits_nothing_outside(lasting: Target, name: str) -> None:
    await lasting.python(f"attempt(os.kill, -1, signal.{name}); time.sleep(0.05)")


async def test_processes_of_the_host_are_out_of_reach(lasting: Target) -> None:
    outcome = await lasting.value(
        f"""
hits = [pid for pid in (*range(2, 70000), {os.getpid()}) if pid != os.getpid() and not
        os.path.exists(f"/proc/{{pid}}") and attempt(os.kill, pid, 0) != "ESRCH"]
len(hits)
"""
    )

    assert outcome == 0

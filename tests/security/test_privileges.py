"""Attempts to gain privileges, devices and terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.sandboxes.backends.docker.options import UIDS

if TYPE_CHECKING:
    from security.support import Target


async def test_setuid_gives_nothing(lasting: Target) -> None:
    outcome = await lasting.value(
        """
import shutil
shutil.copy("/usr/bin/id", "/work/id")
os.chmod("/work/id", 0o6755)
ids = subprocess.run(["/work/id", "-u"], capture_output=True, text=True).stdout.strip()
found = subprocess.run("find / -xdev -perm /6000 -type f 2>/dev/null", shell=True,
                       capture_output=True, text=True).stdout.split()
raised = []
for path in found:
    nosuid = os.statvfs(path).f_flag & os.ST_NOSUID
    if not nosuid:
        raised.append(path)
[ids, [p for p in raised if p != "/work/id"], attempt(os.setuid, 0), attempt(os.setgid, 0),
 attempt(os.setgroups, [0]), attempt(os.chown, "/work/id", 0, 0)]
"""
    )

    ids, raised, *others = outcome
    assert int(ids) in (1000, *UIDS)
    assert raised == []
    assert "OK" not in others


async def test_capabilities_cannot_be_gained(lasting: Target) -> None:
    outcome = await lasting.value(
        """
import re
status = open("/proc/self/status").read()
[int(text, 16) for text in re.findall(r"^Cap\\w+:\\s*(\\w+)", status, re.M)]
"""
    )

    assert outcome == [0, 0, 0, 0, 0]


async def test_no_device_can_be_made_or_opened(lasting: Target) -> None:
    outcome = await lasting.value(
        """
paths = ("/dev/kvm", "/dev/vda", "/dev/sda", "/dev/mem", "/dev/fuse", "/dev/net/tun", "/dev/kmsg",
         "/dev/pts/0", "/dev/console", "/dev/loop-control", "/dev/vsock")
[attempt(os.open, p, os.O_RDWR) for p in paths if os.path.exists(p)] + [
 attempt(os.mknod, f"/work/{kind}", 0o600 | kind, os.makedev(1, 1))
 for kind in (0o020000, 0o060000)]
"""
    )

    assert outcome == ["EPERM", "EPERM"]


async def test_a_terminal_is_at_most_one_of_its_own(lasting: Target) -> None:
    outcome = await lasting.value(
        """
[os.path.exists("/dev/pts/0"), attempt(os.open, "/dev/tty", os.O_RDWR)]
"""
    )

    there, opened = outcome
    assert not there
    assert opened in ("ENOENT", "ENXIO")


async def test_no_terminal_is_taken_of_those_of_the_machine(lasting: Target) -> None:
    assert await lasting.value("attempt(os.openpty)") == "ENOENT"


async def test_nothing_can_be_typed_into_a_terminal(lasting: Target) -> None:
    outcome = await lasting.value(
        """
import fcntl
[attempt(fcntl.ioctl, fd, 0x5412, b"x") for fd in range(3)] + [attempt(os.open, "/dev/tty", 2)]
"""
    )

    assert "OK" not in outcome


async def test_crashes_leave_no_core(lasting: Target) -> None:
    execution = await lasting.bash("ulimit -c; (kill -SEGV $BASHPID); ls /work /tmp")

    assert execution.stdout.text.startswith("0\n")
    assert "core" not in execution.stdout.text

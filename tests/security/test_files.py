"""Files and descriptors that lead out of the sandbox, or belong to the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from security.support import Target


async def test_what_the_host_lends_is_read_only(lasting: Target) -> None:
    written = await lasting.value(
        """
written = []
for top, folders, names in os.walk("/"):
    own = ("/proc", "/work", "/tmp", "/dev/shm")
    folders[:] = [n for n in folders if os.path.join(top, n) not in own and top.count("/") < 5]
    if attempt(lambda: open(top + "/planted", "w")) == "OK":
        written.append(top)
    for name in names[:3]:
        path = os.path.join(top, name)
        if not path.startswith("/dev/") and (
            attempt(lambda: os.close(os.open(path, os.O_WRONLY))) == "OK"
            or attempt(os.chmod, path, 0o777) == "OK"
            or attempt(os.utime, path) == "OK"
        ):
            written.append(path)
written
"""
    )

    assert written == []


async def test_the_interpreter_itself_cannot_be_written_to(lasting: Target) -> None:
    outcome = await lasting.value(
        "[attempt(open, path, 'wb') for path in ('/proc/self/exe', sys.executable, os.__file__)]"
    )

    assert "OK" not in outcome


async def test_no_inherited_descriptor_leads_out(lasting: Target) -> None:
    outcome = await lasting.value(
        """
found = []
for fd in os.listdir("/proc/self/fd"):
    try:
        link = os.readlink(f"/proc/self/fd/{fd}")
        if os.path.isdir(link) or attempt(os.listdir, int(fd)) == "OK":
            found.append(link)
    except OSError:
        pass
found
"""
    )

    assert [path for path in outcome if not path.startswith("/proc/")] == []


async def test_leaving_through_dots_ends_at_the_root(lasting: Target) -> None:
    outcome = await lasting.value(
        """
fd = os.open("/", os.O_RDONLY)
for _ in range(20):
    fd = os.open("..", os.O_RDONLY, dir_fd=fd)
os.fstat(fd).st_ino == os.stat("/").st_ino and os.fstat(fd).st_dev == os.stat("/").st_dev
"""
    )

    assert outcome is True

"""Files that block, grow, move or mislead, while they are looked up and read from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from bellglass.sandboxes.files import FileRefused, Upload, read_part, write_part

if TYPE_CHECKING:
    from security.support import Target

TRIES = 60


async def test_links_that_are_swapped_lead_nowhere(target: Target) -> None:
    """A thread goes on between the calls, and puts a link where a folder was looked up."""
    await target.python(
        """
os.makedirs("here/sub")
open("here/passwd", "w").write("inside")
os.symlink("/etc", "link")

def swap():
    libc.renameat2.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p,
                               ctypes.c_uint]
    while True:  # RENAME_EXCHANGE: now the one is there and now the other, and never nothing
        libc.renameat2(-100, b"here", -100, b"link", 2)

threading.Thread(target=swap, daemon=True).start()
"""
    )
    seen = set()
    for _ in range(TRIES):
        for path in ("here/passwd", "here/sub/../passwd"):
            try:
                seen.add((await read_part(target.session, path)).data)
            except FileRefused as exc:
                seen.add(str(exc).partition(": ")[2].encode())
    assert b"inside" in seen
    assert len(seen) > 1
    assert not [data for data in seen if b"root:" in data]


async def test_file_that_grows_or_is_all_hole_is_read_at_once(target: Target) -> None:
    await target.python(
        """
growing = open("growing", "wb", buffering=0)

def grow():
    with growing as file:
        for _ in range(400):
            file.write(bytes(100_000))
            time.sleep(0.001)

threading.Thread(target=grow, daemon=True).start()
open("sparse", "wb").truncate(LIMIT := 60 << 20)
None
"""
    )
    with anyio.fail_after(20):
        growing = await read_part(target.session, "growing", -10)
        sparse = await read_part(target.session, "sparse", (60 << 20) - 3)

    assert len(growing.data) <= 10
    assert sparse.data == bytes(3)


async def test_any_tree_is_looked_through_in_bounded_time(target: Target) -> None:
    code = """
def build():
    for number in range(1500):
        os.close(os.open(os.fsdecode(os.urandom(20).hex().encode() * 6 + b"\\xff\\n\\x1b"),
                         os.O_CREAT))
    os.mkdir("closed"); os.close(os.open("closed/x", os.O_CREAT)); os.chmod("closed", 0)
    os.mkfifo("pipe"); os.symlink("loop", "loop"); os.symlink("/proc", "proc")
    for _ in range(300):
        os.mkdir("deep"); os.chdir("deep")
    os.chdir("/work")
build()
"""
    with anyio.fail_after(60):
        execution = await target.python(code)

    assert execution.status == "ok", execution
    assert len(execution.files) <= 100
    assert execution.files_left_out > 1000
    assert sum(len(file.path) for file in execution.files) <= 20_000
    assert not [file for file in execution.files if "\udcff" in file.path]
    assert not [file for file in execution.files if file.path.startswith("proc/")]
    assert execution.files_unseen  # deeper than it is looked


async def test_upload_is_not_written_through_a_link(target: Target) -> None:
    await target.python("os.symlink('/dev/shm/planted', '.big.part'); os.symlink('x', 'x')")

    await Upload(target.session, "big").begin()
    with pytest.raises(FileRefused):
        await write_part(target.session, "x", b"abc")
    outside = await target.session.run(
        "bash", {"command": "ls -A /dev/shm; ls -l .big.part"}, timeout=10
    )

    assert "planted" not in outside.stdout.text
    assert outside.stdout.text.startswith("-rw")

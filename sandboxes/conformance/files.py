"""Checks of files: what a call changed, and how files are read and written from outside."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bellglass.sandboxes.common.limits import MAX_PART_BYTES
from bellglass.sandboxes.conformance.check import bash, check, python
from bellglass.sandboxes.files import FileRefused, read_part, write_part
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from bellglass.sandboxes.backend import Backend
    from bellglass.sandboxes.execution import Execution


def changes(execution: Execution) -> dict[str, tuple[str, int]]:
    return {file.path: (file.change, file.bytes) for file in execution.files}


async def refusal(attempt: Awaitable[object]) -> FileRefused:
    """Return the error with which a file was refused.

    Raises:
        AssertionError: It was not refused.
    """
    try:
        await attempt
    except FileRefused as exc:
        return exc
    raise AssertionError("was not refused")


@check
async def what_a_call_changed_is_named(backend: Backend) -> None:
    async with Session.open(backend) as session:
        made = await python(session, "open('a', 'w').write('xyz')\nimport os\nos.makedirs('d/e')")
        looked = await python(session, "1 + 1")
        changed = await bash(session, "echo >> a; touch d/e/f; mkdir d/__pycache__; ln -s a link")
        await write_part(session, "b", b"from outside")
        deleted = await bash(session, "rm -r d; mv a 'new\nname'")
    assert changes(made) == {"a": ("new", 3), "d/e/": ("new", 0)}
    assert looked.files == []
    assert changes(changed) == {"link": ("new", 0), "d/e/f": ("new", 0), "a": ("changed", 4)}
    assert changes(deleted) == {"new\nname": ("new", 4), "a": ("deleted", 0), "d/": ("deleted", 0)}


@check
async def changes_are_told_however_a_call_ended(backend: Backend) -> None:
    async with Session.open(backend) as session:
        stopped = await python(session, "open('a', 'w').close()\nwhile True: pass", timeout=1)
        crashed = await python(session, "open('b', 'w').close()\nimport os\nos.abort()")
    assert changes(stopped) == {"a": ("new", 0)}
    assert changes(crashed) == {"b": ("new", 0)}


@check
async def a_file_is_read_from_any_byte_on(backend: Backend) -> None:
    async with Session.open(backend) as session:
        await bash(session, "printf 'one two' > f; mkdir d; touch d/x d/y")
        part = await read_part(session, "f", 4)
        tail = await read_part(session, "/work/f", -2)
        folder = await read_part(session, "d", folders=True)
        missing = await refusal(read_part(session, "none"))
    assert (part.size, part.data) == (7, b"two")
    assert tail.data == b"wo"
    assert folder.entries == [("x", 0), ("y", 0)]
    assert missing.kind == "missing"


@check
async def a_file_is_written_in_parts_of_which_none_is_doubled(backend: Backend) -> None:
    async with Session.open(backend) as session:
        await write_part(session, "new/folder/f", b"one ")
        await write_part(session, "new/folder/f", b"two", 4)
        again = await write_part(session, "new/folder/f", b"two", 4)
        gap = await refusal(write_part(session, "new/folder/f", b"!", 9))
        shown = await bash(session, "cat new/folder/f")
    assert again.repeated
    assert again.sha256 == hashlib.sha256(b"one two").hexdigest()
    assert (gap.kind, gap.size) == ("offset", 7)
    assert shown.stdout.text == "one two"


@check
async def large_parts_come_and_go_whole(backend: Backend) -> None:
    data = bytes(range(256)) * (MAX_PART_BYTES // 256)
    async with Session.open(backend) as session:
        await write_part(session, "f", data)
        part = await read_part(session, "f")
    assert part.data == data


@check
async def no_path_leads_out_of_the_workspace(backend: Backend) -> None:
    make = (
        "ln -s /etc/passwd file; ln -s / root; ln -s .. up; ln -s loop loop; mkfifo pipe; "
        "ln -s /dev/zero zero; mkdir d; ln -s ../inside d/good; echo yes > inside"
    )
    async with Session.open(backend) as session:
        await bash(session, make)
        good = await read_part(session, "d/good")
        for path in ("file", "root/etc/passwd", "up/etc/passwd", "../etc/passwd", "/etc/passwd"):
            assert "outside the working" in str(await refusal(read_part(session, path))), path
            assert "outside the working" in str(await refusal(write_part(session, path, b""))), path
        for path in ("loop", "pipe", "zero", "d", "d/../..", "", "x\0y", "x" * 300):
            await refusal(read_part(session, path))
            await refusal(write_part(session, path, b""))
        after = await bash(session, "echo well")
    assert good.data == b"yes\n"
    assert after.stdout.text == "well\n"


@check
async def a_full_disk_leaves_the_old_file(backend: Backend) -> None:
    async with Session.open(backend) as session:
        await write_part(session, "f", b"old")
        await bash(session, "cat /dev/zero > filler 2>/dev/null")
        full = await refusal(write_part(session, "f", b"x" * 1_000_000))
        added = await refusal(write_part(session, "f", b"x" * 1_000_000, 3))
        left = await bash(session, "cat f; ls -A | wc -l")
    assert full.kind == added.kind == "full"
    assert left.stdout.text == "old2\n"

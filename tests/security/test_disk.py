"""Attempts to write more than a session may."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from security.support import Target


async def test_every_writable_path_is_full_at_its_size(target: Target) -> None:
    limits = target.limits
    written = await target.value(
        """
block = bytes(1 << 20)
written = {}
for top in ("/work", "/tmp", "/dev/shm", "/var/tmp", "/dev", "/run", "/", "/opt", "/etc", "/proc"):
    size = 0
    try:
        with open(top + "/fill", "wb", buffering=0) as file:
            while size < 400 << 20:
                size += file.write(block)
    except OSError as exc:
        written[top] = size
    attempt(os.unlink, top + "/fill")
written
"""
    )

    assert len(written) == 10
    assert written["/work"] <= limits.disk_bytes
    for top in ("/tmp", "/dev/shm", "/var/tmp"):
        assert written.pop(top) <= limits.scratch_bytes
    del written["/work"]
    assert set(written.values()) == {0}


async def test_files_without_content_meet_a_limit(target: Target) -> None:
    # By the mount, or by the supervisor, where that cannot: bubblewrap has no option for it.
    most = 20 * target.limits.files
    execution = await target.python(
        f"""
made = {{}}
for top in ("/work", "/tmp", "/dev/shm"):
    os.mkdir(top + "/many")
    made[top] = 0
    try:
        while made[top] < {most}:
            os.close(os.open(f"{{top}}/many/{{made[top]}}", os.O_CREAT | os.O_WRONLY))
            made[top] += 1
    except OSError:
        pass
max(made.values())
"""
    )

    if execution.status == "ok":
        assert execution.value is not None
        assert int(execution.value) < most
    else:
        assert any("files" in notice for notice in execution.notices)


async def test_a_full_disk_does_not_stop_the_session(target: Target) -> None:
    # What the session itself needs of it, for output that was cut and for the state of bash.
    execution = await target.bash("cat /dev/zero > /tmp/full; cat /dev/zero > /work/full; true")
    flood = await target.python("print('x' * 1_000_000)")
    shell = await target.bash("X=$(printf '%9999d' 1); echo ${#X}")

    assert execution.status == "ok"
    assert flood.stdout.total_bytes == 1_000_001
    assert shell.stdout.text == "9999\n"


async def test_a_file_cannot_be_larger_than_its_limit(lasting: Target) -> None:
    outcome = await lasting.value(
        """
file = open("/work/sparse", "wb")
attempt(os.ftruncate, file.fileno(), 1 << 40)
"""
    )

    assert outcome == "EFBIG"

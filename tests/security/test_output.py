"""Output and values without end."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

from bellglass.sandboxes.session_limits import MIB

if TYPE_CHECKING:
    from security.support import Target

    from bellglass.sandboxes.frame_models import Stream


async def test_output_without_end_costs_the_server_nothing(lasting: Target) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    execution = await lasting.python(
        "block = b'y' * (1 << 20)\nfor _ in range(512): os.write(1, block)", timeout=30
    )

    assert execution.stdout.total_bytes == 512 * MIB
    assert len(execution.stdout.text) < lasting.limits.output_bytes + 1000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024


async def test_lines_without_end_on_stderr_are_counted(lasting: Target) -> None:
    code = "for _ in range(300_000): sys.stderr.write('err line\\n')"
    execution = await lasting.python(code, timeout=60)

    assert execution.stderr.total_bytes == 300_000 * 9
    assert len(execution.stderr.text) < lasting.limits.output_bytes + 1000


async def test_a_flood_does_not_hold_off_the_time_limit(lasting: Target) -> None:
    execution = await lasting.bash("yes", timeout=1)

    assert execution.status == "timeout"


async def test_a_value_is_shown_in_part(lasting: Target) -> None:
    execution = await lasting.python("'z' * 50_000_000")

    assert execution.value is not None
    assert len(execution.value) < 50_000
    assert "omitted" in execution.value


async def test_output_is_cut_between_characters(lasting: Target) -> None:
    for before in range(4):
        code = f"sys.stdout.write('x' * {before} + '\U0001f514' * 100_000); sys.stdout.flush()"
        execution = await lasting.python(code)

        assert execution.stdout.cut_bytes > 300_000
        assert "\ufffd" not in execution.stdout.text
        head, _, rest = execution.stdout.text.partition("\n[…")
        shown = head.count("\U0001f514") + rest.count("\U0001f514")
        assert shown * 4 + execution.stdout.cut_bytes == 400_000


async def test_a_stream_is_sent_in_whole_characters(lasting: Target) -> None:
    arrived: list[str] = []

    async def on_stream(stream: Stream) -> None:
        arrived.append(stream.text)

    code = """
import os, time
for byte in "\U0001f514".encode() * 4:
    os.write(1, bytes([byte]))
    time.sleep(0.1)
"""
    await lasting.session.run("python", {"code": code}, timeout=20, on_stream=on_stream)

    assert arrived
    assert set("".join(arrived)) == {"\U0001f514"}

"""Rendering, for a model and a program, of any execution that a sandbox may report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from mcp.types import ImageContent
from protocol.support import record_of, text_of

from bellglass.sandboxes import Execution, ExecutionError, Output
from bellglass.sandboxes.testing import InMemoryBackend

if TYPE_CHECKING:
    from in_memory.conftest import Connect

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJg"
    "gg=="
)


async def shown(connect: Connect, execution: Execution) -> Any:
    async with connect(InMemoryBackend(lambda request: execution)) as client:
        return await client.call_tool("execute_python", {"code": "x"})


@pytest.mark.parametrize(
    ("execution", "first_line"),
    [
        (Execution(status="ok"), "(no output)"),
        (Execution(status="ok", value="42"), "42"),
        (Execution(status="exit", exit_code=3), "Exited with code 3"),
        (Execution(status="timeout"), "Timed out after 30 s. Variables are kept."),
        (Execution(status="oom"), "Killed: out of memory (limit 1024 MB). Variables are kept."),
        (Execution(status="killed", signal="SIGKILL"), "Killed by SIGKILL. Variables are kept."),
        (Execution(status="crashed", signal="SIGSEGV"), "Crashed: SIGSEGV. Variables are kept."),
        (
            Execution(
                status="error",
                error=ExecutionError(name="ValueError", message="no such unit", traceback="..."),
            ),
            "Failed: ValueError: no such unit",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else f"{value.status} {value.value or ''}",
)
async def test_first_line_says_what_happened(
    execution: Execution, first_line: str, connect: Connect
) -> None:
    result = await shown(connect, execution)

    assert text_of(result).splitlines()[0].startswith(first_line)
    assert record_of(result)["status"] == execution.status
    assert not result.is_error


async def test_what_was_cut_is_in_the_record_and_where_the_rest_is(connect: Connect) -> None:
    text = "one line: ü\n[… 80 of 90 bytes omitted here …]\nb\n"
    cut = Output(text=text, total_bytes=90, cut_bytes=80, file="/work/o", file_bytes=90)
    result = await shown(connect, Execution(status="ok", stdout=cut))
    record = record_of(result)

    assert record["cut"] == {"stdout": 80, "stderr": 0}
    uri = f"sandbox://{record['session_id']}/files/o"
    assert record["files"] == {"stdout": {"path": "/work/o", "bytes": 90, "uri": uri}}
    assert 'Read on with read_file(path="/work/o", offset=12).' in text_of(result)


async def test_a_picture_stands_where_it_was_shown(connect: Connect) -> None:
    picture = {"kind": "picture", "type": "image/png", "data": PNG, "at": 7, "text": "[picture]"}
    execution = Execution.model_validate(
        {"status": "ok", "stdout": {"text": "before\nafter\n"}, "displays": [picture]}
    )
    before, image, after, _ = (await shown(connect, execution)).content

    assert isinstance(image, ImageContent)
    assert (before.text, image.data, after.text) == ("before\n[picture]", PNG, "after")


async def test_state_that_was_lost_is_told_with_what_to_do(connect: Connect) -> None:
    result = await shown(
        connect, Execution(status="crashed", state="lost", notices=["The worker died."])
    )

    assert "The worker died." in text_of(result)
    assert record_of(result)["state"] == "lost"

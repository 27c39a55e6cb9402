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

    from bellglass.sandboxes.self_check import Protection

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJg"
    "gg=="
)


async def shown(connect: Connect, execution: Execution) -> Any:
    async with connect(InMemoryBackend(lambda request: execution)) as client:
        return await client.call_tool("execute_python", {"code": "x"})


async def test_variables_of_an_earlier_call_are_told_so(connect: Connect) -> None:
    execution = Execution(status="crashed", signal="SIGSEGV", state="restored", undone_calls=2)
    result = await shown(connect, execution)

    assert text_of(result).startswith("Crashed: SIGSEGV. Variables are older than this call")
    assert record_of(result)["undone_calls"] == 2


@pytest.mark.parametrize(
    ("execution", "first_line"),
    [
        (Execution(status="ok"), "(no output)"),
        (Execution(status="ok", value="42"), "42"),
        (Execution(status="exit", exit_code=3), "Exited with code 3"),
        (Execution(status="timeout"), "Timed out after 30 s. Variables are kept."),
        (Execution(status="oom"), "Killed: out of memory (limit 1024 MiB). Variables are kept."),
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


async def test_what_was_cut_is_in_the_record(connect: Connect) -> None:
    cut = Output(text="a\nb\n", total_bytes=90, cut_bytes=80, file="/work/o", file_bytes=90)
    result = await shown(connect, Execution(status="ok", stdout=cut))
    record = record_of(result)

    assert record["cut"] == {"stdout": 80, "stderr": 0}
    uri = f"sandbox://{record['session_id']}/files/o"
    assert record["files"] == {"stdout": {"path": "/work/o", "bytes": 90, "uri": uri}}
    told = 'Note: stdout: 80 of 90 bytes omitted: read_file(path="/work/o")'
    assert told in text_of(result), "Told once more only because the text does not have it."


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


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            [("new", "a.py", 1), ("changed", "b.py", 2)],
            "a.py (new, 1 byte), b.py (changed, 2 bytes)",
        ),
        (
            [("new", f"data/f{n}.txt", n) for n in (0, 1, 10, 2)],
            "4 new in data/ (0 to 10 bytes): f0.txt, f1.txt … f10.txt",
        ),
        (
            [("new", f"f{n}", 1500) for n in range(5)] + [("deleted", "old", 0)],
            "5 new (1.5 kB each): f0, f1 … f4, old (deleted, 0 bytes)",
        ),
        ([("new", f"{n}/f", 3) for n in range(9)], "0/f (new, 3 bytes), 1/f (new, 3 bytes)"),
    ],
    ids=["few", "a folder", "two kinds", "many folders"],
)
async def test_many_files_are_told_in_one_line(
    changes: list[tuple[str, str, int]], line: str, connect: Connect
) -> None:
    files = [
        {"change": change, "path": path, "bytes": size, "readable": True}
        for change, path, size in changes
    ]
    result = await shown(connect, Execution.model_validate({"status": "ok", "files": files}))

    told = next(told for told in text_of(result).splitlines() if told.startswith("Files: "))
    assert told.startswith(f"Files: {line}")
    assert len(told) < 250


async def test_where_code_can_reach_the_supervisor_no_case_is_isolated(connect: Connect) -> None:
    report = [
        {"collected": ["case 1"], "isolated": True},
        {"tests": [{"index": 0, "outcome": "passed"}]},
        {"finished": 0},
    ]
    isolated, notes = [], []
    waived: list[dict[Protection, str]] = [{}, {"closed_supervisor": "its kernel is another"}]
    for waivers in waived:
        backend = InMemoryBackend(lambda request: Execution(status="ok", report=report))
        backend.waivers = waivers
        async with connect(backend) as client:
            cases = [{"call": "f(1)", "expected": 1}]
            arguments = {"code": "def f(x): return x", "cases": cases}
            result = await client.call_tool("run_tests", arguments)
        record = result.structured_content or {}
        isolated.append((record["isolated"], record["tests"][0].get("isolated", False)))
        notes.append(record["notes"])

    assert isolated == [(True, True), (False, False)]
    assert [any("can fake this result" in note for note in one) for one in notes] == [False, True]

"""What the operator refuses never reaches a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from protocol.support import text_of

from bellglass.sandboxes import Execution
from bellglass.sandboxes.testing import InMemoryBackend, Request

if TYPE_CHECKING:
    from in_memory.conftest import Connect

REFUSES = {"refuse_risks": "deletes files"}


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ([{"refused": ["line 1 deletes files"]}], "nothing was run: line 1 deletes files."),
        ([], "it could not be checked (ok)"),
        (["not a report"], "the sandbox sent a malformed reply"),
    ],
)
async def test_code_that_is_refused_or_cannot_be_checked_is_not_sent(
    report: list[object], said: str, connect: Connect
) -> None:
    backend = InMemoryBackend(
        lambda request: Execution.model_validate({"status": "ok", "report": report})
    )

    async with connect(backend, **REFUSES) as client:
        result = await client.call_tool("execute_python", {"code": "os.remove('x')"})

    assert result.is_error
    assert said in text_of(result)
    assert [request.op for request in backend.requests] == ["check"]


async def test_code_that_is_admitted_is_checked_first_and_in_another_sandbox(
    connect: Connect,
) -> None:
    def answer(request: Request) -> Execution:
        return Execution(status="ok", report=[{"refused": []}] if request.op == "check" else [])

    backend = InMemoryBackend(answer)
    async with connect(backend, **REFUSES) as client:
        await client.call_tool("execute_python", {"code": "print(1)"})

    checked, ran = backend.requests
    assert (checked.op, checked.text, ran.op, ran.text) == (
        "check",
        "print(1)",
        "python",
        "print(1)",
    )
    assert checked.session_id != ran.session_id


async def test_code_that_is_too_long_is_refused_without_a_sandbox(connect: Connect) -> None:
    backend = InMemoryBackend()
    async with connect(backend, max_code_characters="5") as client:
        result = await client.call_tool("execute_python", {"code": "123456"})

    assert "code has 6 characters, and the operator of this server takes 5" in text_of(result)
    assert backend.made == 0

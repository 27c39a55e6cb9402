"""Results of tools as they leave the server, whatever happened in the tool."""

import pytest
from mcp import Client
from mcp.types import TextContent

from bellglass.sandboxes.backend import Backend
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.server.app import build_server
from bellglass.server.middleware import repaired
from bellglass.server.settings import Settings

INTERNAL = "a-detail-of-ours"


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (SandboxUnavailable("embedded", "no namespaces."), "nothing was executed: no namespaces."),
        (RuntimeError(INTERNAL), "a fault in the server"),
        (SystemExit(INTERNAL), "a fault in the server"),
        (KeyboardInterrupt(INTERNAL), "a fault in the server"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_failure_of_ours_is_told_and_ends_nothing(
    failure: BaseException, said: str, mode: str
) -> None:
    async def choose() -> Backend:
        raise failure

    async with Client(build_server(Settings(), choose), mode=mode) as client:
        for _ in range(2):
            result = await client.call_tool("execute_python", {"code": "1"})

            assert result.is_error
            assert isinstance(result.content[0], TextContent)
            assert said in result.content[0].text
            assert INTERNAL not in result.content[0].text


def test_lone_surrogates_are_repaired_wherever_they_stand() -> None:
    sent = {"a\ud800": ["\udfff", {"b": "\U0001f600"}], "n": 1}

    assert repaired(sent) == {"a\ufffd": ["\ufffd", {"b": "\U0001f600"}], "n": 1}

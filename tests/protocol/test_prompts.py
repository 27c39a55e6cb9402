"""Prompts: the listing, the messages for a model, and errors about wrong arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from mcp.shared.exceptions import MCPError
from mcp.types import PromptReference, TextContent
from protocol.support import offered, record_of

if TYPE_CHECKING:
    from mcp import Client

ARGUMENTS = {
    "solve": {"task": "TASK"},
    "fix": {"error": "ERROR ``` in it", "code": "CODE"},
    "analyse": {"question": "QUESTION", "path": "a.csv", "session_id": "ID"},
    "transform": {"code": "CODE", "kind": "port", "target": "Bash"},
    "compute": {"question": "QUESTION", "digits": "50"},
}


async def told(client: Client, name: str, arguments: dict[str, str]) -> str:
    (message,) = (await client.get_prompt(name, arguments)).messages
    assert message.role == "user"
    assert isinstance(message.content, TextContent)
    return message.content.text


async def test_five_prompts_are_listed_with_their_arguments(client: Client) -> None:
    listed = (await client.list_prompts()).prompts

    assert [prompt.name for prompt in listed] == list(ARGUMENTS)
    for prompt in listed:
        assert prompt.title
        assert prompt.description
        assert {argument.name for argument in prompt.arguments or []} == set(ARGUMENTS[prompt.name])
        assert all(argument.description for argument in prompt.arguments or [])


async def test_model_is_told_the_task_the_tools_and_to_be_honest(client: Client) -> None:
    tools = {tool.name for tool in (await client.list_tools()).tools}
    for name, arguments in ARGUMENTS.items():
        text = await told(client, name, arguments)

        assert all(value.lower() in text.lower() for value in arguments.values()), text
        assert any(f"`{tool}`" in text for tool in tools)
        # What it names is there to be called.
        named = {word.strip("`,.") for word in text.split() if word.startswith("`")} - {"```"}
        assert {word for word in named if "_" in word} <= tools
        assert "call verified only what you saw pass" in text
        assert len(text) < 1_600
    assert "````\nERROR ``` in it\n````" in await told(client, "fix", ARGUMENTS["fix"])


async def test_arguments_are_completed(client: Client) -> None:
    async def completed(name: str, argument: str, value: str, **known: str) -> list[str]:
        ref = PromptReference(name=name)
        answer = await client.complete(ref, {"name": argument, "value": value}, known or None)
        return answer.completion.values

    assert await completed("transform", "kind", "") == ["refactor", "optimise", "port", "modernise"]
    assert await completed("transform", "target", "p") == ["Python", "pandas"]
    assert await completed("compute", "digits", "10") == ["10", "100", "1000"]
    assert await completed("solve", "task", "a") == []

    result = await client.call_tool("execute_bash", {"command": "touch sales.csv stock.csv"})
    session_id = record_of(result)["session_id"]
    paths = await offered(lambda: completed("analyse", "path", "sa", session_id=session_id))
    assert paths == ["sales.csv"]


async def test_what_is_left_out_leaves_no_gap(client: Client) -> None:
    required = {"solve": "task", "fix": "error", "analyse": "question", "compute": "question"}
    for name, argument in {**required, "transform": "code"}.items():
        text = await told(client, name, {argument: "SOMETHING"})

        assert "None" not in text
        assert "{" not in text
        assert "\n\n\n" not in text


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("solve", {}, "The prompt solve needs task."),
        ("solve", {"task": "  "}, "The prompt solve needs task."),
        ("compute", {"question": "x", "digit": "5"}, "did you mean 'digits'?"),
        ("fixe", {"error": "x"}, "There are: solve, fix, analyse, transform, compute."),
        ("solve", {"task": "x" * 200_001}, "Pass it as a file."),
    ],
)
async def test_wrong_call_says_what_to_do(
    client: Client, name: str, arguments: dict[str, str], said: str
) -> None:
    with pytest.raises(MCPError) as raised:
        await client.get_prompt(name, arguments)

    assert said in str(raised.value)

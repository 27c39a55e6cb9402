"""BELLGLASS_TOOLS lists fewer tools, and then nothing names the others."""

import re

import pytest
from mcp import Client
from protocol.support import BOTH_WAYS, Connect, text_of

CORE = ["execute_python", "execute_bash", "validate_code", "run_tests"]

LEFT_OUT = re.compile(
    "read_file|write_file|list_sessions|close_session|branch_session|background_run|background=true"
)
"""What a core alone does not have."""


@BOTH_WAYS
@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ("core", CORE),
        ("Files", [*CORE, "read_file", "write_file"]),
        ("background, core", [*CORE, "background_run"]),
        ("sessions", [*CORE, "list_sessions", "close_session", "branch_session"]),
    ],
)
async def test_groups_are_listed_in_the_usual_order(
    chosen: str, names: list[str], connect: Connect
) -> None:
    async with connect(BELLGLASS_TOOLS=chosen) as client:
        tools = (await client.list_tools()).tools
        unlisted = await client.call_tool("no_such_tool", {})

    assert [tool.name for tool in tools] == names
    assert text_of(unlisted).endswith(f"The tools are: {', '.join(names)}.")


@BOTH_WAYS
async def test_no_text_before_a_call_names_a_tool_that_is_not_listed(connect: Connect) -> None:
    async with connect(BELLGLASS_TOOLS="core") as client:
        listing = (await client.list_tools()).model_dump_json(by_alias=True)
        templates = (await client.list_resource_templates()).model_dump_json(by_alias=True)
        prompts = [await client.get_prompt(*given) for given in GIVEN]
        instructions = client.instructions or ""

    assert '"background"' not in listing
    for text in (
        instructions,
        listing,
        templates,
        *(prompt.model_dump_json() for prompt in prompts),
    ):
        assert not LEFT_OUT.search(text)


GIVEN = [
    ("solve", {"task": "add"}),
    ("fix", {"error": "KeyError"}),
    ("analyse", {"question": "which?"}),
    ("analyse", {"question": "which?", "path": "a.csv"}),
    ("transform", {"code": "1"}),
    ("compute", {"question": "1 + 1"}),
]
"""Each prompt, with what it needs."""


@BOTH_WAYS
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("execute_python", {"code": "while True: pass", "timeout": 0.3}),
        ("execute_python", {"code": "open('a.txt', 'w').write('a')"}),
        ("execute_python", {"code": "1", "timeout": 301}),
        ("execute_bash", {"command": "sleep 100 & echo a"}),
        ("execute_bash", {"command": "vim a.txt"}),
        ("execute_bash", {"command": "sleep 9", "background": True}),
        ("run_tests", {"code": "def f(): return 1", "cases": [{"call": "f()", "expected": 2}]}),
    ],
)
async def test_no_result_names_a_tool_that_is_not_listed(
    tool: str, arguments: dict[str, object], connect: Connect
) -> None:
    async with connect(BELLGLASS_TOOLS="core") as client:
        text = text_of(await client.call_tool(tool, arguments))

    assert not LEFT_OUT.search(text), text


@BOTH_WAYS
@pytest.mark.parametrize("tool", ["execute_python", "execute_bash"])
async def test_what_was_cut_is_read_on_by_the_command_that_the_result_names(
    tool: str, connect: Connect
) -> None:
    code = {"execute_python": {"code": "for n in range(9_000): print(n)"}}
    arguments = code.get(tool, {"command": "seq 0 8999"})
    async with connect(BELLGLASS_TOOLS="core") as client:
        cut = text_of(await client.call_tool(tool, arguments))
        command = re.search(r"bytes omitted: (tail .*?) …\]", cut)
        assert command, cut[-500:]
        rest = await _after(client, cut, command[1])

    head = cut.partition("\n[…")[0]
    numbers = f"{head}{rest}".split()
    assert numbers[:3_500] == [str(number) for number in range(3_500)]
    assert not LEFT_OUT.search(cut)


async def _after(client: Client, text: str, command: str) -> str:
    session = text.rpartition("session_id: ")[2].strip()
    result = await client.call_tool("execute_bash", {"command": command, "session_id": session})
    return text_of(result).partition("\nsession_id: ")[0]

"""Code in a Markdown fence is taken out of it by every tool, which says so."""

from mcp import Client
from protocol.support import text_of

NOTE = "Note: The code was taken out of a Markdown fence; lines count from its own first one."


async def test_every_tool_takes_code_out_of_a_fence_and_says_so(client: Client) -> None:
    python = await client.call_tool("execute_python", {"code": "\ufeff```python\n40 + 2\n```"})
    bash = await client.call_tool("execute_bash", {"command": "```bash\necho $((40 + 2))\n```"})
    checked = await client.call_tool("validate_code", {"code": "```\nprint(y)\n```"})
    tested = await client.call_tool(
        "run_tests",
        {
            "code": "```python\ndef f(): return 42\n```",
            "tests": "```python\nfrom solution import f\ndef test_f(): assert f() == 42\n```",
        },
    )

    assert text_of(python).startswith("42\n")
    assert text_of(bash).startswith("42\n")
    assert "line 1, column 7: undefined name 'y'" in text_of(checked)
    assert "The test passed" in text_of(tested)
    for result in (python, bash, checked, tested):
        assert NOTE in text_of(result)


async def test_a_fence_in_a_string_or_here_document_is_part_of_the_program(client: Client) -> None:
    python = await client.call_tool(
        "execute_python", {"code": "page = '''\n```python\n1\n```\n'''\nlen(page)"}
    )
    bash = await client.call_tool(
        "execute_bash", {"command": "cat > a.md <<'EOF'\n```\n1\n```\nEOF\ngrep -c '`' a.md"}
    )

    bare = await client.call_tool("execute_python", {"code": "\ufeff40 + 2"})

    assert text_of(bare).startswith("42\n")  # a mark at the start of a file is no part of it
    assert text_of(python).startswith("17\n")
    assert text_of(bash).startswith("2\n")

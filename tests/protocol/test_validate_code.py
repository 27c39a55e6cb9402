"""Code is read in a sandbox and never run; each half of the answer is complete."""

from typing import Any

import pytest
from mcp import Client
from protocol.support import text_of

DEEP = {
    "brackets": "[" * 100_000,
    "minus signs": "-" * 100_000 + "1",
    "attributes": "a" + ".a" * 100_000,
    "lambdas": "lambda:" * 10_000 + "1",
    "a megabyte of names": "a\n" * 500_000,
}


CELLS = [
    (">>> import os\n>>> os.remove('a')", 2, "deletes files"),
    ("x = 1\n!rm a", 2, "deletes files"),
    ("!echo a \\\n  b\nimport os\nos.remove('a')", 4, "deletes files"),
    ("\n\nfiles = !find . -delete", 3, "deletes files"),
    ("%pip install requests", 1, "opens the network"),
    ("%%bash\nls\nrm a", 3, "deletes files"),
    ("%%time\nimport os\nos.remove('a')", 3, "deletes files"),
    ("import os\n%timeit -n 3 os.remove('a')", 2, "deletes files"),
    ("import os\n!echo {os.getenv('A')} && ls", 2, "touches the environment"),
    ("get_ipython().system('rm a')", 1, "deletes files"),
    ("if 1:\n  !rm a\n" + "x = f(y)\n" * 9_000 + "!ls\n" * 90, 2, "deletes files"),
]
"""Cells of a notebook, with a line and its risk."""


async def check(client: Client, **arguments: Any) -> tuple[dict[str, Any], str]:
    result = await client.call_tool("validate_code", arguments)
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return result.structured_content, text_of(result)


async def test_both_halves_name_errors_warnings_and_risks(client: Client) -> None:
    wrong, wrong_text = await check(client, code="x = 1\nprint(x +* 2)")
    risky, risky_text = await check(client, code="from os import system as s\ns('\\d')")

    assert (wrong["valid"], wrong["errors"][0]["line"]) == (False, 2)
    assert "line 2, column 10: invalid syntax\n    print(x +* 2)" in wrong_text
    assert (risky["valid"], risky["errors"]) == (True, [])
    assert risky["warnings"][0]["line"] == 2
    assert risky["risks"][0]["kind"] == "starts processes"
    assert "invalid escape sequence" in risky_text
    assert "line 2, column 1: starts processes: os.system runs" in risky_text


async def test_nothing_is_run(client: Client) -> None:
    traps = "@print('ran')\nclass A(print('ran')):\n    def f(x=open('/work/ran', 'w')): ...\n"

    checked, _ = await check(client, code=traps)
    await check(client, code="touch /work/ran; $(touch /work/ran)", language="bash")

    assert checked["valid"]
    listing = await client.call_tool("execute_bash", {"command": "ls /work"})
    assert "ran" not in text_of(listing)


async def test_no_program_takes_the_checker_down(client: Client, subtests: pytest.Subtests) -> None:
    for name, code in DEEP.items():
        with subtests.test(name):
            _, text = await check(client, code=code)

            assert "too" in text

    checked, _ = await check(client, code="1 + 1")
    assert checked["valid"]


async def test_bash_is_read_by_bash(client: Client) -> None:
    checked, text = await check(client, code="if true; then\nrm -rf x\n", language="bash")

    assert not checked["valid"]
    assert checked["risks"][0]["kind"] == "deletes files"
    assert "line 2, column 9: syntax error: unexpected end of file" in text


async def test_what_is_too_large_is_said_and_not_read(client: Client) -> None:
    largest, _ = await check(client, code="#" * 100_000)
    checked, text = await check(client, code="#" * 100_001, language="bash")

    assert largest["valid"]
    assert not checked["valid"]
    assert checked["errors"][0]["message"] == text
    assert text.startswith("Not checked, and nothing of it was read: 100,001 bytes are too many.")


async def test_a_cell_of_a_notebook_is_read_as_one(
    client: Client, subtests: pytest.Subtests
) -> None:
    for code, line, kind in CELLS:
        with subtests.test(code=code[:40]):
            checked, _ = await check(client, code=code)

            assert checked["errors"] == []
            assert (line, kind) in [(risk["line"], risk["kind"]) for risk in checked["risks"]]

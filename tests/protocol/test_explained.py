"""Common failures of generated code as a model sees them: `explained/failures.txt`, run again.

`BELLGLASS_TEST_WRITE=1 pytest tests/protocol/test_explained.py` writes the document; read the
difference.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp import Client
from protocol.support import Connect, record_of, text_of

DOCUMENT = Path(__file__).parent / "explained" / "failures.txt"
MARK = "--- "
SEPARATOR = MARK + "a model sees"


def sections() -> Iterator[tuple[str, str, str]]:
    """Return title, code and expected text of each."""
    for section in DOCUMENT.read_text().split("=== ")[1:]:
        title, _, body = section.partition("\n")
        code, _, expected = body.partition(f"{SEPARATOR}\n")
        yield title, code.rstrip("\n"), expected.rstrip("\n")


async def explained(client: Client, title: str, code: str) -> str:
    """Run `code` in a session of its own that is not new; return what a model sees."""
    first = await client.call_tool("execute_python", {"code": "pass"})
    session_id = record_of(first)["session_id"]
    arguments = {"session_id": session_id, "timeout": 2 if "time limit" in title else 60}
    if title.startswith("bash: "):
        result = await client.call_tool("execute_bash", {"command": code, **arguments})
    else:
        result = await client.call_tool("execute_python", {"code": code, **arguments})
    await client.call_tool("close_session", {"session_id": session_id})
    text = text_of(result).replace(f"session_id: {session_id}", "").rstrip("\n")
    text = re.sub(r'File "[^"]+(/lib/python3)', r'File "…\1', text)
    # Resolvers that cannot ask differ in how they say so.
    no_network = r"\[Errno -\d\] (?:Name or service not known|Temporary failure in name resolution)"
    text = re.sub(no_network, "[Errno -2] Name or service not known", text)
    text = text.replace("Temporary failure in name resolution", "Name or service not known")
    text = re.sub(r"0x[0-9a-f]{6,}", "0x…", text)
    return re.sub(r"^total = \d+$", "total = …", text, flags=re.MULTILINE)


@pytest.mark.timeout(300)  # sixty sections, with a session each
@pytest.mark.parametrize("mode", [("stdio", "modern")], ids="-".join)
async def test_common_failures_read_as_written(connect: Connect, subtests: pytest.Subtests) -> None:
    told = ""
    async with connect(BELLGLASS_SESSION_SCOPE="explicit") as client:
        version = await client.call_tool(
            "execute_python", {"code": "__import__('sys').version_info[:2]"}
        )
        same_version = text_of(version).startswith("(3, 11)")
        # One of them asks for a page: never where there is a way out.
        routes = {"code": "open('/proc/net/route').read().splitlines()[1:]"}
        assert text_of(await client.call_tool("execute_python", routes)).startswith("[]\n")
        for title, code, expected in sections():
            text = await explained(client, title, code)
            told += f"=== {title}\n{code}\n{SEPARATOR}\n{text}\n\n"
            if os.environ.get("BELLGLASS_TEST_WRITE"):
                continue
            with subtests.test(title):
                if not same_version:  # other words, the same meaning
                    text, expected = "\n".join(essence(text)), "\n".join(essence(expected))
                assert text == expected
    if os.environ.get("BELLGLASS_TEST_WRITE"):
        DOCUMENT.write_text(told.rstrip("\n") + "\n")


def essence(text: str) -> list[str]:
    """Return the kind of failure and the hint."""
    lines = text.split("\n")
    return [
        ":".join(lines[0].split(":")[:2]),
        *(line for line in lines if line.startswith("Hint:")),
    ]

"""A client that sends the worst text of every kind until it is ended: `worst_texts.py URL`.

It says when it has sent each of them once.
"""

import sys
from typing import Any

import anyio
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

CHARACTERS = 99_000

TEXTS = {
    "here-documents": "```\ncat " + "<<A " * 16_000 + "<<Z\n" + "A\n" * 16_000,
    "tildes": "```\n" + "~" * CHARACTERS + "`\nx",
    "dots": "```" + "." * (CHARACTERS - 10) + "!",
    "quotes": "x\n" + "'\"\n" * 4_990 + "```\n",
    "brackets": "~~~x\n" + "(\n" * 4_990 + "~~~\n",
    "fences": "```markdown\n" * 4_990,
    "a long program": "x = (\n" * 160_000,
}

FAILURES = {
    "dotted names on stderr": "import sys; sys.stderr.write('a.' * 100_000); sys.exit(127)",
    "colons on stderr": "import sys; sys.stderr.write('bash: a: ' * 50_000); sys.exit(127)",
    "a long message": 'raise TypeError("\'a" * 50_000)',
    "a long name": "raise NameError('name ' + chr(39) + 'a' * 50_000 + chr(39))",
    "carriage returns": "for n in range(20_000): print(n, '#' * 20, end=chr(13))",
    "escapes": "print((chr(27) + '[1m') * 50_000)",
    "many lines": "print('\\n' * 200_000)",
    "many files": "for n in range(200): open(f'{n:03}' + 'x%' * 100, 'w').close()",
}

TESTS = {
    "code": "def f(n):\n    return n\n",
    "tests": "import pytest\nfrom solution import f\n"
    "@pytest.mark.parametrize('n', range(300))\ndef test_f(n):\n    assert f(n) == 'a.' * 500\n",
}
CASES = [{"call": f"f({number})", "expected": "a." * 100} for number in range(500)]


def calls() -> list[tuple[str, dict[str, Any]]]:
    """Return every call of one round."""
    found: list[tuple[str, dict[str, Any]]] = []
    for code in TEXTS.values():
        found += [
            ("execute_bash", {"command": code}),
            ("execute_python", {"code": code}),
            ("validate_code", {"code": code, "language": "bash"}),
            ("run_tests", {"code": code, "tests": code}),
        ]
    for code in FAILURES.values():
        found.append(("execute_python", {"code": code}))
    found.append(("run_tests", {**TESTS}))
    found.append(("run_tests", {"code": TESTS["code"], "cases": CASES}))
    return found


async def main(url: str) -> None:
    async with Client(streamable_http_client(url), mode="legacy") as client:
        while True:
            for tool, arguments in calls():
                timeout = {} if tool == "validate_code" else {"timeout": 5}
                await client.call_tool(tool, {**arguments, **timeout})
            sys.stdout.write("round\n")
            sys.stdout.flush()


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])

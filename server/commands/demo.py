"""`bellglass demo`: show a conversation with the server, as a client sees it."""

import json
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

import anyio
import click
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import CallToolResult, TextContent

from bellglass.server.command_line.feedback import clock
from bellglass.server.command_line.parsing import Invocation, SettingsCommand
from bellglass.server.command_line.setting_options import spelt
from bellglass.server.console import paint, printable, say
from bellglass.server.failures import innermost
from bellglass.server.settings import PREFIX
from bellglass.tools.groups import ALL

CALL_TIMEOUT_SECONDS = 60

Expectation = Callable[[CallToolResult], bool]


class Unexpected(Exception):
    """The server's answer was not the expected one."""


@click.command(cls=SettingsCommand)
@click.pass_obj
def command(given: Invocation) -> int:
    """Show a short conversation with a real client.

    The exit code is 0 if every answer was as expected.
    """
    not_passed = ("http", "tools")
    flags = {name: value for name, value in given.passed_on.items() if name not in not_passed}
    with tempfile.TemporaryFile("w+") as log:
        try:
            anyio.run(_converse, spelt(flags), log)
        except Exception as exc:
            say(paint("red", f"\n{innermost(exc)}"))
            log.seek(0)
            say(printable(log.read()[-4000:]))
            return 1
    return 0


async def _converse(flags: list[str], log: TextIO) -> None:
    say(paint("bold", f"bellglass {version('bellglass')}: a conversation, as a client sees it"))
    started = time.monotonic()
    async with AsyncExitStack() as stack:
        with clock("Starting a server"):
            server = Client(stdio_client(_server(flags), errlog=log))
            client = await stack.enter_async_context(server)
            tools = (await client.list_tools()).tools
        say(f"{len(tools)} tools, {_ms(started)} after the server was started")
        await _Conversation(client).hold()
    say()
    say(
        paint("green", "All results were as expected.")
        + " To connect a client, put this in its configuration:"
    )
    say()
    say(json.dumps({"mcpServers": {"bellglass": _entry()}}, indent=2))
    say()
    say(
        f"or have it written: {shlex.quote(str(_command()))} install claude-code, or another client"
    )


class _Conversation:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._step = 0

    async def hold(self) -> None:
        first = await self._say(
            "Python, and the value of the last expression",
            "execute_python",
            _has("2.83"),
            code="import statistics\nprices = [3, 1.5, 4, 1, 5, 2.5]\n"
            "round(statistics.mean(prices), 2)",
        )
        session_id = _session_id(first)
        await self._say(
            "Variables stay, under the session_id of the result",
            "execute_python",
            _has("wrote 6"),
            code='with open("prices.csv", "w") as file:\n'
            '    file.writelines(f"{price}\\n" for price in prices)\n'
            'print("wrote", len(prices))',
            session_id=session_id,
        )
        await self._say(
            "Bash sees the same files",
            "execute_bash",
            _has("1.5"),
            command="sort -n prices.csv | head -n 2",
            session_id=session_id,
        )
        await self._say(
            "Code checked without being run",
            "validate_code",
            _structured("errors"),
            code="for price in prices\n    print(price)",
        )
        await self._say(
            "Tests, one of which fails",
            "run_tests",
            lambda result: (result.structured_content or {}).get("failed") == 1,
            code="def total(prices):\n    return sum(prices[1:])",
            cases=[
                {"call": "total([])", "expected": 0},
                {"call": "total([1, 2])", "expected": 3},
            ],
        )
        await self._say(
            "An error that explains itself",
            "execute_python",
            _has("Failed: KeyError"),
            code='totals = {"apples": 3}\ntotals["pears"]',
            session_id=session_id,
        )
        await self._say(
            "A time-out",
            "execute_python",
            _has("Timed out after 1 s"),
            code="while True:\n    pass",
            session_id=session_id,
            timeout=1,
        )
        await self._say(
            "... that does not cost the variables",
            "execute_python",
            _has("6"),
            code="len(prices)",
            session_id=session_id,
        )
        await self._say(
            "Another session knows nothing of it",
            "execute_python",
            _has("Failed: NameError"),
            code="prices",
        )
        await self._say(
            "No network but a loopback, and no way to the files of this machine",
            "execute_bash",
            _has("lo:", "nothing there"),
            command="grep -o '[a-z0-9]*:' /proc/net/dev\n"
            f"ls {Path.home()}/.ssh 2>/dev/null || echo nothing there",
            session_id=session_id,
        )
        await self._say(
            "The end of the session", "close_session", _has("Closed"), session_id=session_id
        )

    async def _say(
        self, title: str, tool: str, expected: Expectation, **arguments: Any
    ) -> CallToolResult:
        self._step += 1
        say()
        say(paint("bold", f"{self._step}. {title}") + paint("dim", f"   {_call(tool, arguments)}"))
        for line in _code(arguments):
            say(paint("cyan", f"   > {line}"))
        started = time.monotonic()
        with anyio.fail_after(CALL_TIMEOUT_SECONDS):
            result = await self._client.call_tool(tool, arguments)
        elapsed = _ms(started)
        for line in _text(result).splitlines():
            dim = line.startswith("session_id: ")
            say(f"   {paint('dim', line) if dim else printable(line)}")
        say(paint("dim", f"   [{elapsed}]"))
        if result.is_error or not expected(result):
            raise Unexpected(f"Step {self._step} had an unexpected result.")
        return result


def _server(flags: list[str]) -> StdioServerParameters:
    wanted = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(PREFIX) and name != f"{PREFIX}HTTP"
    }
    return StdioServerParameters(
        command=sys.executable,
        args=["-P", "-m", "bellglass.server.cli", *flags],
        env={
            f"{PREFIX}DETACHED_SECONDS": "0",
            f"{PREFIX}STORE": "",
            **wanted,
            f"{PREFIX}TOOLS": ",".join(ALL),  # the conversation calls tools of several groups
            "NO_COLOR": "1",
        },
    )


def _entry() -> dict[str, Any]:
    # One process of a desktop client serves all chats, and each chat needs sessions of its own.
    return {"command": str(_command()), "env": {f"{PREFIX}SESSION_SCOPE": "explicit"}}


def _command() -> Path:
    """Return the absolute path of this command, as a client's configuration needs it."""
    command = Path(sys.executable).parent / "bellglass"
    return command if command.exists() else Path(sys.argv[0]).absolute()


def _has(*texts: str) -> Expectation:
    return lambda result: all(text in _text(result) for text in texts)


def _structured(name: str) -> Expectation:
    return lambda result: bool((result.structured_content or {}).get(name))


def _text(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def _session_id(result: CallToolResult) -> str:
    return _text(result).rpartition("session_id: ")[2].strip()


def _call(tool: str, arguments: dict[str, Any]) -> str:
    shown = [
        f"{name}={json.dumps(value)}"
        for name, value in arguments.items()
        if name not in ("code", "command", "session_id")
    ]
    if "session_id" in arguments:
        shown.append(f"session_id={arguments['session_id'][:6]}...")
    return f"{tool}({', '.join(shown)})"


def _code(arguments: dict[str, Any]) -> list[str]:
    code: str = arguments.get("code") or arguments.get("command") or ""
    return code.splitlines()


def _ms(started: float) -> str:
    return f"{(time.monotonic() - started) * 1000:.0f} ms"

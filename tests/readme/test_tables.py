"""What the README lists is what the code has."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import Any, get_args

from mcp import StdioServerParameters
from protocol.support import COMMAND, connected, environment, record_of
from pydantic_core import PydanticUndefined
from readme.blocks import first_cells, names, section

from bellglass.sandboxes.execution import Status
from bellglass.server.settings import PREFIX, Settings
from bellglass.tools import TOOLS


def test_commands_are_those_of_the_program() -> None:
    shown = section("Install")
    listed = [names(cell)[0].split()[1:] for cell in first_cells(shown)]
    helped = subprocess.run([COMMAND, "--help"], check=True, capture_output=True, text=True).stdout
    known = set(re.findall(r"^    ([a-z]+) ", helped, re.MULTILINE))

    assert {words[0] for words in listed if words and words[0].isalpha()} == known


def test_tools_and_their_arguments_are_those_of_the_server() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.*?) \|", section("Tools").partition("_meta")[0], re.MULTILINE
    )

    for (name, arguments), tool in zip(rows, TOOLS, strict=True):
        parameters = inspect.signature(tool.function).parameters
        expected = [
            key + ("" if parameter.default is parameter.empty else "?")
            for key, parameter in parameters.items()
            if key != "ctx"
        ]
        assert name == tool.function.__name__
        assert sorted(re.findall(r"`(\w+\??)`", arguments.partition("(")[0])) == sorted(expected)


async def test_record_has_the_fields_that_are_listed() -> None:
    listed = [
        name for cell in first_cells(section("Tools").partition("_meta")[2]) for name in names(cell)
    ]
    async with connected(
        StdioServerParameters(command=COMMAND, env=environment({})), "modern"
    ) as client:
        result = await client.call_tool("execute_python", {"code": "1"})

    assert listed == list(record_of(result))


def test_every_status_is_explained() -> None:
    listed = [names(cell)[0] for cell in first_cells(section("When a call fails"))]

    assert listed == list(get_args(Status))


def test_settings_are_those_of_the_code() -> None:
    table = section("Settings").partition("<!-- settings")[2].partition("-->\n")[2]

    assert table.partition("<!-- end")[0] == settings_table()


def settings_table() -> str:
    rows = ["| variable | default | |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default: Any = field.default
        assert default is not PydanticUndefined
        if isinstance(default, tuple):
            default = ",".join(default)
        shown = "" if default in (None, "") else f"`{str(default).lower()}`"
        rows.append(f"| `{PREFIX}{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows) + "\n"


def test_limits_in_the_text_are_the_defaults() -> None:
    settings = Settings.from_environ({})
    limits = settings.limits()
    isolation = section("What is kept out, and what is not promised")

    assert f"{limits.disk_bytes >> 20} MiB, and {limits.scratch_bytes >> 20} MiB each" in isolation
    assert f"| {limits.files:,}, and 8,192 each |" in isolation
    assert f"| processes and threads | {limits.processes} |" in isolation
    sessions = section("Sessions")
    assert f"{settings.idle_seconds / 60:.0f} minutes after its last call" in sessions
    assert f"{settings.age_seconds / 3600:.0f} hours after its first" in sessions
    assert f"{settings.grace_seconds:.0f} seconds after its connection" in sessions
    assert f"When {settings.max_sessions} sessions are open" in sessions


if __name__ == "__main__":
    sys.stdout.write(settings_table())

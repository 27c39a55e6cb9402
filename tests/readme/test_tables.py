"""Tables of the README and the pages of docs/ agree with the code."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import Any, get_args

from mcp import StdioServerParameters
from protocol.support import COMMAND, connected, environment, record_of
from pydantic_core import PydanticUndefined
from readme.blocks import README, first_cells, names, page, section

from bellglass.sandboxes import registry
from bellglass.sandboxes.execution import Status
from bellglass.server.settings import Settings, known_settings
from bellglass.tools.call_limits import (
    MAX_CASES,
    MAX_CHECKED_BYTES,
    MAX_CODE_CHARACTERS,
    MAX_TIMEOUT_SECONDS,
)
from bellglass.tools.listing import TOOLS
from bellglass.tools.run_tests.tool import run_tests


def test_commands_are_those_of_the_program() -> None:
    listed = [names(cell)[0].split()[1:] for cell in first_cells(page("commands"))]
    helped = subprocess.run([COMMAND, "--help"], check=True, capture_output=True, text=True).stdout
    known = set(
        re.findall(r"^  ([a-z]+) ", helped.partition("\nCommon settings:")[0], re.MULTILINE)
    )

    assert {words[0] for words in listed if words and words[0].isalpha()} == known


def test_tools_and_their_arguments_are_those_of_the_server() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", page("tools"), re.MULTILINE)

    for (name, arguments), tool in zip(rows, TOOLS, strict=True):
        parameters = inspect.signature(tool.function).parameters
        expected = [
            key + ("" if parameter.default is parameter.empty else "?")
            for key, parameter in parameters.items()
            if key != "ctx"
        ]
        assert name == tool.function.__name__
        assert sorted(re.findall(r"`(\w+\??)`", arguments.partition("(")[0])) == sorted(expected)


def test_readme_names_every_tool_and_every_backend() -> None:
    text = README.read_text("utf-8")
    tools = [names(cell)[0] for cell in first_cells(section(text, "Tools"))]
    backends = [names(cell)[0] for cell in first_cells(section(text, "Backends"))]

    assert tools == [tool.function.__name__ for tool in TOOLS]
    assert sorted(backends) == sorted(registry.installed())


def test_readme_can_be_read_in_five_minutes() -> None:
    assert len(README.read_text("utf-8").split()) <= 1_200


async def test_record_has_the_fields_that_are_listed() -> None:
    record = page("records").partition("\n## ")[0]
    listed = [name for cell in first_cells(record) for name in names(cell)]
    async with connected(
        StdioServerParameters(command=COMMAND, env=environment({})), "modern"
    ) as client:
        result = await client.call_tool("execute_python", {"code": "1"})

    assert listed == list(record_of(result))


def test_every_status_is_explained() -> None:
    listed = [names(cell)[0] for cell in first_cells(section(page("records"), "When a call fails"))]

    assert listed == list(get_args(Status))


def test_settings_are_those_of_the_code() -> None:
    table = page("settings").partition("<!-- settings")[2].partition("-->\n")[2]

    assert table.partition("<!-- end")[0] == settings_table()


def settings_table() -> str:
    rows = ["| variable | default | |", "|---|---|---|"]
    for setting in known_settings().values():
        default: Any = setting.info.default
        assert default is not PydanticUndefined
        if isinstance(default, tuple):
            default = ",".join(default)
        shown = "" if default in (None, "") else f"`{str(default).lower()}`"
        rows.append(f"| `{setting.variable}` | {shown} | {setting.info.description} |")
    return "\n".join(rows) + "\n"


def test_limits_in_the_text_are_the_defaults() -> None:
    settings = Settings.from_environ({})
    limits = settings.limits()
    used = section(page("limits"), "What a session may use")

    assert f"| memory of a session | {limits.memory_bytes >> 30} GiB: " in used
    assert f"{limits.disk_bytes >> 20} MiB, and {limits.scratch_bytes >> 20} MiB each" in used
    assert f"| {limits.files:,}, and 8,192 each |" in used
    assert f"| processes and threads | {limits.processes} |" in used
    sessions = page("sessions")
    assert f"{settings.session_idle_seconds / 60:.0f} minutes after its last call" in sessions
    assert f"{settings.session_max_seconds / 3600:.0f} hours after its first" in sessions
    assert f"{settings.grace_seconds:.0f} seconds after its connection" in sessions
    assert f"When {settings.max_sessions} sessions are open" in sessions


def test_bounds_of_a_call_are_those_of_the_code() -> None:
    settings = Settings.from_environ({})
    asked = section(page("limits"), "What a call may ask for")
    for_tests = inspect.signature(run_tests).parameters["timeout"].default

    for row in (
        f"| time limit of a call | {settings.timeout_seconds:.0f} s (`BELLGLASS_TIMEOUT_SECONDS`) "
        f"| {MAX_TIMEOUT_SECONDS} s |",
        f"| time limit of `run_tests`, for all tests | {for_tests} s | {MAX_TIMEOUT_SECONDS} s |",
        f"| time limit of a background run | {settings.background_seconds:.0f} s (",
        f"| CPU time of a call | {settings.cpu_seconds} s (",
        f"| code in one argument | | {MAX_CODE_CHARACTERS:,} characters (",
        f"| code that `validate_code` reads | | {MAX_CHECKED_BYTES:,} bytes |",
        f"| cases of `run_tests` | | {MAX_CASES:,} |",
        f"| stdout, and stderr, in a result | {settings.output_bytes:,} bytes (",
        f"in a file of {settings.limits().output_file_bytes >> 20} MiB |",
        f"| sessions at one time | {settings.max_sessions} (",
    ):
        assert row in asked


if __name__ == "__main__":
    sys.stdout.write(settings_table())

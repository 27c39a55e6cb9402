"""The README is run: its blocks as they stand, its tables against the code."""

from __future__ import annotations

import ast
import http.client
import inspect
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from mcp import Client, StdioServerParameters
from protocol.support import COMMAND, connected, environment, record_of, text_of
from pydantic_core import PydanticUndefined
from readme import BLOCKS, ROOT, block, first_cells, names, section

from bellglass.sandboxes import registry
from bellglass.sandboxes.base import Limits, Sandbox
from bellglass.sandboxes.conformance import CHECKS, Check, endings, running
from bellglass.sandboxes.execution import Status
from bellglass.server.settings import PREFIX, Settings
from bellglass.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Generator

TESTED_ELSEWHERE = {
    "claude-desktop",
    "claude-code-command",
    "claude-code",
    "vs-code",
    "cursor",
    "codex",
    "zed",
}
"""In tests/protocol/test_client_config.py."""

TESTED_HERE = {
    "conversation",
    "make",
    "install",
    "http-local",
    "http-public",
    "backend",
    "entry-point",
}

PATH = f"{Path(COMMAND).parent}{os.pathsep}{os.environ['PATH']}"


def test_every_block_is_tested_once() -> None:
    found = sorted(block.name for block in BLOCKS)

    assert found == sorted(TESTED_HERE | TESTED_ELSEWHERE)


async def test_conversation_is_real() -> None:
    session_id = None
    async with connected(
        StdioServerParameters(command=COMMAND, env=environment({})), "modern"
    ) as client:
        for step in block("conversation").strip().split("\n\n"):
            text, session_id = await _replayed(client, step, session_id)

            assert text == _without_id(step.split("\n", 1)[1])


async def _replayed(client: Client, step: str, session_id: str | None) -> tuple[str, str]:
    """Return what the server answers to a step, in the form of the README."""
    head, *lines = step.splitlines()
    call = ast.parse(head if "(" in head else f"{head}()", mode="eval").body
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Name)
    arguments = {word.arg or "": ast.literal_eval(word.value) for word in call.keywords}
    sent = [line for line in lines if line.startswith("> ")]
    code = "command" if call.func.id == "execute_bash" else "code"
    arguments[code] = "\n".join(line[2:] for line in sent)
    if session_id is not None:
        arguments["session_id"] = session_id
    result = await client.call_tool(call.func.id, arguments)
    return (
        _without_id("\n".join([*sent, text_of(result)])),
        record_of(result)["session_id"],
    )


def _without_id(text: str) -> str:
    """Return `text` as it is with any id, and with any Python: each has its own marks."""
    text = re.sub(r"^ *[~^]+\n", "", text, flags=re.MULTILINE)
    return re.sub(r"session_id: \S+", "session_id: ...", text)


def test_make_knows_the_two_commands() -> None:
    for line in block("make").splitlines():
        subprocess.run([*line.split(), "--dry-run"], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.timeout(600)
def test_install_commands_work_in_an_empty_environment(tmp_path: Path) -> None:
    _copy_repository(tmp_path / "clone")
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    # The packages for the code inside are there already: they take a minute.
    prepared = Path(sys.prefix, "share/bellglass/python")
    if prepared.exists():
        (venv / "share/bellglass").mkdir(parents=True)
        (venv / "share/bellglass/python").symlink_to(prepared)

    done = subprocess.run(
        ["sh", "-e", "-c", block("install")],
        cwd=tmp_path / "clone",
        env={**environment({}), "PATH": f"{venv}/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Code runs in the" in done.stdout


def _copy_repository(target: Path) -> None:
    target.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "server", "tools", "sandboxes"):
        subprocess.run(["cp", "-r", ROOT / name, target], check=True)


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


@contextmanager
def _served(script: str, directory: Path) -> Generator[int]:
    """Run a block that serves HTTP, on any free port, and yield the port."""
    script = re.sub(r"(--http \S+):8000", r"\1:0", script)
    process = subprocess.Popen(
        ["sh", "-e", "-c", script],
        cwd=directory,
        env=environment({"PATH": PATH}),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if match := re.search(r"Serving on http://\S+:(\d+)", line):
                port = int(match[1])
                _await_listening(port)
                yield port
                return
        raise AssertionError("It does not serve.")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
        process.stderr.close()


def _await_listening(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def _status(port: int, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(
        "POST",
        "/mcp",
        '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",'
        '"capabilities":{},"clientInfo":{"name":"test","version":"1"}}}',
        {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **headers,
        },
    )
    status = connection.getresponse().status
    connection.close()
    return status


def test_local_http_serves_programs_and_no_web_page(tmp_path: Path) -> None:
    with _served(block("http-local"), tmp_path) as port:
        assert _status(port, {}) == 200
        assert _status(port, {"Origin": "https://evil.example"}) == 403


def test_public_http_wants_the_token(tmp_path: Path) -> None:
    with _served(block("http-public"), tmp_path) as port:
        host = {"Host": "tools.example.org"}
        token = (tmp_path / "token").read_text().strip()

        assert _status(port, host) == 401
        assert _status(port, {**host, "Authorization": f"Bearer {token}"}) == 200


CONTAINER = """#!/bin/sh
# Stands for podman: drops its options, and runs the command in namespaces of its own.
while [ "$1" != docker.io/library/python:3.13-slim ]; do shift; done
shift
cd {directory}
exec unshare --user --map-user=1000 --map-group=1000 --pid --fork --kill-child --net --ipc \\
    --mount --mount-proc -- "$@"
"""


@pytest.mark.parametrize(
    "check",
    [
        running.python_shows_output_and_last_value,
        running.variables_last_between_calls,
        endings.a_crash_costs_only_its_own_call,
        endings.leaving_the_session_leaves_nothing,
    ],
    ids=lambda check: check.__name__,
)
async def test_backend_of_the_example_keeps_the_contract(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    podman = tmp_path / "podman"
    podman.write_text(CONTAINER.format(directory=tmp_path))
    podman.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    await check(_example_backend()(Limits()))


def test_entry_point_of_the_example_leads_to_the_backend() -> None:
    project = tomllib.loads(block("entry-point"))["project"]
    module, _, name = project["entry-points"][registry.GROUP]["podman"].partition(":")

    assert block("backend").startswith(f"# {module}.py\n")
    assert _example_backend().__name__ == name


def _example_backend() -> type[Sandbox]:
    namespace: dict[str, Any] = {"__name__": "bellglass_podman"}
    exec(compile(block("backend"), "README.md", "exec"), namespace)
    (backend,) = [
        thing
        for thing in namespace.values()
        if isinstance(thing, type) and issubclass(thing, Sandbox) and thing is not Sandbox
    ]
    return backend


def test_links_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }

    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors
        elif "://" not in target:
            assert (ROOT / target).exists(), target


def test_promises_name_checks_that_exist() -> None:
    """docs/security.md says what proves each promise."""
    known = {check.__name__ for check in CHECKS}
    for file in (ROOT / "tests").rglob("test_*.py"):
        known |= set(re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE))
    promises = (ROOT / "docs/security.md").read_text("utf-8").partition("\n## Promises\n")[2]
    proofs = re.findall(r"^\| P\d+ \|.*\|(.*)\|$", promises, re.MULTILINE)

    assert len(proofs) > 20
    for proof in proofs:
        assert names(proof), "a promise without proof"
        assert set(names(proof)) <= known


if __name__ == "__main__":
    sys.stdout.write(settings_table())

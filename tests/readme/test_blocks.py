"""Every code block is run by some test: here the conversation and the commands of the README."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from protocol.support import COMMAND, connected, environment, record_of, text_of
from readme.blocks import BLOCKS, README, ROOT, block, names, section

from bellglass.server.clients.catalogue import CLIENTS

TESTED_ELSEWHERE = {
    "claude-desktop",
    "claude-code-command",
    "claude-code",
    "vs-code",
    "cursor",
    "codex",
    "zed",
    "gemini",
    "continue",
    "goose",
    "chatgpt",
    "files-server",
    "files-put",
    "files-client",
    "files-session",
    "files-get",
    "folders-lend",
}
"""In tests/protocol/test_client_config.py, test_files.py and test_folders.py here. What shows an
output has no name."""

TESTED_HERE = {
    "conversation",
    "make",
    "make-set-up",
    "one-sandbox",
    "install",
    "connect",
    "http-local",
    "http-public",
    "backend",
    "entry-point",
    "in-memory",
    "backend-settings",
    "settings-entry-point",
    "tool",
    "job",
    "tool-entry-points",
}


def test_every_block_is_tested_once() -> None:
    found = sorted(block.name for block in BLOCKS if block.name or block.language != "text")

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
    sent = list(takewhile(lambda line: line.startswith("> "), lines))
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


@pytest.mark.parametrize("name", ["make", "make-set-up"])
def test_make_knows_the_commands(name: str) -> None:
    for line in block(name).splitlines():
        command = line.partition("#")[0].split()
        subprocess.run([*command, "--dry-run"], cwd=ROOT, check=True, capture_output=True)


def test_make_help_lists_every_target() -> None:
    targets = re.search(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert targets is not None

    helped = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )

    lines = [line.split(maxsplit=1) for line in helped.stdout.splitlines()]
    assert {name for name, text in lines if text} == set(targets[1].split())


def test_one_sandbox_runs_code_without_a_server() -> None:
    done = subprocess.run(
        [sys.executable, "-c", block("one-sandbox")], check=True, capture_output=True, text=True
    )

    assert "value='2'" in done.stdout


def test_a_test_without_a_sandbox_gets_what_it_wrote_down() -> None:
    done = subprocess.run(
        [sys.executable, "-c", block("in-memory")], check=True, capture_output=True, text=True
    )

    assert done.stdout.splitlines() == ["42", "['6 * 7']"]


def test_connect_command_writes_the_server_into_the_configuration(tmp_path: Path) -> None:
    (client,) = [client for client in CLIENTS if block("connect").split()[-1] == client.name]
    path = f"{Path(COMMAND).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["sh", "-e", "-c", block("connect")],
        cwd=tmp_path,
        env=environment({"HOME": str(tmp_path), "XDG_CONFIG_HOME": "", "PATH": path}),
        check=True,
        capture_output=True,
    )

    written = json.loads(client.path(environ={"HOME": str(tmp_path)}).read_text())

    assert Path(written[client.section]["bellglass"]["command"]).name == "bellglass"


def test_clients_that_can_be_configured_are_named() -> None:
    text = section(README.read_text("utf-8"), "Connect").partition("```")[0]

    assert names(text) == [client.name for client in CLIENTS]


@pytest.mark.timeout(600)
def test_install_commands_work_in_an_empty_environment(tmp_path: Path) -> None:
    _copy_repository(tmp_path / "clone")
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    # The packages for the code inside are there already: they take a minute.
    prepared = Path(sys.prefix, "share/bellglass/pythons")
    if prepared.exists():
        (venv / "share/bellglass").mkdir(parents=True)
        (venv / "share/bellglass/pythons").symlink_to(prepared)

    done = subprocess.run(
        ["sh", "-e", "-c", block("install")],
        cwd=tmp_path / "clone",
        env={**environment({}), "PATH": f"{venv}/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Code runs on the embedded backend" in done.stdout


def _copy_repository(target: Path) -> None:
    target.mkdir()
    for name in (
        "pyproject.toml",
        "setup.py",
        "README.md",
        "LICENSE",
        "server",
        "tools",
        "sandboxes",
        "agent",
    ):
        subprocess.run(["cp", "-r", ROOT / name, target], check=True)

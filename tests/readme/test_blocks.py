"""Every code block of the README is run by some test: here the conversation and the commands."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from protocol.support import COMMAND, connected, environment, record_of, text_of
from readme.blocks import BLOCKS, ROOT, block

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
}
"""In tests/protocol/test_client_config.py and test_files.py. What shows an output has no name."""

TESTED_HERE = {
    "conversation",
    "make",
    "install",
    "http-local",
    "http-public",
    "backend",
    "entry-point",
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
    assert "Code runs in the embedded sandbox" in done.stdout


def _copy_repository(target: Path) -> None:
    target.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "server", "tools", "sandboxes"):
        subprocess.run(["cp", "-r", ROOT / name, target], check=True)

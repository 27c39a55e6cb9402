"""Applications that are on npm, each with what `bellglass install` wrote into its configuration."""

import json

import pytest
from clients.conftest import Applications
from protocol.support import COMMAND

pytestmark = [pytest.mark.clients, pytest.mark.timeout(1200)]


def test_claude_code_connects(applications: Applications) -> None:
    applications.install("@anthropic-ai/claude-code@2")
    applications.run(COMMAND, "install", "claude-code")

    listed = applications.run("claude", "mcp", "list").stdout

    assert "bellglass" in listed
    assert "Connected" in listed
    applications.run(COMMAND, "uninstall", "claude-code")
    assert "bellglass" not in applications.run("claude", "mcp", "list").stdout


def test_codex_reads_what_was_written(applications: Applications) -> None:
    applications.install("@openai/codex@0.169.0")
    (applications.home / ".codex").mkdir()
    applications.run(COMMAND, "install", "codex")

    listed = json.loads(applications.run("codex", "mcp", "list", "--json").stdout)

    (server,) = [server for server in listed if server["name"] == "bellglass"]
    assert server["enabled"] is True
    assert server["transport"]["command"] == COMMAND
    assert server["tool_timeout_sec"] == 310


def test_gemini_reads_what_was_written(applications: Applications) -> None:
    applications.install("@google/gemini-cli@0.61.0")
    applications.run(COMMAND, "install", "gemini")

    done = applications.run("gemini", "mcp", "list")

    assert f"bellglass: {COMMAND}" in done.stdout + done.stderr

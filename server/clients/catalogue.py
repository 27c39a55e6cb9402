"""The known clients: the path, format and keys of their configuration."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bellglass.tools.call_limits import MAX_TIMEOUT_SECONDS

NAME = "bellglass"

CALL_TIMEOUT_SECONDS = MAX_TIMEOUT_SECONDS + 10
"""A little more than the longest time limit of a call."""

EXPLICIT = {"BELLGLASS_SESSION_SCOPE": "explicit"}
"""Settings for clients that use one server process for all chats."""


@dataclass(frozen=True, slots=True)
class Client:
    """An application and its configuration of MCP servers."""

    name: str
    title: str
    form: Literal["json", "toml", "yaml"]
    section: str
    """Key of the object that holds the servers."""
    linux: str
    """Path of the file, relative to the home directory."""
    macos: str | None = None
    windows: str | None = None
    """Path relative to %APPDATA%. If None, as on Linux."""
    project: str | None = None
    """Path of the file for one project, relative to its directory."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    """The client's names for `command` and `env`, if they differ."""
    note: str = ""
    """What to do after installation."""

    def path(
        self,
        *,
        project: Path | None = None,
        environ: Mapping[str, str] = os.environ,
        platform: str = sys.platform,
    ) -> Path:
        """Return the path of its configuration, for the user or for a project."""
        if project is not None:
            if self.project is None:
                raise LookupError(f"{self.title} has no configuration for a single project.")
            return project / self.project
        if self.name == "codex" and environ.get("CODEX_HOME"):
            return Path(environ["CODEX_HOME"]) / "config.toml"
        home = Path(environ.get("HOME") or Path.home())
        if platform == "darwin" and self.macos:
            return home / self.macos
        if platform == "win32" and self.windows:
            return Path(environ.get("APPDATA") or home / "AppData/Roaming") / self.windows
        if self.linux.startswith(".config/") and environ.get("XDG_CONFIG_HOME"):
            return Path(environ["XDG_CONFIG_HOME"]) / self.linux.removeprefix(".config/")
        return home / self.linux

    def entry(self, command: list[str], name: str = NAME) -> dict[str, Any]:
        """Return the entry that starts `command`, in the client's format."""
        written: dict[str, Any] = {"name": name} if self.form == "yaml" else {}
        if "type" in self.extra:
            written["type"] = self.extra["type"]
        written[self.names.get("command", "command")] = command[0]
        written["args"] = command[1:]
        if self.env:
            written[self.names.get("env", "env")] = dict(self.env)
        return {**written, **self.extra}


_RESTART = "Restart it to start the server."

CLIENTS = (
    Client(
        "claude-desktop",
        "Claude Desktop",
        "json",
        "mcpServers",
        ".config/Claude/claude_desktop_config.json",
        macos="Library/Application Support/Claude/claude_desktop_config.json",
        windows="Claude/claude_desktop_config.json",
        env=EXPLICIT,
        note=_RESTART,
    ),
    Client(
        "claude-code",
        "Claude Code",
        "json",
        "mcpServers",
        ".claude.json",
        project=".mcp.json",
        extra={"type": "stdio"},
        note="Check with: claude mcp list",
    ),
    Client(
        "vscode",
        "VS Code",
        "json",
        "servers",
        ".config/Code/User/mcp.json",
        macos="Library/Application Support/Code/User/mcp.json",
        windows="Code/User/mcp.json",
        project=".vscode/mcp.json",
        extra={"type": "stdio"},
        note="Start it with the command MCP: List Servers.",
    ),
    Client(
        "cursor",
        "Cursor",
        "json",
        "mcpServers",
        ".cursor/mcp.json",
        project=".cursor/mcp.json",
        env=EXPLICIT,
        note=_RESTART,
    ),
    Client(
        "codex",
        "Codex",
        "toml",
        "mcp_servers",
        ".codex/config.toml",
        extra={"tool_timeout_sec": CALL_TIMEOUT_SECONDS},
        note="Check with: codex mcp list",
    ),
    Client(
        "gemini",
        "Gemini CLI",
        "json",
        "mcpServers",
        ".gemini/settings.json",
        project=".gemini/settings.json",
        note="Check with: gemini mcp list",
    ),
    Client(
        "zed",
        "Zed",
        "json",
        "context_servers",
        ".config/zed/settings.json",
        extra={"env": {}},
        windows="Zed/settings.json",
        project=".zed/settings.json",
    ),
    Client(
        "continue",
        "Continue",
        "yaml",
        "mcpServers",
        ".continue/config.yaml",
        note="It uses servers in agent mode.",
    ),
    Client(
        "goose",
        "Goose",
        "yaml",
        "extensions",
        ".config/goose/config.yaml",
        windows="Block/goose/config/config.yaml",
        extra={"type": "stdio", "envs": {}, "enabled": True, "timeout": CALL_TIMEOUT_SECONDS},
        names={"command": "cmd", "env": "envs"},
    ),
)

CHATGPT = """\
ChatGPT starts no programs: it connects to servers that it reaches over https.

1. Serve over HTTP behind a proxy that speaks https and checks who calls (docs/clients.md):
   bellglass --http 127.0.0.1:8000 --http-hosts your.host.example
2. In ChatGPT, switch developer mode on (Settings, Connectors, Advanced), and create a connector
   with the address https://your.host.example/mcp
"""

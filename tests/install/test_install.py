"""`bellglass install`, as a user runs it: the new entry works, and everything else stays."""

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from protocol.support import COMMAND, connected, environment, text_of

from bellglass.server.clients import jsonc, yaml_file
from bellglass.server.clients.catalogue import CLIENTS, Client

OF_OTHERS = {
    "json": '{\n  // mine\n  "SECTION": {\n    "other": {"command": "x"}, // kept\n  },\n}\n',
    "toml": '# mine\nmodel = "m"\n\n[SECTION.other]\ncommand = "x"\n',
    "yaml": '# mine\nversion: "1"\nextensions:\n  other:\n    cmd: x  # kept\nmcpServers:\n'
    "  - name: other\n    command: x\n",
}

PARSE: dict[str, Callable[[str], dict[str, Any]]] = {
    "json": jsonc.parse,
    "toml": tomllib.loads,
    "yaml": yaml_file.parse,
}


def run(*arguments: str, home: Path, code: int = 0) -> str:
    settings = {"HOME": str(home), "XDG_CONFIG_HOME": "", "CODEX_HOME": ""}
    done = subprocess.run(
        [COMMAND, *arguments],
        env=environment(settings),
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def configured(client: Client, text: str) -> dict[str, Any]:
    held = PARSE[client.form](text)[client.section]
    if isinstance(held, list):
        held = {entry["name"]: entry for entry in held}
    entry: dict[str, Any] = held["bellglass"]
    return entry


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
async def test_what_is_written_starts_and_goes_again(client: Client, tmp_path: Path) -> None:
    path = client.path(environ={"HOME": str(tmp_path)})
    before = OF_OTHERS[client.form].replace("SECTION", client.section)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(before)
    path.chmod(0o640)

    told = run("--timeout-seconds", "7", "install", client.name, home=tmp_path)

    text = path.read_text()
    assert "+++" in told
    assert "bellglass" in told
    assert {"mine", "x"} <= set(text.replace('"', " ").split()), "What others wrote is there."
    assert path.stat().st_mode & 0o777 == 0o640
    (backup,) = path.parent.glob(f"{path.name}.*.bak")
    assert backup.read_text() == before
    assert "has it already" in run("--timeout-seconds", "7", "install", client.name, home=tmp_path)

    entry = configured(client, text)
    command = entry.get("command") or entry["cmd"]
    assert Path(command).is_absolute()
    parameters = StdioServerParameters(
        command=command, args=entry["args"], env=environment(entry.get("env", {}))
    )
    async with connected(parameters, "legacy") as server:
        tools = {tool.name: tool for tool in (await server.list_tools()).tools}
        assert "7 if left out" in str(tools["execute_python"].input_schema)

    run("uninstall", client.name, home=tmp_path)
    assert PARSE[client.form](path.read_text()) == PARSE[client.form](before)


async def test_what_is_written_runs_code(tmp_path: Path) -> None:
    run("install", "claude-code", home=tmp_path)

    entry = jsonc.parse((tmp_path / ".claude.json").read_text())["mcpServers"]["bellglass"]
    parameters = StdioServerParameters(
        command=entry["command"], args=entry["args"], env=environment({})
    )
    async with connected(parameters, "legacy") as server:
        result = await server.call_tool("execute_python", {"code": "6 * 7"})
        assert text_of(result).startswith("42\n")


def test_a_file_that_cannot_be_read_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / ".cursor/mcp.json"
    path.parent.mkdir()
    twice = b'{"mcpServers": {}, "mcpServers": {"x": 1}}'
    for broken in (b'{"mcpServers": {', b"\xff\xfe{}", b'{"mcpServers": []}', twice):
        path.write_bytes(broken)

        told = run("install", "cursor", home=tmp_path, code=1)

        assert f"{path} was not changed" in told
        assert '"command"' in told, "What to add by hand."
        assert path.read_bytes() == broken
    assert os.listdir(path.parent) == ["mcp.json"]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_what_to_write_by_hand_is_in_the_form_of_the_file(client: Client, tmp_path: Path) -> None:
    path = client.path(environ={"HOME": str(tmp_path)})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{[")

    told = run("install", client.name, home=tmp_path, code=1)

    assert configured(client, told.partition("by hand:\n")[2])["args"] == []


def test_links_line_ends_and_a_dry_run(tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles.json"
    kept.write_bytes(b'{\r\n  "theme": "dark"\r\n}\r\n')
    path = tmp_path / ".config/zed/settings.json"
    path.parent.mkdir(parents=True)
    path.symlink_to(kept)

    assert "Nothing was written" in run("install", "zed", "--dry-run", home=tmp_path)
    assert b"bellglass" not in kept.read_bytes()

    run("install", "zed", home=tmp_path)
    assert path.is_symlink()
    assert b"bellglass" in kept.read_bytes()
    assert kept.read_bytes().count(b"\n") == kept.read_bytes().count(b"\r\n")


def test_what_a_user_has_set_stays(tmp_path: Path) -> None:
    path = tmp_path / ".cursor/mcp.json"
    path.parent.mkdir()
    own = {"command": "old", "env": {"BELLGLASS_SESSION_SCOPE": "connection"}, "x": 1}
    path.write_text(json.dumps({"mcpServers": {"bellglass": own}}))

    run("install", "cursor", home=tmp_path)

    entry = jsonc.parse(path.read_text())["mcpServers"]["bellglass"]
    assert entry["command"] != "old"
    assert entry["env"] == {"BELLGLASS_SESSION_SCOPE": "connection"}
    assert entry["x"] == 1


def test_chatgpt_is_told_what_to_do(tmp_path: Path) -> None:
    assert "/mcp" in run("install", "chatgpt", home=tmp_path)
    assert "no configuration for a single project" in run(
        "install", "claude-desktop", "--project", home=tmp_path, code=2
    )


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_server_on_http_is_written_by_its_url(client: Client, tmp_path: Path) -> None:
    path = client.path(environ={"HOME": str(tmp_path)})
    (tmp_path / "token").write_text("a-token-for-tests-0123456789-abcdef\n")
    remote = ("--url", "https://tools.example/mcp", "--token-file", "token")
    if client.name == "claude-desktop":
        said = run("--http", "127.0.0.1:8000", "install", client.name, home=tmp_path, code=2)

        assert "nothing was written: claude-desktop has no URLs" in said
        assert not path.exists()
        return

    run("install", client.name, home=tmp_path)
    run("--http", "127.0.0.1:8000", "install", client.name, home=tmp_path)
    local = configured(client, path.read_text())
    run("install", client.name, *remote, home=tmp_path)
    hosted = configured(client, path.read_text())

    assert "http://127.0.0.1:8000/mcp" in local.values()
    assert not {"command", "cmd", "args"} & local.keys()
    assert "https://tools.example/mcp" in hosted.values()
    written = json.dumps(hosted)
    if client.name in ("claude-code", "zed", "continue", "goose"):
        assert "Bearer a-token-for-tests-0123456789-abcdef" in written
        assert path.stat().st_mode & 0o777 == 0o600
    else:
        assert "a-token-for" not in path.read_text()
        assert "BELLGLASS_HTTP_TOKEN" in written or "${input:bellglass-token}" in written


def test_what_is_shown_has_no_secret(tmp_path: Path) -> None:
    path = tmp_path / ".cursor" / "mcp.json"
    path.parent.mkdir()
    path.write_text('{"mcpServers": {"github": {"env": {"TOKEN": "ghp_of_another_server"}}}}')
    (tmp_path / "token").write_text("a-token-for-tests-0123456789-abcdef")
    remote = ("--url", "https://tools.example/mcp", "--token-file", "token")

    said = run("install", "cursor", *remote, home=tmp_path)

    assert "https://tools.example/mcp" in said
    assert "ghp_of" not in said
    assert "a-token-for" not in said
    assert "Cursor: It reads the token from the variable BELLGLASS_HTTP_TOKEN" in said
    assert "ghp_of_another_server" in path.read_text()


def test_token_in_clear_is_for_the_user_alone_and_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / ".claude.json"
    path.write_text("{}")
    path.chmod(0o644)
    (tmp_path / "token").write_text("a-token-for-tests-0123456789-abcdef")
    remote = ("--url", "https://tools.example/mcp", "--token-file", "token")

    said = run("install", "claude-code", *remote, home=tmp_path)

    assert "It has the token, so only you can read it now (mode 600)." in said
    assert "a-token-for" not in said
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / ".claude.json.bellglass.bak").stat().st_mode & 0o777 == 0o600


def test_vscode_asks_for_the_token_itself(tmp_path: Path) -> None:
    path = tmp_path / ".config/Code/User/mcp.json"
    path.parent.mkdir(parents=True)
    before = """{
  // mine
  "inputs": [
    {"type": "promptString", "id": "other"} // kept
  ],
  "servers": {
    "other": {"command": "x"}
  }
}
"""
    path.write_text(before)
    (tmp_path / "token").write_text("a-token-for-tests-0123456789-abcdef")
    remote = ("--url", "https://tools.example/mcp", "--token-file", "token")

    said = run("install", "vscode", "--name", "tools", *remote, home=tmp_path)
    text = path.read_text()
    written = jsonc.parse(text)
    run("uninstall", "vscode", "--name", "tools", home=tmp_path)

    header = written["servers"]["tools"]["headers"]["Authorization"]
    assert header == "Bearer ${input:tools-token}"
    assert [asked["id"] for asked in written["inputs"]] == ["other", "tools-token"]
    assert written["inputs"][1]["password"] is True
    assert "VS Code: It asks for the token" in said
    assert "// kept" in text
    assert path.read_text() == before


def test_several_servers_have_names(tmp_path: Path) -> None:
    run("install", "cursor", home=tmp_path)
    run("--network", "packages", "install", "cursor", "--name", "with-packages", home=tmp_path)
    listed = run("install", "--list", "--name", "with-packages", home=tmp_path)
    run("uninstall", "cursor", home=tmp_path)

    servers = json.loads((tmp_path / ".cursor/mcp.json").read_text())["mcpServers"]
    assert servers["with-packages"]["args"] == ["--network", "packages"]
    assert list(servers) == ["with-packages"]
    assert re.search(r"^cursor +yes", listed, re.MULTILINE)


@pytest.mark.parametrize("address", ["0.0.0.0:8000", "[::]:8000", "127.0.0.1:0"])
def test_address_that_no_client_can_call_is_not_written(address: str, tmp_path: Path) -> None:
    said = run("--http", address, "install", "cursor", home=tmp_path, code=2)
    run("--http", address, "install", "cursor", "--url", "http://box:8000/mcp", home=tmp_path)

    assert f"nothing was written: a server can listen on {address}, but a client" in said
    assert "--url http://HOST:" in said
    assert "http://box:8000/mcp" in (tmp_path / ".cursor/mcp.json").read_text()


def test_what_is_to_be_added_by_hand_has_no_secret(tmp_path: Path) -> None:
    path = tmp_path / ".config/zed/settings.json"
    path.parent.mkdir(parents=True)
    path.write_text("{broken")
    (tmp_path / "token").write_text("a-token-for-tests-0123456789-abcdef")
    remote = ("--url", "https://tools.example/mcp", "--token-file", "token")

    said = run("install", "zed", *remote, home=tmp_path, code=1)

    assert "https://tools.example/mcp" in said
    assert "Bearer (your token)" in said
    assert "a-token-for" not in said


def test_file_of_a_project_has_no_path_and_no_token_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-token-for-tests-0123456789-abcdef")
    remote = ("--url", "https://tools.example/mcp", "--token-file", "token")
    refused = run("install", "zed", "--project", *remote, home=tmp_path, code=2)
    run("install", "claude-code", "--project", "--name", "hosted", *remote, home=tmp_path)
    run("install", "claude-code", "--project", home=tmp_path)

    assert "a token is not" in refused
    written = json.loads((tmp_path / ".mcp.json").read_text())["mcpServers"]
    assert written["bellglass"]["command"] == "bellglass"
    assert written["hosted"]["headers"] == {"Authorization": "Bearer ${BELLGLASS_HTTP_TOKEN}"}


def test_clients_are_listed_and_one_backup_is_kept(tmp_path: Path) -> None:
    for change in (["install"], ["uninstall"], ["install"], ["--sandbox", "docker", "install"]):
        run(*change, "cursor", home=tmp_path)

    listed = run("install", "--list", home=tmp_path)

    assert len(list((tmp_path / ".cursor").glob("*.bak"))) == 1
    states = {line.split()[0]: line.split()[1] for line in listed.splitlines()}
    assert states == {client.name: "yes" if client.name == "cursor" else "no" for client in CLIENTS}

"""`diff`, `apply`, `ls`, `put` and `get`, with a server on stdio that lends a copy of a folder."""

from __future__ import annotations

import os
import socket
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest
from mcp import StdioServerParameters
from protocol.support import COMMAND, connected, environment, record_of, text_of

from bellglass.server.control.sockets import directory

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from mcp import Client

pytestmark = pytest.mark.anyio

SOURCE = "def double(x):\n    return x + x\n\n\ndef half(x):\n    return x // 2\n"


class Conversation(NamedTuple):
    client: Client
    session_id: str
    project: Path
    settings: dict[str, str]

    async def bash(self, command: str) -> str:
        arguments = {"command": command, "session_id": self.session_id}
        return text_of(await self.client.call_tool("execute_bash", arguments))

    def run(self, *arguments: str, expect: int = 0) -> str:
        """Run a command of ours as the same user; return what it printed."""
        done = subprocess.run(
            [COMMAND, *arguments],
            env=environment(self.settings),
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == expect, done
        return done.stdout + done.stderr


@pytest.fixture
async def conversation(tmp_path: Path) -> AsyncGenerator[Conversation]:
    project = tmp_path / "project"
    for name in ("src", ".git/hooks"):
        (project / name).mkdir(parents=True)
    (project / "src/app.py").write_text(SOURCE)
    (project / "src/old.py").write_text("old = 1\n")
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    settings = {"XDG_RUNTIME_DIR": str(runtime), "BELLGLASS_SANDBOX": "embedded"}
    server = StdioServerParameters(
        command=COMMAND, args=["--folder", f"app={project}:copy"], env=environment(settings)
    )
    async with connected(server, "modern") as client:
        first = await client.call_tool("execute_bash", {"command": "true"})
        session_id = record_of(first)["session_id"]
        yield Conversation(client, session_id, project, settings)


async def test_changes_are_shown_and_written_only_when_they_are_applied(
    conversation: Conversation,
) -> None:
    project = conversation.project
    said = await conversation.bash(
        "cd /folders/app; sed -i 's/x + x/2 * x/' src/app.py; rm src/old.py; mkdir new; "
        "printf '#!/bin/sh\\n' >new/tool.sh; chmod +x new/tool.sh"
    )
    shown = conversation.run("diff", conversation.session_id, expect=1)

    assert "/folders/app/src/app.py (changed" in said
    assert "--- a/app/src/app.py\n+++ b/app/src/app.py\n" in shown
    assert "-    return x + x\n+    return 2 * x\n" in shown
    assert "--- /dev/null\n+++ b/app/new/tool.sh\n" in shown
    assert "--- a/app/src/old.py\n+++ /dev/null\n" in shown
    assert (project / "src/app.py").read_text() == SOURCE

    conversation.run("apply", conversation.session_id, "--yes")

    assert (project / "src/app.py").read_text() == SOURCE.replace("x + x", "2 * x")
    assert os.access(project / "new/tool.sh", os.X_OK)
    assert not (project / "src/old.py").exists()
    assert conversation.run("diff", conversation.session_id) == ""


async def test_what_was_applied_can_be_changed_and_applied_again(
    conversation: Conversation,
) -> None:
    for text in ("one", "two"):
        await conversation.bash(f"echo {text} >/folders/app/src/app.py")
        conversation.run("apply", conversation.session_id, "--yes")
        assert (conversation.project / "src/app.py").read_text() == f"{text}\n"


async def test_a_file_that_was_changed_meanwhile_is_left_as_it_is(
    conversation: Conversation,
) -> None:
    project = conversation.project
    await conversation.bash(
        "cd /folders/app/src; echo theirs >app.py; rm old.py; echo theirs >new.py"
    )
    for name in ("app.py", "old.py", "new.py"):
        (project / "src" / name).write_text("mine\n")

    said = conversation.run("apply", conversation.session_id, "--yes", expect=1)

    assert said.count("it was changed on this machine after the session had started") == 3
    assert {path.read_text() for path in (project / "src").iterdir()} == {"mine\n"}


async def test_what_would_run_by_itself_hold_secrets_or_lead_elsewhere_is_not_written(
    conversation: Conversation, tmp_path: Path
) -> None:
    project = conversation.project
    await conversation.bash(
        "cd /folders/app; echo evil >.git/hooks/pre-commit; echo evil >.env; ln -s /etc etc; "
        "ln -s /etc/passwd src/link; mkdir out && echo evil >out/file; echo fine >fine"
    )
    (project / "out").symlink_to(tmp_path)

    said = conversation.run("apply", conversation.session_id, "--yes", expect=1)

    assert (project / "fine").read_text() == "fine\n"
    names = {str(path.relative_to(project)) for path in project.rglob("*")}
    assert names == {"src", "src/app.py", "src/old.py", ".git", ".git/hooks", "out", "fine"}
    assert not (tmp_path / "file").exists()
    for reason in ("git runs what is in .git", "usually holds secrets", "it is a link"):
        assert reason in said


async def test_nothing_is_written_without_a_yes(conversation: Conversation) -> None:
    await conversation.bash("echo changed >/folders/app/src/app.py")

    conversation.run("apply", conversation.session_id, expect=1)

    assert (conversation.project / "src/app.py").read_text() == SOURCE


async def test_files_go_in_and_out_and_are_listed(
    conversation: Conversation, tmp_path: Path
) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "data.bin").write_bytes(data)

    conversation.run("put", f"{tmp_path}/data.bin", "in.bin", "--session", conversation.session_id)
    await conversation.bash("cp in.bin out.bin")
    listed = conversation.run("ls", conversation.session_id)
    fetched = tmp_path / "fetched.bin"
    conversation.run("get", "out.bin", str(fetched), "--session", conversation.session_id)

    assert "   3,000,000  in.bin\n" in listed
    assert fetched.read_bytes() == data
    assert conversation.session_id in conversation.run("ls")


async def test_a_session_that_nobody_has_is_told_with_those_there_are(
    conversation: Conversation,
) -> None:
    said = conversation.run("diff", "nobodys", expect=1)

    assert f"no running server has it. Sessions of this user: {conversation.session_id}." in said


async def test_the_socket_is_closed_to_others_and_runs_no_code(
    conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", conversation.settings["XDG_RUNTIME_DIR"])
    folder = directory()
    (path,) = folder.iterdir()
    body = (
        b'{"do": "job", "session_id": "%s", "job": "python", '
        b'"arguments": {"code": "1"}, "timeout": 5}' % conversation.session_id.encode()
    )
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(len(body).to_bytes(4, "big") + body)
        answer = client.recv(65536)

    assert b"there is no such request" in answer
    assert folder.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600

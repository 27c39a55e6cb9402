"""BELLGLASS_SAVE_TO: what a call leaves in /work/out is on the user's machine after it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from mcp import StdioServerParameters
from protocol.support import COMMAND, connected, environment, text_of

from bellglass.tools.execute.saving import safe_name

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from mcp import Client


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder, which the server makes when it needs it."""
    return tmp_path / "home/results"


@pytest.fixture
def mine(kept: Path) -> Path:
    """The folder with files in it already."""
    kept.mkdir(parents=True)
    (kept / "a.txt").write_text("mine")
    (kept / "link.txt").symlink_to(kept.parent / "target")
    return kept


@pytest.fixture
async def client(kept: Path) -> AsyncGenerator[Client]:
    server = StdioServerParameters(
        command=COMMAND,
        args=["--save-to", str(kept)],
        env=environment({"BELLGLASS_SANDBOX": "embedded"}),
    )
    async with connected(server, "modern") as client:
        yield client


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def test_new_files_are_saved_and_the_result_tells_where(client: Client, kept: Path) -> None:
    code = (
        "import os\nos.makedirs('out/deep')\n"
        "open('out/a.csv', 'w').write('1\\n')\nopen('out/deep/b.txt', 'w').write('2')\n"
        "open('other', 'w').write('3')\nopen('out/large', 'wb').write(bytes(5_000_000))"
    )
    result = await client.call_tool("execute_python", {"code": code})

    assert files(kept) == {"a.csv": b"1\n", "deep-b.txt": b"2", "large": bytes(5_000_000)}
    assert f"Saved on the user's machine: {kept}/a.csv" in text_of(result)
    assert client.instructions is not None
    assert "in /work/out is saved" in client.instructions


async def test_nothing_is_overwritten(client: Client, mine: Path) -> None:
    for number in (1, 2):
        command = f"mkdir -p out; echo {number} >out/a.txt; echo {number} >out/link.txt"
        await client.call_tool("execute_bash", {"command": command})

    assert (mine / "a.txt").read_text() == "mine"
    assert (mine / "a-2.txt").read_text() == "1\n"
    assert (mine / "a-3.txt").read_text() == "2\n"
    assert not (mine.parent / "target").exists()


async def test_what_is_no_file_or_leads_elsewhere_is_not_saved(client: Client, mine: Path) -> None:
    command = "mkdir -p out; ln -s /etc/passwd out/link; mkfifo out/pipe; ln -s /etc out/folder"
    await client.call_tool("execute_bash", {"command": command})

    assert names(mine) == {"a.txt", "link.txt"}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.csv", "a.csv"),
        ("a/b/c.txt", "a-b-c.txt"),
        ("../../.bashrc", "bashrc"),
        (".ssh", "ssh"),
        ("a\nb\x1b[31m.txt", "a_b__31m.txt"),
        ("x" * 300 + ".png", "x" * 96 + ".png"),
        ("...", "file"),
        ("größe.csv", "größe.csv"),
    ],
)
def test_a_name_is_one_visible_component(path: str, name: str) -> None:
    assert safe_name(path) == name


def test_a_server_on_http_refuses_to_start_with_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [COMMAND, "--save-to", str(tmp_path), "--http", "127.0.0.1:0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 2
    assert "BELLGLASS_SAVE_TO is for servers on stdio" in done.stderr

"""A server that nobody has prepared installs the packages of sandboxes while it serves."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import pytest
from absent import need
from commands.tiny_wheels import COMMAND, tiny_wheels, unprepared
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult
from protocol.support import connected, environment, gone, text_of

pytestmark = pytest.mark.timeout(300)

Serve = Callable[..., AbstractAsyncContextManager[Client]]
"""Opens a client of a server that finds packages in a folder of wheels, and nowhere else."""


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    python = unprepared(tmp_path / "venv")

    @asynccontextmanager
    async def open_client(wheels: Path, **settings: str) -> AsyncGenerator[Client]:
        env = {
            "HOME": str(tmp_path),
            "XDG_DATA_HOME": "",
            "XDG_CONFIG_HOME": "",
            "PATH": "/usr/bin:/bin",
            "UV": "",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels),
            "BELLGLASS_SETUP": "auto",
            **settings,
        }
        target = StdioServerParameters(command=python, args=list(COMMAND), env=environment(env))
        async with connected(target, "legacy", seconds=250) as client:
            yield client

    return open_client


async def manual(client: Client) -> str:
    tools = (await client.list_tools()).tools
    return next(tool.description or "" for tool in tools if tool.name == "execute_python")


async def imported(client: Client) -> CallToolResult:
    return await client.call_tool("execute_python", {"code": "import pandas\npandas.tiny"})


async def until(client: Client, text: str) -> CallToolResult:
    """Import until the result has `text`, as a model would."""
    while text not in text_of(result := await imported(client)):  # noqa: ASYNC110 - none tells when
        await anyio.sleep(0.2)
    return result


@pytest.mark.parametrize("launcher", ["zygote", "bubblewrap"])
async def test_packages_come_into_a_session_that_was_there_before(
    serve: Serve, tmp_path: Path, launcher: str
) -> None:
    if launcher == "bubblewrap":
        need("bwrap", "bubblewrap")
    wheels = tiny_wheels(tmp_path / "wheels")
    async with serve(wheels, BELLGLASS_LAUNCHER=launcher) as client:
        meanwhile = await manual(client)
        early = await imported(client)
        works = await client.call_tool("execute_python", {"code": "kept = 6 * 7"})
        await until(client, "True\n")
        later = await client.call_tool("execute_python", {"code": "kept, pandas.tiny"})
        bash = await client.call_tool("execute_bash", {"command": "python3 -c 'import numpy'"})
        write = await client.call_tool("execute_bash", {"command": "touch /opt/bellglass/x"})
    async with serve(Path("/nowhere")) as client:
        afterwards = await manual(client)
        again = await imported(client)

    there, _, _ = meanwhile.partition(" and others are being installed")
    assert "pandas, matplotlib, " in there
    assert "pandas" not in there.rpartition(". ")[0]
    assert "pandas is being installed" in text_of(early)
    assert "Plain Python works now" in text_of(early)
    assert not works.is_error
    assert "(42, True)" in text_of(later)
    assert "Error" not in text_of(bash)
    assert "Read-only file system" in text_of(write)
    assert "Installed: numpy, pandas, matplotlib," in afterwards
    assert text_of(again).startswith("True\n")


async def test_without_an_index_a_model_is_told_what_a_user_can_do(
    serve: Serve, tmp_path: Path
) -> None:
    async with serve(tmp_path) as client:
        await manual(client)
        failed = await until(client, "The user can run `bellglass setup`")
        works = await client.call_tool("execute_python", {"code": "6 * 7"})

    assert "No matching distribution" in text_of(failed)
    assert text_of(works).startswith("42\n")


async def test_where_it_is_off_nothing_is_installed(serve: Serve, tmp_path: Path) -> None:
    async with serve(tiny_wheels(tmp_path / "wheels"), BELLGLASS_SETUP="off") as client:
        told = await manual(client)
        result = await imported(client)

    assert "being installed" not in told
    assert "pandas" not in told
    assert "Ask the user to run `bellglass setup` once" in text_of(result)
    assert not (tmp_path / ".local").exists()


async def test_an_installation_ends_with_its_server(serve: Serve, tmp_path: Path) -> None:
    async with serve(tiny_wheels(tmp_path / "wheels")) as client:
        await manual(client)
        with anyio.fail_after(60):
            while not (installing := processes_of(tmp_path)):  # noqa: ASYNC110 - none tells when
                await anyio.sleep(0.05)

    with anyio.fail_after(30):
        await gone(*installing)


def processes_of(home: Path) -> list[int]:
    """Return the processes of an installation in `home`, which has an environment of its own."""
    marker = f"HOME={home}\0".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().split(b"\0")
            if b"bellglass.sandboxes.setup" in line and marker in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found

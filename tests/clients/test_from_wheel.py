"""The install in one step from a wheel, as the README has it."""

import json
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from clients.conftest import ENVIRONMENTS
from mcp import StdioServerParameters
from protocol.support import connected, environment, text_of
from readme.blocks import ROOT

from bellglass.sandboxes.setup.environments import base_python

pytestmark = [pytest.mark.clients, pytest.mark.timeout(1200)]


PLOT = "import pandas as pd\npd.DataFrame({'sales': [3, 1, 2]}).plot()\nNone"


@pytest.fixture(scope="module")
def installers() -> Path:
    """Return where uvx and pipx are."""
    folder = ENVIRONMENTS / "installers"
    if not (folder / "bin/pipx").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", "uv", "pipx"], check=True)
    return folder / "bin"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(["make", "--silent", "wheel", f"WHEELS={folder}"], cwd=ROOT, check=True)
    (wheel,) = folder.glob("bellglass-*.whl")
    return wheel


async def answers(command: str, *arguments: str, **settings: str) -> None:
    parameters = StdioServerParameters(
        command=command, args=list(arguments), env=environment(settings)
    )
    async with connected(parameters, "legacy", seconds=900) as client:
        result = await client.call_tool("execute_python", {"code": "6 * 7"})

    assert text_of(result).startswith("42\n")


async def test_uvx_and_what_it_writes_into_a_client(
    installers: Path, wheel: Path, tmp_path: Path
) -> None:
    """The client starts the same program, also when another has taken the place of the wheel."""
    uvx = str(installers / "uvx")
    settings = {
        "UV_PYTHON": sys.executable,
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": "",
        "XDG_DATA_HOME": "",
        "PATH": f"{installers}:{os.environ['PATH']}",
    }
    mine = anyio.Path(shutil.copy(wheel, tmp_path))
    await answers(uvx, "--from", str(mine), "bellglass", **settings)

    await anyio.run_process(
        [uvx, "--from", str(mine), "bellglass", "install", "cursor"], env=environment(settings)
    )
    await mine.write_bytes(b"somebody else's")

    written = await anyio.Path(tmp_path, ".cursor/mcp.json").read_text()
    entry = json.loads(written)["mcpServers"]["bellglass"]
    await answers(entry["command"], *entry["args"], **settings)


async def test_from_python_and_uv_alone_to_a_plot(
    installers: Path, wheel: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """On a machine without anything else, with nothing in a cache, and no second command."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("uv", "uvx"):
        (programs / name).symlink_to(installers / name)
    (programs / "python3").symlink_to(base_python())
    settings = {
        "HOME": str(tmp_path / "home"),
        "PATH": f"{programs}:/usr/bin:/bin",  # what uv installs is started by a shell script
        "BELLGLASS_SETUP": "auto",
        **dict.fromkeys(("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"), ""),
    }
    arguments = ["--from", str(wheel), "bellglass"]
    target = StdioServerParameters(command="uvx", args=arguments, env=environment(settings))
    began = time.monotonic()
    seconds = {}
    async with connected(target, "legacy", seconds=900) as client:
        first = await client.call_tool("execute_python", {"code": "6 * 7"})
        seconds["first result"] = round(time.monotonic() - began, 1)
        meanwhile = result = await client.call_tool("execute_python", {"code": PLOT})
        while not any(block.type == "image" for block in result.content):
            await anyio.sleep(1)
            result = await client.call_tool("execute_python", {"code": PLOT})
        seconds["plot"] = round(time.monotonic() - began, 1)

    record_property("seconds", seconds)
    sys.stdout.write(f"From nothing to a plot: {seconds}\n")
    assert text_of(first).startswith("42\n")
    assert "is being installed" in text_of(meanwhile)


async def test_pipx(installers: Path, wheel: Path, tmp_path: Path) -> None:
    home = {"PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    await anyio.run_process(
        [str(installers / "pipx"), "install", "--python", sys.executable, str(wheel)],
        env=environment(home),
    )

    await answers(str(tmp_path / "bin/bellglass"))

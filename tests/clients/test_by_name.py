"""The install in one step, by the name alone, from a place where the wheel has been put."""

import subprocess
import sys
import venv
from pathlib import Path

import anyio
import pytest
from clients.conftest import ENVIRONMENTS
from mcp import StdioServerParameters
from protocol.support import connected, environment, text_of
from readme.blocks import ROOT

pytestmark = [pytest.mark.clients, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def installers() -> Path:
    """Return where uvx and pipx are."""
    folder = ENVIRONMENTS / "installers"
    if not (folder / "bin/pipx").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", "uv", "pipx"], check=True)
    return folder / "bin"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel, as an index would have it."""
    folder = tmp_path_factory.mktemp("index")
    subprocess.run(["make", "--silent", "wheel", f"WHEELS={folder}"], cwd=ROOT, check=True)
    return folder


async def answers(command: str, *arguments: str, **settings: str) -> None:
    parameters = StdioServerParameters(
        command=command, args=list(arguments), env=environment(settings)
    )
    async with connected(parameters, "legacy", seconds=900) as client:
        result = await client.call_tool("execute_python", {"code": "6 * 7"})

    assert text_of(result).startswith("42\n")


def finding(index: Path) -> dict[str, str]:
    # pipx installs with either of them.
    return {"UV_FIND_LINKS": str(index), "PIP_FIND_LINKS": str(index)}


async def test_uvx(installers: Path, index: Path) -> None:
    await answers(str(installers / "uvx"), "bellglass", UV_PYTHON=sys.executable, **finding(index))


async def test_pipx(installers: Path, index: Path, tmp_path: Path) -> None:
    home = {"PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    await anyio.run_process(
        [str(installers / "pipx"), "install", "--python", sys.executable, "bellglass"],
        env=environment({**home, **finding(index)}),
    )

    await answers(str(tmp_path / "bin/bellglass"))

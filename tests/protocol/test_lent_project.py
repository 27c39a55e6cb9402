"""A lent project under test: its tests end as under plain pytest at home, and leave nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import asynccontextmanager
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest
from mcp import StdioServerParameters
from protocol.support import COMMAND, connected, environment, text_of

from bellglass.sandboxes.setup.environments import find_python

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from mcp import Client

FILES = {
    "pyproject.toml": "[tool.pytest.ini_options]\nmarkers = ['slow']\n",
    "src/shop/__init__.py": "",
    "src/shop/prices.py": "import rates\n\ndef gross(net):\n    return net + rates.VAT * 10\n",
    "tests/conftest.py": "import pytest\n\n@pytest.fixture\ndef net():\n    return 100\n",
    "tests/test_prices.py": (
        "from shop.prices import gross\n\n"
        "def test_gross(net):\n    assert gross(net) == 119\n\n"
        "def test_type():\n    assert gross(1) >= 1\n"
    ),
}


PYTEST = ("iniconfig", "packaging", "pluggy", "pygments", "pytest")


@pytest.fixture(params=["pytest of its own", "no pytest"])
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A project with a virtual environment, in which it is installed as editable."""
    project = tmp_path / "shop"
    for name, text in FILES.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    base = os.path.realpath(find_python(None))
    subprocess.run([base, "-m", "venv", "--without-pip", project / ".venv"], check=True)
    (packages,) = (project / ".venv/lib").glob("python*/site-packages")
    if request.param == "pytest of its own":
        for distribution in PYTEST:
            _copy(distribution, packages)
    (packages / "rates.py").write_text("VAT = 0.19\n")
    (packages / "__editable__.shop.pth").write_text(f"{project}/src\n")
    return project


@asynccontextmanager
async def lent(project: Path, mode: str) -> AsyncGenerator[Client]:
    folder = f"shop={project}:{mode},python=.venv"
    server = StdioServerParameters(
        command=COMMAND,
        args=["--folder", folder],
        env=environment({"BELLGLASS_SANDBOX": "embedded"}),
    )
    async with connected(server, "modern") as client:
        yield client


def names(project: Path) -> set[str]:
    return {str(path.relative_to(project)) for path in project.rglob("*")}


async def tested(client: Client, **arguments: Any) -> Any:
    call = {"paths": ["/folders/shop/tests"], **arguments}
    return await client.call_tool("run_tests", call)


@pytest.fixture
def at_home(project: Path) -> str:
    """What plain pytest says on the host."""
    done = subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": f"{project}/src:{_packages(project)}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.parametrize("mode", ["ro", "copy"])
async def test_its_tests_end_as_at_home_and_leave_nothing_there(
    project: Path, at_home: str, mode: str
) -> None:
    before = names(project)
    async with lent(project, mode) as client:
        result = await tested(client)

    assert "1 failed, 1 passed" in at_home
    run = result.structured_content
    assert (run["passed"], run["failed"]) == (1, 1), text_of(result)
    assert "assert 101.9 == 119" in text_of(result)
    assert names(project) == before


async def test_a_fix_in_a_copy_makes_them_pass_and_the_host_is_as_it_was(project: Path) -> None:
    async with lent(project, "copy") as client:
        first = await tested(client)
        session_id = first.structured_content["session_id"]
        fix = "sed -i 's/net + rates.VAT \\* 10/round(net * (1 + rates.VAT))/' src/shop/prices.py"
        await client.call_tool(
            "execute_bash",
            {"command": f"cd /folders/shop; {fix}", "session_id": session_id},
        )
        second = await tested(client, session_id=session_id)

    assert second.structured_content["ok"] is True, text_of(second)
    assert (project / "src/shop/prices.py").read_text() == FILES["src/shop/prices.py"]


async def test_an_environment_that_cannot_be_used_is_told_with_what_to_do(project: Path) -> None:
    packages = _packages(project)
    packages.parent.rename(packages.parent.with_name("python3.0"))
    (project / ".venv/bin/python").unlink()
    (project / ".venv/bin/python").symlink_to("/nonexistent/python3.0")
    async with lent(project, "ro") as client:
        result = await tested(client)

    assert "python3.0" in text_of(result)
    assert "BELLGLASS_PYTHON" in text_of(result)


def _packages(project: Path) -> Path:
    (packages,) = (project / ".venv/lib").glob("python*/site-packages")
    return packages


def _copy(distribution: str, packages: Path) -> None:
    """Install what is installed for these tests."""
    for file in metadata.files(distribution) or []:
        if ".." not in file.parts and "__pycache__" not in file.parts:
            target = packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.locate(), target)

"""Client applications, installed from npm into a folder of their own."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from absent import need
from protocol.support import environment

Run = Callable[..., subprocess.CompletedProcess[str]]


class Applications:
    """What npm installed: each with the Node that the Inspector needs, and a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()

    def install(self, *packages: str) -> None:
        npm = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]
        subprocess.run([*npm, str(self.folder), "node@22", *packages], check=True, timeout=600)

    def run(
        self, *command: str, code: int = 0, seconds: float = 120, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one of them, as a user without any configuration."""
        modules = self.folder / "node_modules"
        path = os.pathsep.join(
            [str(modules / "node/bin"), str(modules / ".bin"), os.environ["PATH"]]
        )
        done = subprocess.run(
            command,
            env=environment({"PATH": path, "HOME": str(self.home), **settings}),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture(scope="session")
def applications(tmp_path_factory: pytest.TempPathFactory) -> Applications:
    need("npm", "npm")
    return Applications(tmp_path_factory.mktemp("applications"))


@pytest.fixture(scope="session")
def inspector(applications: Applications) -> Applications:
    applications.install("@modelcontextprotocol/inspector@2.12.0")
    return applications

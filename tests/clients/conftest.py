"""Client applications, installed from npm into a folder of their own."""

import os
import subprocess
from pathlib import Path

import pytest
from absent import need
from protocol.support import COMMAND, environment

ENVIRONMENTS = Path(COMMAND).parents[1] / "clients"


class Applications:
    """What npm installed, with the Node that the newest of them need; each run has a new home."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.home = home

    @property
    def environment(self) -> dict[str, str]:
        modules = self.folder / "node_modules"
        path = os.pathsep.join(
            [str(modules / "node/bin"), str(modules / ".bin"), os.environ["PATH"]]
        )
        return {"PATH": path, "HOME": str(self.home)}

    def install(self, *packages: str) -> None:
        """Install what is not there from an earlier run."""
        npm = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]
        subprocess.run([*npm, str(self.folder), "node@22", *packages], check=True, timeout=900)

    def run(
        self, *command: str, code: int = 0, seconds: float = 120, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one of them, as a user without any configuration."""
        done = subprocess.run(
            command,
            env=environment({**self.environment, **settings}),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture(scope="session")
def npm() -> Path:
    """Return the folder in which npm installs, for all tests alike."""
    need("npm", "npm")
    folder = ENVIRONMENTS / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def applications(npm: Path, tmp_path: Path) -> Applications:
    return Applications(npm, tmp_path)


@pytest.fixture
def inspector(applications: Applications) -> Applications:
    applications.install("@modelcontextprotocol/inspector@2.12.0")
    return applications

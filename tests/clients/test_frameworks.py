"""The examples of docs/frameworks, run as they stand, each framework in an environment of its own.

Only the model is ours: see `scripted_model`. For `make test-clients`; it installs for minutes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import venv
from pathlib import Path

import pytest
from absent import need
from clients.scripted_model import ANSWER, CALLS, TASK, served
from protocol.support import COMMAND, http_server
from readme.blocks import ROOT

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]

EXAMPLES = ROOT / "docs" / "frameworks"
ENVIRONMENTS = Path(COMMAND).parents[1] / "clients"
INSTALL = re.compile(r"pip install (.+?)(?: *\"\"\")?$", re.MULTILINE)

OVER_HTTP = ("langgraph_over_http.py",)


def python_with(requirements: str) -> Path:
    """Return the Python of an environment with what an example says it needs."""
    names = [name.strip('"') for name in requirements.split()]
    folder = ENVIRONMENTS / re.sub(r"[^a-z0-9]+", "-", requirements.lower()).strip("-")
    ready = folder / "ready"
    if not ready.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", *names], check=True)
        ready.touch()
    return folder / "bin/python"


def run(command: list[str | Path], tmp_path: Path, **more: str) -> str:
    """Run an example with the scripted model; return what it printed."""
    with served() as (model, url):
        done = subprocess.run(
            command,
            env={
                "PATH": f"{Path(COMMAND).parent}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(tmp_path),
                "BELLGLASS_SETUP": "off",
                "TASK": TASK,
                "OPENAI_API_KEY": "of a model that is a script",
                "OPENAI_BASE_URL": url,
                # Frameworks that report how they are used do not, here.
                "CREWAI_DISABLE_TELEMETRY": "true",
                "OTEL_SDK_DISABLED": "true",
                **more,
            },
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        # The calls, and an answer from what the first and the last returned.
        assert len(model.requests) == CALLS + 1
        return done.stdout


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_example_for_python_runs_as_it_stands(example: str, tmp_path: Path) -> None:
    path = EXAMPLES / example
    wanted = INSTALL.search(path.read_text())
    assert wanted is not None, f"{example} does not say what to install"
    python = python_with(wanted[1])

    if example in OVER_HTTP:
        with http_server(BELLGLASS_TIMEOUT_SECONDS="25") as (_, url):
            told = run([python, path], tmp_path, BELLGLASS=url)
    else:
        told = run([python, path], tmp_path)

    assert ANSWER in told


@pytest.mark.parametrize("era", ["legacy", "auto"])
def test_example_for_typescript_runs_as_it_stands(era: str, tmp_path: Path) -> None:
    need("npm", "npm")
    path = EXAMPLES / "typescript_agent.mjs"
    folder = ENVIRONMENTS / "typescript"
    folder.mkdir(parents=True, exist_ok=True)
    packages = path.read_text().splitlines()[0].partition("npm install ")[2].split()
    if not (folder / "node_modules").exists():
        (folder / "package.json").write_text("{}")
        subprocess.run(["npm", "install", "--silent", *packages], cwd=folder, check=True)
    shutil.copy(path, folder)

    told = run(["node", folder / path.name], tmp_path, ERA=era)

    assert ANSWER in told

"""`bellglass install CLIENT --folder`: the folders stand in the client's configuration."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from protocol.support import COMMAND, environment

if TYPE_CHECKING:
    from pathlib import Path


def test_folders_are_written_with_absolute_paths_and_the_variables_of_the_client(
    tmp_path: Path,
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    subprocess.run(
        [
            *(COMMAND, "install", "cursor", "--folder", ".", "--folder"),
            "open=${workspaceFolder}:copy,python=.venv",
        ],
        cwd=project,
        env=environment({"HOME": str(tmp_path), "XDG_CONFIG_HOME": ""}),
        check=True,
        capture_output=True,
    )

    written = json.loads((tmp_path / ".cursor/mcp.json").read_text())
    arguments = written["mcpServers"]["bellglass"]["args"]
    assert arguments == ["--folder", f"{project};open=${{workspaceFolder}}:copy,python=.venv"]


def test_a_server_whose_client_fills_nothing_in_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [COMMAND, "--folder", "${workspaceFolder}"],
        env=environment({"HOME": str(tmp_path)}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "the client has not filled in ${workspaceFolder}" in done.stderr

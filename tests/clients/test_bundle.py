"""The bundle for Claude Desktop, packed by the official tool, and started as a host would."""

import json
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
from absent import need
from clients.conftest import ENVIRONMENTS
from mcp import StdioServerParameters
from protocol.support import connected, environment, text_of
from readme.blocks import ROOT

pytestmark = [pytest.mark.clients, pytest.mark.timeout(1200)]


def uv() -> Path:
    folder = ENVIRONMENTS / "uv"
    if not (folder / "bin/uv").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", "uv"], check=True)
    return folder / "bin"


def filled(value: Any, folder: Path, defaults: dict[str, Any]) -> Any:
    """Return a part of the manifest as a host starts it: what a user left alone has its default."""
    match value:
        case str():
            value = value.replace("${__dirname}", str(folder))
            return re.sub(r"\$\{user_config\.(\w+)\}", lambda name: str(defaults[name[1]]), value)
        case list():
            return [filled(item, folder, defaults) for item in value]
        case dict():
            return {key: filled(item, folder, defaults) for key, item in value.items()}
    return value


def packed() -> Path:
    need("npm", "npm")
    subprocess.run(["make", "--silent", "bundle"], cwd=ROOT, check=True)
    return ROOT / "dist/bellglass.mcpb"


async def test_bundle_is_accepted_and_starts_with_its_defaults(tmp_path: Path) -> None:
    shutil.unpack_archive(packed(), tmp_path, "zip")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    defaults = {name: option["default"] for name, option in manifest["user_config"].items()}
    server = filled(manifest["server"]["mcp_config"], tmp_path, defaults)

    parameters = StdioServerParameters(
        command=str(uv() / server["command"]),
        args=server["args"],
        env=environment({"UV_PYTHON": sys.executable, **server["env"]}),
    )
    async with connected(parameters, "legacy", seconds=900) as client:
        result = await client.call_tool("execute_python", {"code": "6 * 7"})

    assert text_of(result).startswith("42\n")

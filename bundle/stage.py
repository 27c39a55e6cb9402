"""Lay out the bundle for Claude Desktop in a folder: the program, and a manifest of its settings.

    python bundle/stage.py FOLDER

`make bundle` has the official tool check the manifest and pack the folder.
"""

import json
import runpy
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

from bellglass.server.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]

PROGRAM = (
    *("server", "tools", "sandboxes", "agent"),
    *("pyproject.toml", "setup.py", "README.md", "LICENSE"),
)

ICON = "icon.png"

LONG_DESCRIPTION = """\
Claude runs Python and Bash in a sandbox on this computer, instead of guessing what code would do.

Variables, files and a shell last through a chat. Figures and tables are shown, tests are run by
pytest, and code that fails says why. The code has no network unless you allow it, and cannot read
your files but those in folders that you choose here.

On Linux the sandbox needs nothing else. On macOS it needs Docker or an E2B account. Windows is not
supported by this bundle: there, install bellglass in WSL.
"""

TITLES = {
    "sandbox": "Sandbox",
    "timeout_seconds": "Time limit in seconds",
    "memory_mb": "Memory in MiB",
    "network": "Network",
    "network_hosts": "Allowed hosts",
}
"""Settings that a person may want to change; their help is that of the setting."""

FOLDERS = {
    "folder": ("Folder to read", "Chats read the files in this folder. They change none."),
    "project": (
        "Folder to work on a copy of",
        "Chats read and change a copy of this folder. `bellglass apply` writes the changes to it.",
    ),
    "save_to": ("Folder for results", "What a chat leaves in /work/out is copied to this folder."),
}
"""Folders that a person chooses; a folder that is not chosen is not lent."""

KEY = {
    "type": "string",
    "title": "E2B key",
    "description": "Key of an E2B account, for the sandbox e2b alone.",
    "sensitive": True,
    "required": False,
    "default": "",
}


def manifest() -> dict[str, Any]:
    """Return what the bundle says of itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    owner, _, repository = json.loads((ROOT / "server.json").read_text("utf-8"))["name"].partition(
        "/"
    )
    home = f"https://github.com/{owner.removeprefix('io.github.')}/{repository}"
    return {
        "manifest_version": "0.4",
        "name": project["name"],
        "display_name": "bellglass",
        "version": project["version"],
        "description": project["description"],
        "long_description": LONG_DESCRIPTION,
        "icon": ICON,
        "homepage": home,
        "documentation": f"{home}/tree/main/docs",
        "support": f"{home}/issues",
        "author": {"name": "The bellglass authors"},
        "license": project["license"],
        "keywords": project["keywords"],
        "server": {
            "type": "uv",
            "entry_point": "server/cli.py",
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", "--no-dev", "bellglass"],
                "env": {
                    # One process of Claude Desktop serves every chat.
                    f"{PREFIX}SESSION_SCOPE": "explicit",
                    **{f"{PREFIX}{name.upper()}": f"${{user_config.{name}}}" for name in TITLES},
                    f"{PREFIX}FOLDERS": "${user_config.folder};${user_config.project}:copy",
                    f"{PREFIX}SAVE_TO": "${user_config.save_to}",
                    "E2B_API_KEY": "${user_config.e2b_api_key}",
                },
            },
        },
        "tools_generated": True,
        "prompts_generated": True,
        "user_config": {
            **{name: _directory(*texts) for name, texts in FOLDERS.items()},
            **{name: _option(name) for name in TITLES},
            "e2b_api_key": KEY,
        },
        "compatibility": {
            "platforms": ["darwin", "linux"],
            "runtimes": {"python": project["requires-python"]},
        },
    }


def _directory(title: str, description: str) -> dict[str, Any]:
    return {
        "type": "directory",
        "title": title,
        "description": description.replace("`", ""),
        "required": False,
        "default": "",
    }


def _option(name: str) -> dict[str, Any]:
    field = Settings.model_fields[name]
    default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
    return {
        "type": "number" if isinstance(default, int | float) else "string",
        "title": TITLES[name],
        "description": (field.description or "").replace("`", ""),
        "required": False,
        "default": default,
    }


def main(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in PROGRAM:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    (folder / ICON).write_bytes(runpy.run_path(str(ROOT / "bundle/icon.py"))["png"]())
    (folder / "manifest.json").write_text(json.dumps(manifest(), indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

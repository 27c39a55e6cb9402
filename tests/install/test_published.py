"""Published metadata of the server: the manifest of the bundle, and the entry of the registry."""

import json
import re
import runpy
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from readme.blocks import README, ROOT

from bellglass.agent.providers import EXTRA
from bellglass.sandboxes.backends.restricted.backend import NEEDS
from bellglass.server.settings import Settings

CONFIGURATION: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = CONFIGURATION["project"]


def test_bundle_claims_what_it_runs_on_and_shows_what_hosts_ask_for(tmp_path: Path) -> None:
    runpy.run_path(str(ROOT / "bundle/stage.py"))["main"](tmp_path / "staged")
    manifest = json.loads((tmp_path / "staged" / "manifest.json").read_text("utf-8"))
    icon = (tmp_path / "staged" / manifest["icon"]).read_bytes()

    assert manifest["compatibility"]["platforms"] == ["darwin", "linux"]  # Windows: only in WSL
    assert icon.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(icon[16:20], "big") == 512
    assert "sandbox" in manifest["long_description"]
    links = [manifest[name] for name in ("homepage", "documentation", "support")]
    assert all(link.startswith("https://") for link in links)


def test_every_setting_of_the_bundle_is_used_and_explained() -> None:
    manifest = runpy.run_path(str(ROOT / "bundle/stage.py"))["manifest"]()
    env = manifest["server"]["mcp_config"]["env"]
    options = manifest["user_config"]

    used = set(re.findall(r"user_config\.(\w+)", json.dumps(env)))
    assert used == set(options)
    assert all(
        option["title"] and option["description"].endswith(".") for option in options.values()
    )
    assert [name for name, option in options.items() if option.get("sensitive")] == ["e2b_api_key"]
    defaults = {
        variable: re.sub(
            r"\$\{user_config\.(\w+)\}", lambda name: str(options[name[1]]["default"]), value
        )
        for variable, value in env.items()
    }
    assert Settings.from_environ(defaults) == Settings(session_scope="explicit")


def test_every_module_is_installed_and_in_the_bundle(tmp_path: Path) -> None:
    runpy.run_path(str(ROOT / "bundle/stage.py"))["main"](tmp_path / "staged")
    packages = CONFIGURATION["tool"]["importlinter"]["root_packages"]
    folders = [name.removeprefix("bellglass.") for name in packages]
    modules = [str(p.relative_to(ROOT)) for name in folders for p in ROOT.glob(f"{name}/**/*.py")]

    assert len(modules) > 300
    assert [name for name in modules if not (files("bellglass") / name).is_file()] == []
    assert [name for name in modules if not (tmp_path / "staged" / name).is_file()] == []


def test_the_registry_entry_says_what_the_project_says_and_names_no_package() -> None:
    entry = json.loads((ROOT / "server.json").read_text("utf-8"))

    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", entry["name"])
    assert f"<!-- mcp-name: {entry['name']} -->" in README.read_text("utf-8")
    assert entry["version"] == PROJECT["version"]
    assert 1 <= len(entry["description"]) <= 100
    # Clients of the registry would install it by a name that anybody could register.
    assert "packages" not in entry


def test_what_is_told_to_be_installed_is_what_the_extra_is() -> None:
    extras = PROJECT["optional-dependencies"]

    # By itself: bellglass is on no index that `bellglass[...]` could come from.
    assert extras["restricted"] == [NEEDS]
    assert f"'{extras['agent'][0]}'" in EXTRA

"""What is written into a client's configuration names nothing that others could register."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from protocol.support import environment
from readme.blocks import ROOT


def run_from_cache(
    tmp_path: Path, origin: dict[str, Any] | None, *arguments: str, cache: str = "uv/archive-v0/x"
) -> subprocess.CompletedProcess[str]:
    """Run `bellglass install cursor` as uvx does: out of its cache, `origin` noted beside it.

    The cache has a stand-in for the interpreter's path alone; everything else is the real thing.
    """
    bin_folder = tmp_path / cache / "bin"
    bin_folder.mkdir(parents=True, exist_ok=True)
    (bin_folder / "bellglass").touch()
    uvx = tmp_path / "path/uvx"
    uvx.parent.mkdir(exist_ok=True)
    uvx.write_text("#!/bin/sh\n")
    uvx.chmod(0o755)
    info = tmp_path / "site/bellglass-0.1.0.dist-info"
    shutil.rmtree(info, ignore_errors=True)
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bellglass\nVersion: 0.1.0\n")
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps(origin))
    program = (
        f"import sys; sys.executable = {str(bin_folder / 'python')!r}\n"
        f"sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "from bellglass.server.cli import main; sys.exit(main())"
    )
    settings = {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": "",
        "XDG_DATA_HOME": "",
        "PATH": f"{uvx.parent}:{os.environ['PATH']}",
    }
    return subprocess.run(
        [sys.executable, "-c", program, "install", "cursor", *arguments],
        env=environment(settings),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def words(tmp_path: Path) -> list[str]:
    entry = json.loads((tmp_path / ".cursor/mcp.json").read_text())["mcpServers"]["bellglass"]
    return [entry["command"], *entry["args"]]


def of_file(path: Path) -> dict[str, Any]:
    return {"url": path.as_uri(), "archive_info": {}}


def test_a_wheel_is_named_by_a_copy_below_its_hash(tmp_path: Path) -> None:
    wheel = tmp_path / "down loads" / "bellglass-0.1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.write_bytes(b"the program")

    shown = run_from_cache(tmp_path, of_file(wheel), "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert not (tmp_path / ".local").exists()
    done = run_from_cache(tmp_path, of_file(wheel))

    assert done.returncode == 0, done.stderr
    uvx, option, copy, name = words(tmp_path)
    wheel.write_bytes(b"somebody else's")
    assert (uvx, option, name) == (str(tmp_path / "path/uvx"), "--from", "bellglass")
    assert Path(copy).is_absolute()
    assert Path(copy).read_bytes() == b"the program"
    assert Path(copy).name == wheel.name
    assert Path(copy).parent.name == hashlib.sha256(b"the program").hexdigest()


@pytest.mark.parametrize(
    ("origin", "named"),
    [
        ({"url": ROOT.as_uri(), "dir_info": {}}, str(ROOT)),
        (
            {
                "url": "https://git.example/b.git",
                "vcs_info": {"vcs": "git", "commit_id": "a" * 40, "requested_revision": "main"},
            },
            f"git+https://git.example/b.git@{'a' * 40}",
        ),
    ],
)
def test_sources_are_named_as_they_are(tmp_path: Path, origin: dict[str, Any], named: str) -> None:
    done = run_from_cache(tmp_path, origin)

    assert done.returncode == 0, done.stderr
    assert words(tmp_path)[1:] == ["--from", named, "bellglass"]


@pytest.mark.parametrize(
    ("origin", "cache", "said"),
    [
        (None, "uv/archive-v0/x", "from an index, by its name"),
        ({"url": "https://a.example/b.whl", "archive_info": {}}, "uv/archive-v0/x", "a.example"),
        ({"url": "file:///nowhere/b.whl", "archive_info": {}}, "uv/archive-v0/x", "is gone"),
        (None, "elsewhere/archive-v1/x", "by its name"),
        (None, "pipx/.cache/x", "will be cleared"),
    ],
)
def test_what_others_could_replace_is_not_written(
    tmp_path: Path, origin: dict[str, Any] | None, cache: str, said: str
) -> None:
    refused = run_from_cache(tmp_path, origin, cache=cache)

    assert refused.returncode == 2
    assert said in refused.stderr
    assert "uv tool install FILE" in refused.stderr
    assert not (tmp_path / ".cursor").exists()

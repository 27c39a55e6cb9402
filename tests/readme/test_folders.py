"""The list of hidden names in docs/folders.md is that of the code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from protocol.support import COMMAND, environment
from readme.blocks import block, page

from bellglass.sandboxes.folders import hidden_names


def test_hidden_names_are_those_of_the_code() -> None:
    listed = page("folders").partition("<!-- hidden names")[2].partition("-->\n")[2]

    assert listed.partition("<!-- end")[0] == hidden_list()


def hidden_list() -> str:
    def marked(names: list[str]) -> str:
        return " ".join(f"`{name}`" for name in names)

    accounts = [f"{name}*.json" for name in hidden_names.ACCOUNTS]
    beginnings = [f"{name}*" for name in hidden_names.BEGINNINGS]
    endings = [f"*{ending}" for ending in hidden_names.ENDINGS]
    return (
        f"- {marked(sorted(hidden_names.NAMES))}\n"
        f"- {marked([*beginnings, *endings, *accounts])}\n"
        f"- below `.git`: {marked(sorted(hidden_names.GIT_FILES))}\n"
        f"- but not {marked(sorted(hidden_names.HARMLESS))}\n"
    )


def test_doctor_tells_what_is_lent(tmp_path: Path) -> None:
    for name in ("app", "Desktop/data"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "app/.env").touch()
    path = f"{Path(COMMAND).parent}{os.pathsep}{os.environ['PATH']}"

    done = subprocess.run(
        ["sh", "-e", "-c", block("folders-lend")],
        env=environment({"HOME": str(tmp_path), "PATH": path}),
        check=True,
        capture_output=True,
        text=True,
    )

    assert f"{tmp_path}/app at /folders/app, ro; 1 names are hidden" in done.stdout
    assert f"{tmp_path}/Desktop/data at /folders/data, ro; 0 names" in done.stdout


if __name__ == "__main__":
    sys.stdout.write(hidden_list())

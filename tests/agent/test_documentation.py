"""The example of docs/agent.md, run as it stands, and the Python interface that it shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

from agent.support import recorded
from protocol.support import COMMAND, environment
from readme.blocks import ROOT

from bellglass.agent import Replay, solve

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PAGE = (ROOT / "docs/agent.md").read_text("utf-8")


def test_example_answers_as_it_says(tmp_path: Path) -> None:
    (line,) = re.findall(r"^```console\n\$ (.*)\n```$", PAGE, re.MULTILINE)
    (shown,) = re.findall(r"^```text\n((?s:.*?))^```$", PAGE, re.MULTILINE)
    program, *arguments = shlex.split(line)
    assert program == "bellglass"

    done = subprocess.run(
        [COMMAND, *arguments],
        cwd=ROOT,
        env=environment({"XDG_STATE_HOME": str(tmp_path)}),
        capture_output=True,
        text=True,
        check=True,
    )

    assert shown in done.stdout


async def test_task_is_solved_from_python(
    folder: Path, embedded_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    before = sorted(os.listdir())
    recording = recorded("nile_before_and_after")

    answer = await solve(
        recording.task, data=["nile.csv"], model=Replay(recording), url=embedded_url
    )

    assert answer.verified, answer.reason
    assert answer.mode == "analyse"
    assert {piece.kind for piece in answer.evidence} == {"ran", "plot", "second way"}
    assert sorted(os.listdir()) == before

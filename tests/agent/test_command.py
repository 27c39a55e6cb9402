"""`bellglass solve` as a person runs it, interrupts it, and misuses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from agent.endpoint import Reply, endpoint
from agent.support import RECORDINGS, lay_out, recorded
from agent.test_repair import FAULTS, answer_of, broken
from protocol.support import COMMAND, environment, gone

from bellglass.agent import connecting

if TYPE_CHECKING:
    from collections.abc import Iterator

TASK = "merging_intervals"


def command(*arguments: str | Path, tmp_path: Path) -> tuple[list[str], dict[str, str]]:
    """Return how `bellglass solve` is started, with folders of its own for all it may write."""
    (tmp_path / "tmp").mkdir(exist_ok=True)
    settings = {"TMPDIR": str(tmp_path / "tmp"), "XDG_STATE_HOME": str(tmp_path / "state")}
    kept = environment({**settings, "BELLGLASS_SANDBOX": "embedded"})
    kept.pop("OPENAI_API_KEY", None)
    return [COMMAND, "solve", *map(str, arguments)], kept


def solve(*arguments: str | Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    line, env = command(*arguments, tmp_path=tmp_path)
    return subprocess.run(
        line, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )


async def test_its_server_has_the_tools_it_calls_whatever_models_are_listed() -> None:
    settings = environment({"BELLGLASS_TOOLS": "core"})
    async with connecting.connected(environ=settings) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}

    assert tools >= connecting.OURS


def test_run_is_recorded_and_replayed_without_its_model(tmp_path: Path) -> None:
    task = recorded(TASK)
    faulty = broken(FAULTS["off by one, seen by tests"], "")
    with endpoint(Reply(faulty), Reply(answer_of(task))) as server:
        first = solve(
            task.task,
            *("--model", "test-model", "--base-url", server.url),
            *("--record", "run.json", "--transcript", "run.md", "--code", "merge.py"),
            tmp_path=tmp_path,
        )
    again = solve(task.task, "--replay", "run.json", "--json", tmp_path=tmp_path)

    assert first.returncode == 0, first.stderr
    assert "VERIFIED\n2 attempts, 36 tokens" in first.stdout
    assert "- 9 of 9 tests passed." in first.stdout
    assert "run_tests: 7 of 9 passed" in first.stderr
    feedback = server.asked[1]["messages"][-1]["content"]
    assert "test_union" in feedback
    assert "session_id" not in feedback
    assert "start <= merged" in (tmp_path / "merge.py").read_text()
    transcript = (tmp_path / "run.md").read_text()
    assert transcript.index("Attempt 1 did not hold.") < transcript.index("## Verified")
    for written in ("run.md", "run.json", "merge.py"):
        assert (tmp_path / written).stat().st_mode & 0o077 == 0

    assert again.returncode == 0, again.stderr
    answer = json.loads(again.stdout)
    assert answer["verified"] is True
    assert answer["attempts"] == 2
    assert "another prompt" not in again.stderr
    assert list((tmp_path / "tmp").iterdir()) == []
    (kept,) = (tmp_path / "state/bellglass/transcripts").glob("*.md")
    assert "## Verified" in kept.read_text()


def test_figures_are_their_owners_alone(tmp_path: Path) -> None:
    task = recorded("sales_by_region")
    lay_out(tmp_path)
    result = solve(
        task.task,
        *(argument for name in task.data for argument in ("--data", name)),
        *("--replay", RECORDINGS / "sales_by_region.json", "--transcript", "run.md"),
        tmp_path=tmp_path,
    )
    figures = list(tmp_path.glob("run-*.png"))

    assert figures, result.stderr
    assert all(figure.stat().st_mode & 0o077 == 0 for figure in figures)


def test_answer_that_does_not_hold_is_no_success(tmp_path: Path) -> None:
    faulty = broken(FAULTS["off by one, seen by tests"], "")
    with endpoint(Reply(faulty)) as server:
        done = solve(
            recorded(TASK).task,
            *("--model", "test-model", "--base-url", server.url, "--attempts", "1", "--quiet"),
            tmp_path=tmp_path,
        )

    assert done.returncode == 1
    assert "NOT VERIFIED. After 1 attempt it does not hold: 7 of 9 tests passed." in done.stdout
    assert "- FAILED: 7 of 9 tests passed." in done.stdout
    assert done.stderr == ""


LIMITS = {
    "tokens": (("--budget", "50000"), "the budget of 50,000 tokens was used up"),
    "time": (("--seconds", "0.01"), "the time of 0.01 s was over"),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limit_ends_the_run(name: str, tmp_path: Path) -> None:
    arguments, told = LIMITS[name]
    turns = [Reply(broken(FAULTS["wrong name"], ""), tokens=49_900), Reply("never asked for")]
    with endpoint(*turns) as server:
        done = solve(
            recorded("harmonic_number_as_a_fraction").task,
            *("--mode", "compute", "--model", "m", "--base-url", server.url, *arguments),
            tmp_path=tmp_path,
        )

    assert done.returncode == 1, done.stderr
    assert told in done.stdout
    assert len(server.replies) >= 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "No model is named."),
        (("--replay", "nothing.json"), "cannot be read: No such file"),
        (("--replay", RECORDINGS / f"{TASK}.json"), "The recorded task is: 'Write merge("),
        (("--replay", RECORDINGS / f"{TASK}.json", "--data", "no.csv"), "no.csv is not there."),
        (("--replay", RECORDINGS / f"{TASK}.json", "--budget", "much"), "--budget is a number"),
        (("--replay", RECORDINGS / f"{TASK}.json", "--url", "http://127.0.0.1:9/mcp"), "No bell"),
        (("--model", "some-model"), "Name the provider too"),
        (("--replay", RECORDINGS / f"{TASK}.json", "--mode", "transform"), "no code to transform"),
    ],
)
def test_what_cannot_be_begun_says_what_to_do(
    arguments: tuple[str | Path, ...], told: str, tmp_path: Path
) -> None:
    done = solve("another task", *arguments, tmp_path=tmp_path)

    assert done.returncode == 2, done.stdout
    assert told in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", ["the model is asked", "the code runs"])
async def test_interrupted_run_leaves_nothing(
    number: signal.Signals, when: str, tmp_path: Path
) -> None:
    endless = "```python\nwhile True: pass\n```\n```python tests\nimport solution\n```"
    reply = Reply("word", hang=True) if when == "the model is asked" else Reply(endless)
    with endpoint(reply) as server:
        line, env = command(
            *("task", "--model", "m", "--base-url", server.url, "--transcript", "t.md"),
            tmp_path=tmp_path,
        )
        process = subprocess.Popen(  # noqa: ASYNC220 - a signal ends it
            line, env=env, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stderr is not None
            mark = "Attempt 1" if when == "the model is asked" else "validate_code"
            await anyio.to_thread.run_sync(_until, process.stderr, mark)
            await anyio.to_thread.run_sync(server.asked_once.wait, 60)
            started = set(_below(process.pid))
            process.send_signal(number)
            with anyio.fail_after(30):
                await gone(process.pid, *started)
            code = process.wait()
            said = process.stderr.read()
        finally:
            process.kill()
            process.communicate()

    assert len(started) > 1  # the server and its sandbox
    assert code == 128 + number
    assert "nothing is left running" in said
    assert list((tmp_path / "tmp").iterdir()) == []
    assert "## Stopped" in (tmp_path / "t.md").read_text()


def _until(lines: Iterator[str], mark: str) -> None:
    assert any(mark in line for line in lines)


def _below(pid: int) -> list[int]:
    """Return the processes below `pid`, and those below them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            child = int(entry.parent.name)
            found += [child, *_below(child)]
    return found


def test_help_names_every_option() -> None:
    helped = subprocess.run(
        [COMMAND, "solve", "--help"],
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    for option in ("--data", "--mode", "--model", "--attempts", "--budget", "--replay", "--url"):
        assert option in helped
    assert "0 if the answer was" in " ".join(helped.split())

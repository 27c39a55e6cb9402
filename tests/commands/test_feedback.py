"""Long commands show what they do: a clock or a bar at a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from commands.support import at_terminal, bellglass
from protocol.support import http_server

if TYPE_CHECKING:
    from pathlib import Path

CLOCK = r"{} .*\d:\d\d:\d\d"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that runs long enough for a clock to be drawn at least once."""
    program = tmp_path / "program.py"
    program.write_text("import time\ntime.sleep(0.5)\nprint('first')\nprint('second')\n")
    return program


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["doctor"], "Running code on the backend embedded"),
        (["check", "embedded", "an exit code is told"], "1 of 1: an exit code is told"),
    ],
)
def test_a_terminal_shows_a_clock_until_there_is_a_result(arguments: list[str], said: str) -> None:
    shown = at_terminal(*arguments, DOCKER_HOST="unix:///nothing", NO_COLOR="1")
    piped = bellglass(*arguments, settings={"DOCKER_HOST": "unix:///nothing"})

    assert re.search(CLOCK.format(said), shown)
    assert said not in piped.stdout + piped.stderr
    assert "\x1b" not in piped.stdout + piped.stderr
    assert piped.returncode == 0


def test_a_clock_is_gone_when_the_program_prints(program: Path) -> None:
    shown = at_terminal("run", str(program))

    assert re.search(CLOCK.format("Running program.py"), shown)
    assert re.search(r"\x1b\[2Kfirst\r\nsecond\r\n$", shown)
    assert bellglass("run", str(program)).stderr == ""


def test_a_terminal_that_cannot_change_its_lines_is_left_alone(program: Path) -> None:
    assert at_terminal("run", str(program), TERM="dumb") == "first\r\nsecond\r\n"


def test_a_transfer_has_a_bar_at_a_terminal_and_a_line_elsewhere(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(9_000_000))
    with http_server() as (_, url):
        server = url.removesuffix("/mcp")
        shown = at_terminal("put", str(large), "--url", server, NO_COLOR="1")
        piped = bellglass("put", str(large), "--url", server)
        session_id = piped.stdout.split()[1]
        fetched = bellglass(
            "get", "large", str(tmp_path / "again"), "--url", server, *("--session", session_id)
        )

    assert re.search(r"Sending large .*9\.0/9\.0 MB .*MB/s", shown)
    assert piped.stderr == "Sending large: 9 MB ...\n"
    assert fetched.stderr == "Fetching large: 9 MB ...\n"
    assert (tmp_path / "again").read_bytes() == large.read_bytes()

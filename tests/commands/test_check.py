"""`bellglass check` says what it expected and saw, and where that is explained."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from commands.support import bellglass
from readme.blocks import ROOT

from bellglass.sandboxes.conformance import CHECKS
from bellglass.sandboxes.conformance.failures import explained, where_explained
from bellglass.sandboxes.errors import SandboxUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from bellglass.sandboxes.conformance import Check

PAGE = (ROOT / "docs/backends.md").read_text("utf-8")


BROKEN = """
from bellglass.sandboxes.testing import InMemoryBackend


class Broken(InMemoryBackend):
    unsupported_checks = {"processes_are_limited": "it has none."}

    @classmethod
    def from_settings(cls, limits, settings, **_):
        return cls()
"""

TOLD = """\
Checking broken ...
FAILED  an exit code is told (0.0 s)
        expected: (shell.status, shell.exit_code) == ('exit', 3)
        seen:     (shell.status, shell.exit_code) is ('ok', None)
        see:      docs/backends.md#checks-of-running
lacks   processes are limited: it has none.
0 of 2 checks held. 1 do not apply to this backend.
"""


class Reply:
    status = "crashed"
    seconds = 12.5


def failing(number: int) -> None:
    reply, others = Reply(), ["KEY"]
    if number == 0:
        assert (reply.status, reply.seconds) == ("ok", 12.5)
    elif number == 1:
        assert not [name for name in others if reply.status in name or "KEY" in name]
    elif number == 2:
        assert reply.status == "ok" or reply.seconds < 9
    elif number == 3:
        assert reply.seconds is None, "never"


@pytest.mark.parametrize(
    ("number", "expected", "seen"),
    [
        (
            0,
            "(reply.status, reply.seconds) == ('ok', 12.5)",
            ["(reply.status, reply.seconds) is ('crashed', 12.5)"],
        ),
        (
            1,
            "not [name for name in others if reply.status in name or 'KEY' in name]",
            ["[name for name in others if reply.status in name or 'KEY' in name] is ['KEY']"],
        ),
        (
            2,
            "reply.status == 'ok' or reply.seconds < 9",
            ["reply.status is 'crashed'", "reply.seconds is 12.5"],
        ),
        (3, "reply.seconds is None", ["reply.seconds is 12.5"]),
    ],
)
def test_a_failure_has_what_was_expected_and_what_was_seen(
    number: int, expected: str, seen: list[str]
) -> None:
    with pytest.raises(AssertionError) as failure:
        failing(number)

    assert explained(failure.value, 120) == (expected, seen)


def test_other_ends_are_told_too() -> None:
    late = explained(TimeoutError(), 120)
    absent = explained(SandboxUnavailable("podman", "it is not installed."), 120)

    assert late.expected == "an end within 120 s"
    assert "it is not installed" in absent.seen[0]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_check_is_explained_where_a_failure_says(check: Check) -> None:
    path, _, anchor = where_explained(check).partition("#")
    heading = anchor.replace("-", " ").capitalize()

    assert path == "docs/backends.md"
    assert f"`{check.__name__}`" in PAGE.partition(f"\n### {heading}\n")[2].partition("\n### ")[0]


def test_a_failed_check_is_told_with_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    (tmp_path / "broken-1.dist-info").mkdir()
    (tmp_path / "broken-1.dist-info/METADATA").write_text("Name: broken\nVersion: 1\n")
    (tmp_path / "broken-1.dist-info/entry_points.txt").write_text(
        "[bellglass.sandboxes]\nbroken = broken:Broken\n"
    )
    done = bellglass(
        *("check", "broken", "an exit code is told", "processes are limited"),
        settings={"PYTHONPATH": str(tmp_path)},
    )

    assert done.returncode == 1, done.stderr
    found = re.sub(r"\d+\.\d s", "0.0 s", done.stdout)
    assert found == TOLD


def test_a_misspelt_check_is_told() -> None:
    done = bellglass("check", "embedded", "processes_are_limitd")

    assert (done.returncode, done.stdout) == (1, "Checking embedded ...\n")
    assert "Did you mean 'processes are limited'?" in done.stderr

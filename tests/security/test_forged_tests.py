"""Code that tries to pass its cases without being right, and tests that never finished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from security.forging import ATTACKS

from bellglass.sandboxes.common.case_names import names_of
from bellglass.sandboxes.sessions.session import Session
from bellglass.tools.run_tests.report import run_of

if TYPE_CHECKING:
    from bellglass.sandboxes.backend import Backend
    from bellglass.tools.results import TestRun

CASES: list[dict[str, Any]] = [
    {"call": "add(2, 3)", "expected": 5},
    {"call": "add(2, 3)", "raises": "SECRET-OF-THE-TESTS"},
]

AMONG_PROCESSES = {
    "plants files for the tests",
    "writes over the tests",
    "reads the tests",
    "writes to every descriptor",
    "writes to the descriptors of others",
    "traces the process of the tests",
    "walks through its memory",
    "stops the tests",
    "kills the tests",
    "interrupts the tests",
    "rings the alarm of the tests",
    "forks",
}
"""Attacks that a sandbox has a part in; Python decides what comes of the others."""

ENDLESS = {"stops the tests", "hangs"}


async def verdict(backend: Backend, code: str, *, timeout: float = 20, **more: Any) -> TestRun:
    async with Session.open(backend) as session:
        arguments = {"code": code, "test_timeout": 2, **more}
        execution = await session.run("test", arguments, timeout=timeout)
    return run_of(execution, session.id, names_of(more.get("cases", [])))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in AMONG_PROCESSES else pytest.mark.once)
        for name in ATTACKS
    ],
)
async def test_nothing_that_the_code_does_makes_a_case_pass(backend: Backend, name: str) -> None:
    seconds = 6 if name in ENDLESS else 20

    run = await verdict(backend, ATTACKS[name], cases=CASES, timeout=seconds)

    assert run.passed == run.skipped == 0, run
    assert not run.ok


async def test_the_same_case_passes_where_the_code_is_right(backend: Backend) -> None:
    run = await verdict(backend, "def add(a, b): return a + b", cases=CASES[:1])

    assert run.ok, run
    assert run.isolated


ENDINGS = {
    "at import": ("os._exit(0)", "pass"),
    "in a test": ("pass", "os._exit(0)"),
    "by a signal": ("pass", "os.kill(os.getpid(), 9)"),
    "with the process that supervises": ("pass", "os.kill(os.getppid(), 9)"),
    "after it has cut itself off": ("pass", "os.closerange(3, 1 << 16); os._exit(0)"),
    "with all processes that it may end": ("pass", "os.kill(-1, 9)"),
    "in a bomb of forks": ("pass", "\n    while True: os.fork()"),
}


@pytest.mark.parametrize("how", ENDINGS)
async def test_a_run_that_ended_before_pytest_said_so_is_no_pass(
    backend: Backend, how: str
) -> None:
    at_import, in_test = ENDINGS[how]
    code = f"import os\n{at_import}\ndef leave():\n    {in_test}\n"
    tests = "from solution import leave\ndef test_a(): leave()\n"

    run = await verdict(backend, code, tests=tests)

    assert not run.ok, run
    assert run.passed == 0


async def test_what_a_test_ends_costs_the_others_nothing(backend: Backend) -> None:
    tests = "import os\ndef test_a(): os._exit(0)\ndef test_b(): pass\n"

    run = await verdict(backend, "", tests=tests)

    assert [test.outcome for test in run.tests] == ["failed", "passed"], run
    assert not run.isolated


async def test_what_is_expected_is_nowhere_where_the_code_could_read_it(backend: Backend) -> None:
    code = """
import glob, os
def look():
    found = []
    for path in [*glob.glob("/proc/[0-9]*/*"), *glob.glob("/work/**", recursive=True)]:
        if path.endswith(("/mem", "/environ", "/cmdline", "/maps", ".py", ".txt")):
            try:
                data = open(path, "rb").read(1 << 20)
            except OSError:
                continue
            if b"SECRET" + b"-OF" in data:
                found.append(path)
    return found
"""
    cases = [{"call": "look()", "expected": []}, {"call": "1", "expected": "SECRET-OF-THE-CASES"}]

    run = await verdict(backend, code, cases=cases, tests="# SECRET-OF-THE-TESTS")

    assert run.tests[0].outcome == "passed", run

"""The times at which a call is interrupted and killed, by a clock that the test sets."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from bellglass.sandboxes.supervisor import processes
from bellglass.sandboxes.supervisor.calls.limit_enforcer import (
    INTERRUPT_GRACE_SECONDS,
    MIN_CPU_SECONDS,
    LimitEnforcer,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bellglass.sandboxes.wire.schema.basics import Status

HEARS = """
import signal
def hear(*_): print('interrupted', flush=True)
signal.signal(signal.SIGINT, hear)
print('ready', flush=True)
"""
WAITS = HEARS + "while True: signal.pause()"
SPINS = HEARS + "while True: pass"


class Process:
    """A process of its own group, as a job is, with what an enforcer wants to know of that."""

    def __init__(self, code: str) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self.pid = self.popen.pid
        assert self.line() == "ready"

    def settle(self) -> None:
        """Wait until it waits: one that runs may be given more time."""
        while processes.runnable(self.pid):
            time.sleep(0.001)

    def line(self) -> str:
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().rstrip("\n")


@contextmanager
def running(code: str) -> Iterator[tuple[Process, LimitEnforcer, float]]:
    """Yield a process, who enforces its time, and when that is up."""
    process = Process(code)
    deadline = time.monotonic() + 1000
    nothing = cast("Any", None)  # what it uses is not looked at here
    enforcer = LimitEnforcer(
        cast("Any", process),
        nothing,
        {},
        deadline,
        persistent=True,
        runs=nothing,
        on_ended=nothing,
    )
    try:
        yield process, enforcer, deadline
    finally:
        process.popen.kill()
        process.popen.wait()
        if process.popen.stdout is not None:
            process.popen.stdout.close()


def test_one_interrupt_comes_at_the_deadline_and_then_the_kill() -> None:
    with running(WAITS) as (process, enforcer, deadline):
        enforcer.enforce(deadline - 0.01, begun=True)
        assert enforcer.verdict is None

        enforcer.enforce(deadline, begun=True)
        assert process.line() == "interrupted"
        process.settle()
        enforcer.enforce(deadline + INTERRUPT_GRACE_SECONDS - 0.01, begun=True)
        assert process.popen.poll() is None
        enforcer.enforce(deadline + INTERRUPT_GRACE_SECONDS, begun=True)

        assert process.popen.wait(30) == -signal.SIGKILL
        assert process.line() == ""
        assert enforcer.verdict == "timeout"


def test_what_has_not_begun_is_interrupted_when_it_has() -> None:
    with running(WAITS) as (process, enforcer, _):
        now = time.monotonic()
        enforcer.stop("cancelled")
        enforcer.enforce(now, begun=False)
        enforcer.enforce(now, begun=True)
        assert process.line() == "interrupted"
        process.popen.kill()

        assert process.line() == ""  # nor was there a second one
        assert enforcer.verdict == "cancelled"


def test_who_had_a_chance_to_heed_the_interrupt_is_killed() -> None:
    with running(SPINS) as (process, enforcer, deadline):
        enforcer.enforce(deadline, begun=True)
        before = processes.cpu_seconds(process.pid)
        while processes.cpu_seconds(process.pid) < before + MIN_CPU_SECONDS:
            time.sleep(0.01)
        enforcer.enforce(deadline + INTERRUPT_GRACE_SECONDS, begun=True)

        assert process.popen.wait(30) == -signal.SIGKILL


@pytest.mark.parametrize("verdict", ["oom", "killed"])
def test_the_deadline_holds_for_what_has_a_verdict_already(verdict: Status) -> None:
    with running(WAITS) as (process, enforcer, deadline):
        enforcer.verdict = verdict  # of what it has started
        enforcer.enforce(deadline, begun=True)
        assert process.line() == "interrupted"
        process.settle()
        enforcer.enforce(deadline + INTERRUPT_GRACE_SECONDS, begun=True)

        assert process.popen.wait(30) == -signal.SIGKILL
        assert enforcer.verdict == verdict

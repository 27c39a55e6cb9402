"""Supervision of pytest in the process of the code: time limits, crashes, and remaining tests.

The supervising process never runs the code. It does not believe what it can know better: that a
test passed which was running when the process ended, or that a run has ended which never said so.
"""

from __future__ import annotations

import os
import secrets
import select
import signal
import time
from typing import Any

from bellglass.sandboxes.common.jobs import JobShell
from bellglass.tools.run_tests.inside.child import Child, read, start_ours, told
from bellglass.tools.run_tests.inside.failures import cleaned, own_frames, shortened
from bellglass.tools.run_tests.inside.lines import Lines, Message
from bellglass.tools.run_tests.inside.record import Event, Record

INTERRUPT_SIGNAL = signal.SIGRTMAX - 3
"""Asks a test that takes too long to end. Tests use SIGALRM and SIGUSR1 themselves."""

INTERRUPT_GRACE_SECONDS = 1.0
"""For a test to react; then its process is killed."""

MAX_MESSAGE_BYTES = 1024**2

MAX_KEPT_OUTPUT_BYTES = 4_000
"""Bytes of the output of a crash, or of pytest if it cannot start."""

TICK_INTERVAL_SECONDS = 0.1

GATHER_INTERVAL_SECONDS = 0.01
"""Between two reads of what the tests send: waking us for each message costs them time."""

EXIT_AFTER_CLOSE_TIMEOUT_SECONDS = 1.0
"""For a process to end that has closed its socket; one that lives on closed it deliberately."""

EXIT_TIMEOUT_SECONDS = 5.0
"""For the process to end by itself after pytest has: its threads and its exit functions."""


class PytestRun:
    """One run of pytest, and as many more as are needed after crashes and time-outs."""

    def __init__(self, settings: dict[str, Any], record: Record, shell: JobShell) -> None:
        """`settings` are those of `plain_pytest`."""
        self.status: int | None = None
        """The worst exit status of pytest in all runs; None if one never finished."""
        self.missing = False
        self.uncovered = False
        self.warnings: list[str] = []
        self._settings = settings
        self._record = record
        self._shell = shell
        self._seconds: float | None = settings["test_timeout"]
        self._distributed = False
        """Whether tests run in processes of pytest-xdist, which we cannot end one by one."""
        self._wanted: list[str] | None = None
        self._clear()

    def _clear(self) -> None:
        self._running: str | None = None
        self._deadline: float | None = None
        self._interrupted = False
        self._finished: int | None = None
        self._output = bytearray()

    def run(self) -> None:
        worst = 0
        while True:
            self._clear()
            token = secrets.token_hex(16)
            settings = {**self._settings, "token": token, "wanted": self._wanted}
            child = start_ours(
                self._shell,
                "plain_pytest",
                {**settings, "interrupt": INTERRUPT_SIGNAL},
                settings["python"],
            )
            try:
                self._follow(child, Lines(token, MAX_MESSAGE_BYTES))
                late = self._deadline is not None and time.monotonic() >= self._deadline
                ended = told(child)
            finally:
                child.end()
            if self.missing:
                return
            if self._finished is not None:
                self.status = max(worst, self._finished)
                return
            worst = 1
            if self._distributed:
                self._running = None
            if not self._go_on(None if late else ended):
                return

    def said(self) -> str:
        """Return what the last process printed about its end."""
        text = own_frames(self._output.decode("utf-8", "replace"), os.getcwd())
        return shortened(cleaned(text).strip(), 1_000)

    # --- one process

    def _follow(self, child: Child, lines: Lines) -> None:
        """Take messages until the process has ended, or has to be ended."""
        sock = child.socket.fileno()
        open_fds = [sock, child.out, child.err]
        ended = False
        while self._in_time(child) and not self.missing:
            ready = select.select(open_fds, [], [], 0 if ended else TICK_INTERVAL_SECONDS)[0]
            if not ready:
                self._record.flush()
                if ended:
                    return
            for fd in ready:
                data = read(fd)
                if not data:
                    open_fds.remove(fd)
                elif fd == sock:
                    for message in lines.take(data):
                        self._take(message)
                    self._record.flush()
                    if self._running is not None:
                        time.sleep(GATHER_INTERVAL_SECONDS)
                elif fd == child.err:
                    self._output += data
                    del self._output[:-MAX_KEPT_OUTPUT_BYTES]
            # The end of the socket alone is not enough: forks of the tests may hold it open.
            if sock not in open_fds or not ready:
                ended = child.ended(0.0 if sock in open_fds else EXIT_AFTER_CLOSE_TIMEOUT_SECONDS)
                if not ended and sock not in open_fds:
                    return

    def _in_time(self, child: Child) -> bool:
        """Interrupt a test that takes too long; return False if it has not reacted."""
        if self._deadline is None or time.monotonic() < self._deadline:
            return True
        if self._interrupted or self._finished is not None:
            return False
        self._interrupted = True
        self._deadline = time.monotonic() + INTERRUPT_GRACE_SECONDS
        child.interrupt(INTERRUPT_SIGNAL)
        return True

    def _take(self, message: Message) -> None:
        try:
            if self._finished is None:  # what comes after the end is not pytest's
                self._note(message)
        except (TypeError, KeyError, ValueError, AttributeError):
            pass  # not of the agreed form

    def _note(self, message: Message) -> None:
        record, name = self._record, str(message.get("name", ""))
        if "collected" in message and not record.collect(_texts(message["collected"])):
            self._finished = 3
        if "uncollected" in message:
            record.uncollected(name, _test(message["uncollected"]))
        if "test" in message:
            test = _test(message["test"])
            record.finish(name, self._timed_out(test) if self._interrupted else test)
            self._running, self._deadline = None, None
        if "begun" in message:  # the next one
            self._running, self._interrupted = str(message["begun"]), False
            record.begin(self._running)
        if "begun" in message or "clearing_up" in message:
            self._renew()
        if "distributed" in message:
            if self._seconds is not None:
                record.distributed()
            self._distributed, self._seconds = True, None
        if "problem" in message:
            record.problem(str(message["problem"]))
        self.missing = self.missing or "missing" in message
        self.uncovered = self.uncovered or "uncovered" in message
        if "finished" in message:
            self._finished = int(message["finished"])
            self._deadline = time.monotonic() + EXIT_TIMEOUT_SECONDS
            self.warnings = _texts(message["warnings"])

    def _renew(self) -> None:
        if self._seconds is not None:
            self._deadline = time.monotonic() + self._seconds

    def _timed_out(self, test: Event) -> Event:
        assert self._seconds is not None
        text = f"not finished after {self._seconds:g} s"
        said = test.get("message") or ""
        message = said if text in said else f"{text}\n{said}".rstrip()
        return {**test, "outcome": "failed", "cause": "timeout", "message": message}

    # --- after a process that did not finish

    def _go_on(self, ended: str | None) -> bool:
        """Record a result for the test that was running; tell if more tests remain.

        `ended` says how the process ended by itself; None if it was killed.
        """
        said = self.said()
        details = f"\n{said}" if said else ""
        name = self._running
        if name is None:
            text = f"The test process ended ({ended}) before pytest had finished, as os._exit() "
            self._record.problem(f"{text}would do: what has no result did not pass.{details}")
            return False
        if ended is None:
            outcome = self._timed_out({"message": details.strip()})
        else:
            text = f"the test process ended ({ended}), as os._exit() would do, in {name}{details}"
            outcome = {"outcome": "failed", "cause": "crashed", "message": text}
        self._record.finish(name, outcome)
        self._wanted = self._record.left()
        if not self._wanted or self._settings["stop"]:
            self.status = 1
            return False
        return True


def _texts(texts: Any) -> list[str]:
    return [str(text)[:1_000] for text in texts]


def _test(test: Any) -> Event:
    outcome = test["outcome"]
    if outcome not in ("passed", "failed", "error", "skipped"):
        outcome = "error"
    texts = {name: str(test[name]) for name in ("message", "stdout") if test.get(name)}
    seconds = test.get("seconds")
    whole = isinstance(seconds, (int, float)) and 0 <= seconds < 1e6
    return {"outcome": outcome, "seconds": seconds if whole else 0.0, **texts}

"""The events of a run of tests."""

from __future__ import annotations

from typing import Any

Event = dict[str, Any]

PROGRAM = """
import json, os, sys
from bellglass.sandboxes.supervisor.shell import Shell
from bellglass.tools.run_tests.inside import suite

os.set_inheritable(int(sys.argv[1]), False)
os.environ["PATH"] = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"

def send(event, file=os.fdopen(int(sys.argv[1]), "w")):
    file.write(json.dumps(event) + "\\n")
    file.flush()

shell = Shell()
suite.run(json.load(sys.stdin), send, shell.for_job(shell.state))
"""

CODE = "def add(a, b):\n    return a + b\n"


class Run:
    """The events of one run, and how its process ended."""

    def __init__(self, events: list[Event], exit_code: int, stderr: str = "") -> None:
        self.events = events
        self.exit_code = exit_code
        self.stderr = stderr
        """To understand a run with: what it is worth is in the events."""

    def all(self, name: str) -> list[Any]:
        return [event[name] for event in self.events if name in event]

    def tests(self) -> list[Event]:
        return [test for tests in self.all("tests") for test in tests]

    def outcomes(self) -> list[str]:
        return [test["outcome"] for test in self.tests()]

    def __repr__(self) -> str:
        return f"{self.events}, exit code {self.exit_code}, stderr: {self.stderr}"

    @property
    def finished(self) -> int | None:
        return next(iter(self.all("finished")), None)

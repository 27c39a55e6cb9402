"""Tests and code in one process, for tests that cannot be kept apart from the code.

All of this process can be taken over by the code: what it reports is what the code lets it report.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

from bellglass.sandboxes.runner.apart.channel import Channel
from bellglass.sandboxes.runner.apart.coverage import Coverage
from bellglass.sandboxes.runner.relay import packages
from bellglass.sandboxes.runner.testing.collecting import clear_environment, hide_our_own, options
from bellglass.sandboxes.runner.testing.failures import Explain
from bellglass.sandboxes.runner.testing.pytest_events import Events


class Told:
    """Sends what happens to the process that asked for it."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._here = os.getpid()

    def send(self, message: dict[str, Any]) -> None:
        if os.getpid() != self._here:
            os._exit(1)  # a child that a test has forked must not report in its name
        self._channel.send(message)

    def collect(self, names: list[str]) -> bool:
        self.send({"collected": names})
        return True

    def begin(self, name: str) -> None:
        self.send({"begun": name})

    def finish(self, name: str, test: dict[str, Any]) -> None:
        self.send({"test": test, "name": name})

    def uncollected(self, test: dict[str, Any]) -> None:
        self.send({"uncollected": test})

    def problem(self, text: str) -> None:
        self.send({"problem": text})


class Chosen(Events):
    """Runs only the tests that were asked for, if any were named."""

    wanted: set[str] | None = None

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        if self.wanted is not None:
            items[:] = [item for item in items if item.nodeid in self.wanted]


def main(sock: socket.socket, settings: dict[str, Any]) -> None:
    """Run pytest and report to the other end of `sock`."""
    directory = settings["directory"]
    told = Told(Channel(sock))
    sys.dont_write_bytecode = True
    sys.path.insert(0, directory)
    sys.path.append(os.getcwd())  # modules of the session, after all others
    sys.path.append(packages.LIBRARY)
    clear_environment()
    hide_our_own()
    try:
        import pytest
    except ImportError:
        told.send({"missing": True})
        return
    chosen = Chosen(Explain(directory), told)
    chosen.wanted = None if settings["wanted"] is None else set(settings["wanted"])
    coverage = Coverage(directory, on=settings["coverage"])
    coverage.start()
    arguments = [*options(directory, settings), "--capture=fd"]
    if settings["paths"]:
        here = os.getcwd()
        arguments += [f"--rootdir={here}", f"--confcutdir={here}", "--import-mode=prepend"]
        arguments += ["--doctest-modules", *settings["paths"]]
    else:
        arguments += [f"--rootdir={directory}", f"--confcutdir={directory}"]
        arguments += ["--import-mode=prepend", "--doctest-modules", "--noconftest"]
        arguments.append(os.path.join(directory, settings["file"]))
    status = int(pytest.main(arguments, plugins=[chosen]))
    told.send({"finished": status, "coverage": coverage.report()})

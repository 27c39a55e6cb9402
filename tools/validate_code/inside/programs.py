"""Checkers that are separate programs, if the sandbox has them: ruff, shellcheck, shfmt."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from typing import Any

from bellglass.sandboxes.common.late_packages import LATE

MAX_OUTPUT_BYTES = 2 * 1024**2
"""Bytes that are read from one checker, which reports much if every line is wrong."""

FOLDERS = tuple(
    dict.fromkeys(
        os.path.dirname(path)
        for path in (sys.executable, f"{LATE}/bin/", "/usr/local/bin/", "/usr/bin/")
        if path
    )
)
"""Where they may be: beside this interpreter, or the system's. Foreign code writes to neither."""

HOW = "`bellglass setup` or, for Docker, `bellglass image build` brings it"
MISSING = f"{{name}} is not installed in the sandbox, so fewer mistakes are found: {HOW}."
UNFINISHED = "{name} did not finish, so {what} may be missing."


class Checker:
    """A checker that runs on `code` until its answer is taken.

    It gets the code on stdin and no other file, no configuration and no network. Its output is
    bounded, and so is the time that we wait for it.
    """

    def __init__(self, name: str, arguments: tuple[str, ...], code: str) -> None:
        self.name = name
        self.installed = False
        self.finished = False
        """Whether it ended in time, and all of its output was read."""
        self._process: subprocess.Popen[bytes] | None = None
        program = _find(name)
        if program is None:
            return
        with tempfile.TemporaryFile() as file:
            file.write(code.encode("utf-8", "replace"))
            file.seek(0)
            try:
                self._process = subprocess.Popen(
                    [program, *arguments],
                    stdin=file,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env={
                        "PATH": "/usr/bin:/bin",
                        "LC_ALL": "C.UTF-8",
                        # One thread: more take longer to start than they save.
                        "RAYON_NUM_THREADS": "1",
                        "GOMAXPROCS": "1",
                        # It ends soon, and its memory until then is bounded by its input.
                        "GOGC": "400",
                    },
                )
            except OSError:
                return
        self.installed = True

    def lines(self, seconds: float) -> list[Any]:
        """Wait for its end, at most this long; return the JSON values in its lines."""
        values = []
        for line in self.read(seconds).split(b"\n"):
            try:
                values.append(json.loads(line))
            except (ValueError, RecursionError):
                continue
        return values

    def read(self, seconds: float, most_bytes: int = MAX_OUTPUT_BYTES) -> bytes:
        """Wait for its end, at most this long; return what it wrote, up to the given size."""
        if self._process is None:
            return b""
        deadline = time.monotonic() + seconds
        assert self._process.stdout is not None
        data = bytearray()
        with self._process, self._process.stdout as pipe:
            while len(data) < most_bytes:
                left = max(0.0, deadline - time.monotonic())
                if not select.select([pipe], [], [], left)[0]:
                    break
                chunk = os.read(pipe.fileno(), 1 << 16)
                if not chunk:
                    # Status 1: it found something. If a signal ended it, its output is incomplete.
                    self.finished = self._process.wait() in (0, 1)
                    break
                data += chunk
            self._process.kill()
        return bytes(data)

    def notes(self, what: str) -> list[str]:
        """Say what the answer lacks, if it lacks something."""
        if not self.installed:
            return [MISSING.format(name=self.name)]
        return [] if self.finished else [UNFINISHED.format(name=self.name, what=what)]


def _find(name: str) -> str | None:
    """Return the program `name` of this interpreter's environment, or of the system."""
    for folder in FOLDERS:
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    return None

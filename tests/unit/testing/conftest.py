"""Run tests as the supervisor does: in a process of their own, as in a session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import pytest
from unit.testing.support import CODE, PROGRAM, Run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Run]:
    def run_tests(code: str = CODE, **arguments: Any) -> Run:
        # In a sandbox /tmp is the session's own. Here it is everybody's, and runs clear up there.
        temporary = tmp_path.with_name(f"{tmp_path.name}-tmp")
        temporary.mkdir(exist_ok=True)
        with tempfile.TemporaryFile() as stderr:  # a pipe could fill up
            reader, writer = os.pipe()
            process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(writer)],
                pass_fds=[writer],
                cwd=tmp_path,
                env={**os.environ, "TMPDIR": str(temporary)},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
            os.close(writer)
            with open(reader) as events, process:
                assert process.stdin is not None
                process.stdin.write(json.dumps({"code": code, **arguments}).encode())
                process.stdin.close()
                lines = events.read().splitlines()
            stderr.seek(0)
            said = stderr.read().decode(errors="replace")
        return Run([json.loads(line) for line in lines], process.returncode, said)

    return run_tests

"""Runs the command `bellglass` as a person does."""

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

COMMAND = [sys.executable, "-P", "-m", "bellglass.server.cli"]


def bellglass(
    *arguments: str, settings: Mapping[str, str] | None = None, **how: Any
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; what it says is in the result."""
    how = {"capture_output": True, "text": True, "timeout": 100, **how}
    env = {**os.environ, **(settings or {})}
    return subprocess.run([*COMMAND, *arguments], env=env, check=False, **how)

"""Run the shell commands of a Python session: `!command`, `%pip` and `%%bash`."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

from bellglass.sandboxes.common.packages import SCRATCH

MAX_COMMAND_BYTES = 100_000  # for one argument; the kernel allows 128 KiB

KILL_DELAY_SECONDS = 0.1
"""Seconds after an interrupt, which the command has received as well."""

_PIP = re.compile(r"(^|&&|;|\|\|)(\s*)(?:pip3?|python3? -m pip)(?=\s)")


def own_pip(command: str) -> str:
    """Have pip install for the Python that runs this, whichever comes first on the path."""
    scratch = f"TMPDIR={SCRATCH} " if os.path.isdir(SCRATCH) else ""
    pip = f"{scratch}{sys.executable} -m pip"
    return _PIP.sub(lambda found: f"{found[1]}{found[2]}{pip}", command)


def run(command: str) -> int:
    """Run a command in Bash, report a failure, and return its exit code.

    Its output goes where Python prints.

    Raises:
        ValueError: The command is too long.
    """
    if len(command.encode("utf-8", "replace")) > MAX_COMMAND_BYTES:
        raise ValueError(f"The command is longer than {MAX_COMMAND_BYTES:,} bytes. Use %%bash.")
    code = _finished([_shell(), "-c", own_pip(command)])
    if code:
        how = f"exited with code {code}" if code > 0 else f"was ended by signal {-code}"
        sys.stderr.write(f"[the command {how}]\n")
    return code


def run_script(text: str) -> None:
    """Run the text of a `%%bash` call.

    Raises:
        CalledProcessError: It failed.
    """
    with tempfile.NamedTemporaryFile("w", prefix="cell-", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        if code := _finished([_shell(), file.name]):
            raise subprocess.CalledProcessError(code, "bash")


def substituted(command: str, names: Mapping[str, Any]) -> str:
    """Return `command` with `{name}` and `$name` replaced if they name a variable."""

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return str(names[name]) if name in names else found[0]

    return re.sub(r"\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)", value, command)


def _shell() -> str:
    return shutil.which("bash") or shutil.which("sh") or "/bin/sh"


def _finished(argv: list[str]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    plain = _number(sys.stdout) == 1
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        # Python code has redirected the stream, so the output has to pass through us.
        stdout=None if plain else subprocess.PIPE,
        stderr=None if plain else subprocess.STDOUT,
    )
    try:
        if process.stdout is not None:
            for line in process.stdout:
                sys.stdout.write(line.decode("utf-8", "replace"))
        return process.wait()
    except KeyboardInterrupt:
        # It has received the same interrupt.
        try:
            process.wait(KILL_DELAY_SECONDS)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()


def _number(stream: Any) -> int:
    try:
        return int(stream.fileno())
    except Exception:
        return -1

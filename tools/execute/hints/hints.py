"""The hint after a run that failed, in one line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bellglass.sandboxes.session_limits import MIB
from bellglass.sandboxes.setup.packages import Packages
from bellglass.tools.execute.hints import bash, python
from bellglass.tools.execute.hints.modules import Supply
from bellglass.tools.execute.hints.networks import missed
from bellglass.tools.execute.hints.rules import (
    NO_TERMINAL,
    offline,
    silent,
    spawned,
    tail,
    wants_terminal,
)

if TYPE_CHECKING:
    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.session_limits import Limits

SMALLER = "work on the data in parts, or delete variables that are not needed."
NOT_AWAITED = "a coroutine was made and not run: await it (await works at the top level)."
NO_ARGUMENTS = "argparse reads sys.argv, which is empty here: pass a list to parse_args()."
KEEP_RUNNING = (
    "to keep what & or nohup starts, give the command with background=true, without &, and read "
    "it with background_run."
)

_COMMAND_FAILED = re.compile(r"^\[the command exited with code (\d{1,3})\]$", re.MULTILINE)
"""The failure of `!command` and `%pip` in Python, which goes on after it."""


def hint_for(
    execution: Execution,
    limits: Limits,
    *,
    fresh: bool,
    network: str = "none",
    packages: Packages | None = None,
    longer: str = "pass a larger timeout",
    command: str = "",
) -> str | None:
    """Return a hint for a failed execution.

    `fresh`: it was the first call of its session; `network`: what the operator allows; `packages`:
    those that are known to be in sandboxes; `longer`:
    how to get more time, by a background run if there are any; `command`: what Bash ran.
    """
    supply = Supply(network, packages or Packages())
    said = tail(execution.stderr.text)
    advice = _of_network(execution, network, said) or _advice(
        execution, limits, fresh, supply, longer, said
    )
    if advice is None and execution.status in ("ok", "exit") and not _printed(execution):
        advice = silent(command)
    if advice is None and _left_running(execution) and "background=true" in longer:
        advice = KEEP_RUNNING
    return f"Hint: {advice}" if advice else None


def _printed(execution: Execution) -> bool:
    return bool(execution.stdout.text.strip() or execution.stderr.text.strip())


def _left_running(execution: Execution) -> bool:
    """Tell if a command left processes. In Python they are mostly helpers of a library."""
    return (
        bool(execution.killed_processes) and execution.exit_code is not None and not execution.runs
    )


def _advice(
    execution: Execution, limits: Limits, fresh: bool, supply: Supply, longer: str, said: str
) -> str | None:
    error = execution.error
    match execution.status:
        case "ok" if execution.exit_code is not None:  # of a command
            return NO_TERMINAL if wants_terminal(said) else None
        case "ok":
            return _not_awaited(execution.value or "", said) or _of_command(said, supply)
        case "timeout" if wants_terminal(said):
            return NO_TERMINAL
        case "timeout":
            return spawned(said) or f"{longer}, or do less in one call."
        case "oom":
            return SMALLER
        case "error" if error is not None and error.name == "MemoryError":
            # The message names the limit itself.
            most = f"a session may use {limits.memory_bytes // MIB} MiB: "
            return f"{'' if error.message else most}{SMALLER}"
        case "error" if error is not None:
            return python.advice(error, fresh=fresh, supply=supply) or spawned(said)
        case "exit":
            return _of_exit(execution, said, supply)
        case _:
            return None


def _of_network(execution: Execution, network: str, said: str) -> str | None:
    """Return what to do about a network that the code tried to use."""
    failed = execution.status in ("error", "exit", "timeout")
    if not failed and not _COMMAND_FAILED.search(said):
        return None
    error = execution.error
    if error is not None and error.name == "ModuleNotFoundError":
        return None
    if error is not None and error.name != "SystemExit":
        said += f"\n{tail(error.message)}"
    return missed(network, said) if offline(said) else None


def _not_awaited(value: str, said: str) -> str | None:
    if "was never awaited" in said or value.startswith("<coroutine object"):
        return NOT_AWAITED
    return None


def _of_command(said: str, supply: Supply) -> str | None:
    """Return what to do after a command of a notebook, as for one of Bash."""
    found = _COMMAND_FAILED.search(said)
    return bash.advice(int(found[1]), said, [], supply) if found else None


def _of_exit(execution: Execution, said: str, supply: Supply) -> str | None:
    """Return what to do about an exit code; the program may have been a Python of its own."""
    if "usage: " in said and execution.exit_code == 2:
        return NO_ARGUMENTS
    near = execution.error.suggestions if execution.error is not None else []
    return spawned(said) or bash.advice(execution.exit_code, said, near, supply)

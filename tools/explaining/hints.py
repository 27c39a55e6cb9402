"""What to do about a run that failed, in one line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bellglass.sandboxes.base import MIB
from bellglass.tools.explaining import bash, pasted, python
from bellglass.tools.explaining.modules import RENAMED, distribution_of
from bellglass.tools.explaining.networks import missed, not_installed
from bellglass.tools.explaining.rules import offline

if TYPE_CHECKING:
    from bellglass.sandboxes.base import Limits
    from bellglass.sandboxes.execution import Execution

SMALLER = "work on the data in parts, or delete variables that are not needed."

SAID = 4_000
"""Characters at the end of stderr that are looked at."""


_COMMAND_FAILED = re.compile(r"^\[the command exited with code (\d{1,3})\]$", re.MULTILINE)
"""Of `!command` and `%pip` in Python, which goes on after it."""


def hint_for(
    execution: Execution,
    limits: Limits,
    *,
    fresh: bool,
    network: str = "none",
    longer: str = "pass a larger timeout",
) -> str | None:
    """Return a hint for a failed execution.

    `fresh`: it was the first call of its session; `network`: what the operator allows of one;
    `longer`: how more time can be had.
    """
    if execution.status == "timeout":
        return f"Hint: {longer}, or do less in one call."
    advice = _of_network(execution, network) or _advice(execution, limits, fresh)
    return f"Hint: {advice}" if advice else None


def _advice(execution: Execution, limits: Limits, fresh: bool) -> str | None:
    said = execution.stderr.text[-SAID:]
    match execution.status:
        case "ok":
            return _not_awaited(execution.value or "", said) or _of_command(said)
        case "oom":
            return SMALLER
        case "error" if execution.error is not None and execution.error.name == "MemoryError":
            # A message names the limit itself.
            most = f"a session may use {limits.memory_bytes // MIB} MB: "
            return f"{'' if execution.error.message else most}{SMALLER}"
        case "error" if execution.error is not None:
            return python.advice(execution.error, fresh=fresh) or offline(said)
        case "exit":
            return offline(said) or _of_exit(execution, said)
        case _:
            return None


def _of_network(execution: Execution, network: str) -> str | None:
    """Return what to do about a network that was missed, or a package that can be had."""
    said = execution.stderr.text[-SAID:]
    if execution.status not in ("error", "exit") and not _COMMAND_FAILED.search(said):
        return None
    error = execution.error
    if error is not None and error.name == "ModuleNotFoundError":
        top = error.wanted.partition(".")[0]
        if not top or top in RENAMED:
            return None
        return not_installed(network, distribution_of(top), error.near)
    if error is not None and error.name != "SystemExit":
        said += f"\n{error.message}"
    return missed(network, said) if offline(said) else None


def _not_awaited(value: str, said: str) -> str | None:
    if "was never awaited" in said or value.startswith("<coroutine object"):
        return "a coroutine was made and not run: await it (await works at the top level)."
    return None


def _of_command(said: str) -> str | None:
    """Return what to do about a command of a notebook, as if it were one of Bash."""
    found = _COMMAND_FAILED.search(said)
    return bash.advice(int(found[1]), said, []) if found else None


def _of_exit(execution: Execution, said: str) -> str | None:
    """Return what to do about an exit code; the program may have been a Python of its own."""
    if "usage: " in said and execution.exit_code == 2:
        return "argparse reads sys.argv, which is empty here: pass a list to parse_args()."
    if "Traceback (most recent call last)" in said or "SyntaxError" in said:
        error = pasted.parse(said)
        if error is not None and error.language == "python":
            return error.hint
    error_near = execution.error.near if execution.error is not None else []
    return bash.advice(execution.exit_code, said, error_near)

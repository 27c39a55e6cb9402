"""What to do about the failures that models run into most."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.sandboxes.execution import Execution

_NETWORK = re.compile(
    r"Temporary failure in name resolution|Name or service not known|Network is unreachable"
    r"|Could not resolve host|Could not find a version that satisfies"
)


def hint_for(execution: Execution, *, fresh: bool) -> str | None:
    """Return a hint for a failed execution; `fresh`: it was the first call of its session."""
    if execution.status == "ok":
        return None
    error = execution.error
    name = error.name if error else ""
    message = error.message if error else ""
    if _NETWORK.search(message) or _NETWORK.search(execution.stderr.text[-4_000:]):
        return "Hint: the sandbox has no network. Nothing can be downloaded or installed."
    if name in ("ModuleNotFoundError", "ImportError"):
        return (
            "Hint: nothing can be installed here. There are the standard library, numpy, pandas, "
            "matplotlib and pytest."
        )
    if name in ("NameError", "FileNotFoundError") and fresh:
        return (
            "Hint: this is a new session. For variables and files of an earlier call, pass the "
            "session_id of its result."
        )
    if execution.status == "timeout":
        return "Hint: pass a larger timeout (at most 300 s), or do less in one call."
    if execution.status == "oom":
        return "Hint: work on the data in parts, or delete variables that are not needed."
    if execution.status == "exit" and execution.exit_code == 127:
        return "Hint: exit code 127 means that the command is not installed here."
    return None

"""A command that bash did not find, and similar ones that exist."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from bellglass.sandboxes.common.similar import like, listing
from bellglass.sandboxes.common.text import short

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.execution import ExecutionError

MISSING = re.compile(r"^(?:bash: )?line (\d+): ([^\s:]+): command not found$", re.MULTILINE)

BUILTINS = "alias cd declare echo eval exec exit export local printf pwd read set shift source test"


def missing_command(said: str) -> ExecutionError | None:
    """Return the last command that bash did not find, in the form of an exception."""
    found = MISSING.findall(said)
    if not found:
        return None
    line, name = found[-1]
    names = BUILTINS.split()
    # Our own PATH, not the session's: process 1 reads no directory of the user's.
    for directory in os.environ.get("PATH", "").split(os.pathsep):
        names += listing(directory)
    return {
        "name": "CommandNotFound",
        "message": f"{short(name, 200)}: command not found",
        "traceback": "",
        "line": int(line[:9]),
        "missing": short(name, 200),
        "suggestions": like(name, names),
    }

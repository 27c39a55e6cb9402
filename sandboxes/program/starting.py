"""Build the program that starts the supervisor in a sandbox, and is sent over its stdin."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from bellglass.sandboxes.bundle import CONFINEMENT, LOADER, bundle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bellglass.sandboxes.common.lent_copies import LentCopy
    from bellglass.sandboxes.session_limits import Limits

# The first lines work in any Python. All of our code comes over stdin, so no image needs it.
_BOOT = f"""\
import json, os, sys
def read(size):
    data = b""
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            sys.exit(0)
        data += part
    return data
data = read(int(sys.argv[1]))
if sys.version_info < (3, 9):
    sys.exit("its python3 is %d.%d, and bellglass needs 3.9 or newer" % sys.version_info[:2])
{LOADER}
from bellglass.sandboxes.program.inside import start
start.main(json.loads(sys.argv[2]))
"""


@dataclass(frozen=True, slots=True)
class SupervisorProgram:
    """How to start the supervisor as process 1 of a sandbox that has a Python and Bash."""

    command: tuple[str, ...]
    """What to run there: `python3`, of 3.9 or newer, and its arguments."""

    source: bytes
    """What to send to its stdin before the stream to it is yielded."""


def supervisor_program(
    limits: Limits,
    *,
    workspace: str = "/work",
    copies: Sequence[LentCopy] = (),
    writable: Sequence[str] = (),
) -> SupervisorProgram:
    """Return the program for a sandbox with these limits.

    Before foreign code can run, it sets `no_new_privs`, resource limits for each process, and our
    system call filter. The backend has to provide what it cannot: the user, the network, the files,
    and limits for all processes together. `copies`: lent folders, which it copies for the session;
    `writable`: those that code changes.
    If it fails, it writes one line to stderr and exits.
    """
    source = bundle(CONFINEMENT, "bellglass.sandboxes.program.inside")
    config = {
        "limits": {**asdict(limits), "counted_by_group": 1},
        "workspace": workspace,
        "copies": copies,
        "writable": writable,
    }
    boot = ("python3", "-I", "-u", "-c", _BOOT, str(len(source)), json.dumps(config))
    return SupervisorProgram(boot, source)

"""The command that becomes our program in a machine, and what it reads first."""

from __future__ import annotations

import hashlib
import json
import marshal
import shlex
import zlib
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING

from bellglass.sandboxes.bundle import CONFINEMENT, LOADER, RUNNER, bundle
from bellglass.sandboxes.embedded.boot import BOOT

if TYPE_CHECKING:
    from bellglass.sandboxes.base import Limits

_BOOT = f"""\
import json, os, sys, zlib
size, config = json.loads(sys.argv[1])
data = b""
while len(data) < size:
    part = os.read(0, size - len(data))
    if not part:
        os._exit(0)
    data += part
data = zlib.decompress(data)
{LOADER}
from bellglass.sandboxes.e2b.inside import boot
boot.main(data, config)
"""


@cache
def program() -> bytes:
    """Return our program, compressed: what the command reads first from its stdin."""
    ours = (f"bellglass.sandboxes.{name}.inside" for name in ("embedded", "e2b"))
    return zlib.compress(bundle(*RUNNER, CONFINEMENT, *ours))


@cache
def edition() -> str:
    """Return a hash of our program as it was written, whatever of it comes compiled."""
    _, modules = marshal.loads(zlib.decompress(program()))
    sources = sorted((name, source) for name, (_, source, _) in modules.items())
    return hashlib.sha256(json.dumps([_BOOT, sources]).encode()).hexdigest()


def command(limits: Limits) -> str:
    """Return the command, for a shell.

    A login shell of the template runs it, so that its own python3 is found.
    """
    config = json.dumps([len(program()), {"boot": BOOT, "limits": asdict(limits)}])
    return shlex.join(["exec", "python3", "-I", "-u", "-c", _BOOT, config])

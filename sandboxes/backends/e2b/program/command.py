"""The command that becomes our program in a machine, and the program, which it may ask for.

A template can have the program inside, compiled for its own Python: see `template.py`. Else the
command asks for it and says which Python it is, so that one like ours gets compiled code.
"""

from __future__ import annotations

import hashlib
import json
import marshal
import re
import shlex
import zlib
from dataclasses import asdict
from functools import cache
from importlib.util import MAGIC_NUMBER
from typing import TYPE_CHECKING

from bellglass.sandboxes.backends.embedded.boot import BOOT
from bellglass.sandboxes.bundle import CONFINEMENT, LOADER, bundle

if TYPE_CHECKING:
    from bellglass.sandboxes.session_limits import Limits

FOLDER = "/usr/local/lib/bellglass"
"""Where a template has our program."""

NAME_IN_TEMPLATE = re.compile(r"[0-9a-f]{32}-.")
"""How the name of the file with it begins."""

_BOOT = (
    """\
import importlib.util, json, os, select, sys
config = json.loads(sys.argv[1])
try:
    path = "%s/%s%s" % (config["folder"], config["name"], sys.implementation.cache_tag)
    with open(path, "rb") as file:
        data = file.read()
except OSError:
    found = b" outdated" if os.path.isdir(config["folder"]) else b""
    question = b"\\nP %s%s\\n" % (importlib.util.MAGIC_NUMBER.hex().encode(), found)
    answer = []
    while len(answer) != 2 or answer[0] != b"P":
        # What is written while nobody is connected is lost, so it is asked for again.
        os.write(1, question)
        line = b""
        while line[-1:] != b"\\n" and (line or select.select([0], [], [], 1)[0]):
            part = os.read(0, 1)
            if not part:
                os._exit(0)
            line += part
        answer = line.split()
    data = b""
    while len(data) < int(answer[1]):
        part = os.read(0, int(answer[1]) - len(data))
        if not part:
            os._exit(0)
        data += part
    import zlib
    data = zlib.decompress(data)
"""
    + f"""\
{LOADER}
from bellglass.sandboxes.backends.e2b.inside import boot
boot.main(data, config)
"""
)

Modules = dict[str, tuple[bool, str, bytes]]


@cache
def sources() -> bytes:
    """Return our program for any Python, which compiles what it needs: a bundle without code."""
    inside = (f"bellglass.sandboxes.backends.{name}.inside" for name in ("embedded", "e2b"))
    magic, modules = marshal.loads(bundle(CONFINEMENT, *inside))
    return marshal.dumps((magic, {name: (*module[:2], b"") for name, module in modules.items()}))


def compiled(program: bytes) -> bytes:
    """Return `program` for the Python that runs this: a bundle of nothing but code.

    Without docstrings, which nobody reads there. A template runs the text of this function.
    """
    import importlib.util
    import marshal

    modules: Modules = marshal.loads(program)[1]
    code: Modules = {}
    for name, (is_package, source, _) in modules.items():
        made = compile(source, f"<{name}>", "exec", dont_inherit=True, optimize=2)
        code[name] = (is_package, "", marshal.dumps(made))
    return marshal.dumps((importlib.util.MAGIC_NUMBER, code))


@cache
def edition() -> str:
    """Return a hash of our program as it was written."""
    modules: Modules = marshal.loads(sources())[1]
    texts = sorted((name, source) for name, (_, source, _) in modules.items())
    return hashlib.sha256(json.dumps([_BOOT, texts]).encode()).hexdigest()


def name_in_template() -> str:
    """Return how the file with this program of ours is called; the tag of its Python follows."""
    return f"{edition()[:32]}-"


@cache
def _sent(*, own: bool) -> bytes:
    data = zlib.compress(compiled(sources()) if own else sources())
    return b"P %d\n%s" % (len(data), data)


def program(magic: str) -> bytes:
    """Return what to send to a command that asks for our program, for a Python of that number."""
    return _sent(own=magic == MAGIC_NUMBER.hex())


def command(limits: Limits) -> str:
    """Return the command, for a shell.

    A login shell of the template runs it, so that its own python3 is found.
    """
    where = {"folder": FOLDER, "name": name_in_template()}
    config = json.dumps({**where, "boot": BOOT, "limits": asdict(limits)})
    return shlex.join(["exec", "python3", "-I", "-u", "-c", _BOOT, config])

"""Checks of attacks: forged frames, signals to the supervisor and arbitrary bytes are harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.sandboxes.conformance.check import check, python
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from bellglass.sandboxes.backend import Backend


@check
async def frames_written_to_every_descriptor_forge_nothing(backend: Backend) -> None:
    code = """
import json, os, struct
fake = json.dumps({'type': 'reply', 'id': 1, 'nonce': '0', 'execution': {'status': 'ok'}})
fake = struct.pack('>I', len(fake)) + fake.encode()
for fd in range(3, 4096):
    try:
        os.set_blocking(fd, False)
        os.write(fd, fake)
    except OSError:
        pass
for fd in range(16):
    try:
        os.write(os.open(f'/proc/1/fd/{fd}', os.O_WRONLY), fake)
    except OSError:
        pass
raise RuntimeError('real')
"""
    async with Session.open(backend) as session:
        execution = await python(session, code)
        after = await python(session, "'still here'")
    assert execution.error is not None
    assert execution.error.message == "real"
    assert after.value == "'still here'"


@check
async def the_supervisor_cannot_be_read_or_killed(backend: Backend) -> None:
    code = """
import os
def attempt(f, *a):
    try:
        return f(*a)
    except OSError:
        return None
opened = [p for p in ('mem', 'environ', 'maps', 'fd/0', 'root/etc', 'cwd/x')
          if attempt(os.open, f'/proc/1/{p}', os.O_RDONLY) is not None]
for number in (9, 15, 2, 19, 11):
    attempt(os.kill, 1, number)
opened
"""
    async with Session.open(backend) as session:
        execution = await python(session, code)
        after = await python(session, "'still here'")
    assert execution.value == "[]"
    assert after.value == "'still here'"
    assert after.state == "kept"


@check
async def any_bytes_may_be_printed(backend: Backend) -> None:
    code = "import os\nos.write(1, bytes(range(256)) + b'\\xed\\xa0\\x80 end')\n'\\ud800'"
    async with Session.open(backend) as session:
        execution = await python(session, code)
    assert execution.stdout.text.endswith("end")
    assert "\x00" not in execution.stdout.text
    execution.model_dump_json().encode()

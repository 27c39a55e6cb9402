"""Checks of saved sessions: what one held comes back in another sandbox, or is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.sandboxes.conformance.check import bash, check, python
from bellglass.sandboxes.saving import exchange
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bellglass.sandboxes.backend import Backend
    from bellglass.sandboxes.saving.exchange import Revived

WORK = """
import math as m
import pathlib, threading
n, items = 41, [1, 2]
same = items
def add(): return n + 1
class Item:
    def __init__(self, name): self.name = name
    def describe(self): return self.name + str(n)
item = Item('a')
squares, lock = (i for i in range(3)), threading.Lock()
pathlib.Path('folder').mkdir()
pathlib.Path('folder/f').write_bytes(bytes(range(256)))
pathlib.Path('link').symlink_to('folder/f')
pathlib.Path('/tmp/scratch').write_text('s')
"""

LOOK = """
n = 1
same.append(3)
[add(), item.describe(), type(item) is Item, items, m.floor(2.5), pathlib.Path.cwd().name,
 pathlib.Path('link').read_bytes() == bytes(range(256)), pathlib.Path('/tmp/scratch').read_text()]
"""

FATAL = """
import os
class Fatal:
    def __init__(self, when): self.when = when
    def __reduce__(self): return (os._exit, (1,)) if self.when == 'load' else os._exit(1)
class Endless:
    def __reduce__(self): return (eval, ("[0 for _ in iter(int, 1)]",))
before, one, other, endless, after = 1, Fatal('load'), Fatal('save'), Endless(), 2
"""


async def saved(session: Session) -> list[bytes]:
    """Save a session as a server does; return its archive."""
    pieces: list[bytes] = []

    async def take(piece: bytes) -> None:
        pieces.append(piece)

    async def attempt() -> None:
        pieces.clear()
        await exchange.save(session, take)

    await exchange.until_saved(attempt)
    return pieces


async def revived(session: Session, pieces: list[bytes]) -> Revived:
    async def archive() -> AsyncGenerator[bytes]:
        for piece in pieces:
            yield piece

    return await exchange.revive(session, archive)


@check
async def a_saved_session_is_revived_with_variables_files_and_shell(backend: Backend) -> None:
    shell = "cd folder; export KEY='a b'; shout() { echo \"$1!\"; }; alias hi='shout hi'"
    async with Session.open(backend) as session:
        await python(session, WORK)
        await bash(session, shell)
        pieces = await saved(session)
        still = await python(session, "n")
    async with Session.open(backend) as session:
        back = await revived(session, pieces)
        looked = await python(session, LOOK)
        shown = await bash(session, 'echo "$KEY"; pwd\nhi')
    assert still.value == "41", still
    assert looked.value == "[2, 'a1', True, [1, 2, 3], 2, 'work', True, 's']", looked
    assert shown.stdout.text == "a b\n/work/folder\nhi!\n", shown
    assert [name for name, _, _ in back.lost] == ["squares", "lock"]
    assert (back.variables, back.files) == (6, 3)


@check
async def a_variable_that_cannot_be_saved_or_loaded_costs_only_itself(backend: Backend) -> None:
    async with Session.open(backend) as session:
        await python(session, FATAL)
        pieces = await saved(session)
    async with Session.open(backend) as session:
        back = await revived(session, pieces)
        looked = await python(session, "[before, after]")
    assert looked.value == "[1, 2]", looked
    assert {name for name, _, _ in back.lost} == {"one", "other", "endless"}, back

"""Exceptions and values on the failing line that resist explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from security.support import Target

pytestmark = pytest.mark.once

EVIL = """
class Evil:
    held = 3
    def __init__(self): self.kept = 7
    def _act(self, *_): HOW
    __repr__ = __str__ = __len__ = __iter__ = __eq__ = __hash__ = __bool__ = __dir__ = _act
    __getattr__ = __format__ = __index__ = _act
    __class__ = property(_act)
    __dict__ = property(_act)
class EvilDict(dict):
    def _act(self, *_): HOW
    __repr__ = __iter__ = keys = items = __len__ = __getitem__ = __contains__ = _act
class EvilList(list):
    def _act(self, *_): HOW
    __repr__ = __iter__ = __len__ = _act
class EvilText(str):
    def _act(self, *_): HOW
    __repr__ = __str__ = __len__ = __getitem__ = _act
evil, table, items, text = Evil(), EvilDict(a=1), EvilList([1]), EvilText("abc")
(evil, table, items, text, 1 / 0)
"""

ACTIONS = {
    "hang": "[0 for _ in iter(int, 1)]",
    "print": "print('acted')",
    "exit": "os._exit(3)",
    "raise": "raise SystemExit(4)",
    "recurse": "return self._act()",
}


@pytest.mark.parametrize("how", ACTIONS)
async def test_no_value_on_the_line_is_asked_anything(lasting: Target, how: str) -> None:
    execution = await lasting.python(EVIL.replace("HOW", ACTIONS[how]))

    assert execution.status == "error"
    assert execution.error is not None
    assert execution.error.name == "ZeroDivisionError"
    assert execution.error.values["table"] == "EvilDict {'a': 1}"
    assert execution.error.values["items"] == "EvilList [1]"
    assert execution.error.values["text"] == "EvilText 'abc'"
    assert "Evil" in execution.error.values["evil"]
    assert execution.stdout.text == ""


async def test_message_that_never_comes_costs_a_second_and_not_the_call(lasting: Target) -> None:
    execution = await lasting.python(
        "class Endless(Exception):\n    def __str__(self):\n        while True: pass\nraise Endless"
    )

    assert execution.status == "error"
    assert execution.error is not None
    assert execution.error.name == "Endless"
    assert "did not return" in execution.error.message


async def test_values_are_small_however_large_they_are(lasting: Target) -> None:
    execution = await lasting.python(
        "deep = []\nfor _ in range(50_000): deep = [deep]\n"
        "long, wide, big = 'x' * 10**7, list(range(10**6)), 1 << 10**6\n"
        "many = {n: [n] * 1000 for n in range(1000)}\n"
        "(deep, long, wide, big, many, 1 / 0)"
    )

    assert execution.error is not None
    values = execution.error.values
    assert set(values) == {"deep", "long", "wide", "big", "many"}
    assert all(len(value) <= 200 for value in values.values())
    assert "1,000,000 in all" in values["wide"]
    assert values["big"] == "<integer of 1,000,001 bits>"


SOURCES = {
    "device": "/dev/zero",
    "pipe": "pipe",
    "memory": "/proc/self/mem",
    "directory": "/",
    "nothing": "\\0",
}


@pytest.mark.parametrize("what", SOURCES)
async def test_code_that_names_another_file_as_its_own(lasting: Target, what: str) -> None:
    execution = await lasting.python(
        "if not os.path.exists('pipe'): os.mkfifo('pipe')\n"
        f"exec(compile('1 / 0', '{SOURCES[what]}', 'exec'))"
    )

    assert execution.status == "error"


async def test_names_that_are_alike_in_the_thousands(lasting: Target) -> None:
    execution = await lasting.python(
        "globals().update({f'{n:060}': n for n in range(200_000)})\neval('z' + '0' * 58)"
    )

    assert execution.error is not None
    assert execution.error.name == "NameError"
    assert len(execution.error.suggestions) <= 3


async def test_message_that_swallows_interrupts_ends_with_the_call(lasting: Target) -> None:
    execution = await lasting.python(
        "class Stubborn(Exception):\n"
        "    def __str__(self):\n"
        "        while True:\n"
        "            try:\n"
        "                while True: pass\n"
        "            except BaseException: pass\n"
        "raise Stubborn",
        timeout=2,
    )

    assert execution.status in ("error", "timeout")

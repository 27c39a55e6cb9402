"""Attempts to run on after the time limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from security.support import Target

STUBBORN = {
    "loop": "while True: pass",
    "swallows the interrupt": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    ),
    "ignores signals": (
        "signal.signal(2, signal.SIG_IGN); signal.signal(15, signal.SIG_IGN)\nwhile True: pass"
    ),
    "blocks signals": "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
    "in C": "sum(range(10**12))",
    "regular expression": "import re; re.match('(a+)+$', 'a' * 40 + 'b')",
    "power": "9 ** 9 ** 9 and 1",
    "repr": "class E:\n    def __repr__(self):\n        while True: pass\nE()",
    "stops itself": "os.kill(os.getpid(), signal.SIGSTOP)",
    "sleep": "time.sleep(60)",
    "waits for a child": "subprocess.run(['sleep', '60'])",
    "waits for a thread": (
        "t = threading.Thread(target=time.sleep, args=(60,))\nt.start()\nt.join()"
    ),
    "becomes another program": "os.execv('/bin/sleep', ['sleep', '60'])",
}


@pytest.mark.parametrize("how", STUBBORN)
async def test_the_time_limit_holds(lasting: Target, how: str) -> None:
    execution = await lasting.python(STUBBORN[how], timeout=0.3)

    assert execution.status == "timeout"


async def test_the_time_limit_holds_in_bash(lasting: Target) -> None:
    execution = await lasting.bash("trap '' INT TERM HUP; while :; do :; done", timeout=0.3)

    assert execution.status == "timeout"

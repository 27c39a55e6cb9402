"""Attempts to change what our code inside relies on: its interpreter, its shell, its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from security.support import Target

pytestmark = pytest.mark.once

POISON = {
    "serializers": (
        "import builtins, json\n"
        "builtins.repr = lambda value: 'EVIL'\njson.dumps = lambda *a, **k: 'EVIL'\n"
        "json.loads = lambda *a: {}\nos.write = lambda *a: 0"
    ),
    "builtins": "import builtins\nfor n in ('compile', 'eval', 'exec'): setattr(builtins, n, None)",
    "open streams": "import io\nio.FileIO = None",
    "descriptors": "os.dup2 = None",
    "signal": "signal.signal = None",
    "threads": "threading.enumerate = None",
    "modules": "sys.modules.clear()",
    "audit": "def hook(event, _):\n    if event == 'open': 1 / 0\nsys.addaudithook(hook)",
    "profile": "sys.setprofile(lambda *a: 1 / 0)",
    "trace": "sys.settrace(lambda *a: 1 / 0)",
    "recursion": "sys.setrecursionlimit(60)",
    "objects of the supervisor": (
        "import gc\nfor thing in gc.get_objects():\n"
        "    if type(thing).__name__ == 'Worker': thing._namespace = None"
    ),
    "control socket": "own_control().socket = None",
    "main": "sys.modules['__main__'] = None\ndel __builtins__",
    "excepthook": "sys.excepthook = sys.displayhook = sys.unraisablehook = None",
    "streams": "sys.stdout = sys.stderr = sys.stdin = sys.__stdout__ = None",
    "directory": "import shutil\nos.chmod('/work', 0)\nos.chmod('/tmp', 0)",
    "no directory": "os.makedirs('/work/a/b'); os.chdir('/work/a/b'); os.rmdir('/work/a/b')",
    "garbage": "import gc\ngc.set_threshold(1)\ngc.callbacks.append(lambda *a: 1 / 0)",
}


@pytest.mark.parametrize("what", POISON)
async def test_a_poisoned_interpreter_recovers_or_is_replaced(target: Target, what: str) -> None:
    await target.python(POISON[what])


async def test_replaced_functions_do_not_change_what_is_shown(target: Target) -> None:
    await target.python(POISON["serializers"])
    execution = await target.python("[1, 2]")

    assert execution.value == "[1, 2]"


async def test_a_replaced_clock_costs_no_variables(target: Target) -> None:
    await target.python("import time\ntime.monotonic = time.sleep = None\nx = 2")
    execution = await target.python("x")
    crashed = await target.python("os.abort()")

    assert (execution.value, execution.notices) == ("2", [])
    assert crashed.state == "restored"


async def test_files_of_the_supervisor_cannot_be_led_elsewhere(target: Target) -> None:
    # The supervisor keeps cut output in files of /tmp; here something waits under every such name.
    execution = await target.python(
        """
open("/work/mine", "w").write("mine")
for number in range(200):
    for name in ("stdout", "stderr"):
        path = f"/tmp/{name}-{number}.txt"
        attempt(*((os.mkfifo, path) if number % 2 else (os.symlink, "/work/mine", path)))
print("x" * 100_000)
"""
    )
    after = await target.bash("cat /work/mine")

    assert execution.stdout.total_bytes == 100_001
    assert after.stdout.text == "mine"


async def test_modules_in_the_workspace_do_not_shadow_the_supervisors(target: Target) -> None:
    await target.bash(
        "for m in json socket struct os io ast traceback linecache signal subprocess bellglass; do"
        " echo 'raise SystemExit(7)' > /work/$m.py; done"
    )
    execution = await target.python("os._exit(1)")
    await target.python("os._exit(1)")

    assert execution.status == "crashed"


async def test_functions_of_bash_do_not_shadow_the_supervisors(target: Target) -> None:
    await target.session.run(
        "bash", {"command": "eval() { echo SHADOW; }; cd() { echo SHADOW; }"}, timeout=5
    )
    execution = await target.bash("echo mine")

    assert execution.stdout.text == "mine\n"

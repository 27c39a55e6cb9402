"""Nothing else of the session runs while tests do: it could change what is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from security.support import Target

TICKING = "import time\nwhile True:\n    open('counter', 'a').write('.')\n    time.sleep(0.01)"

LOOKS = """
import os, time
def test_it():
    for pid in os.listdir("/proc"):
        if pid.isdigit() and pid != "1":
            try:
                os.kill(int(pid), 18)  # SIGCONT, for what should stand still
            except OSError:
                pass
    time.sleep(0.5)
    before = os.path.getsize("/work/counter")
    time.sleep(1)
    grown = os.path.getsize("/work/counter") - before
    open("/work/grown", "w").write(str(grown))
"""


async def test_background_runs_stand_still_while_tests_run(target: Target) -> None:
    run = (await target.session.begin("python", {"code": TICKING}, timeout=60)).runs[0].id
    await target.bash("until [ -s counter ]; do sleep 0.1; done")
    arguments = {"code": "x = 1", "tests": LOOKS, "test_timeout": 20}
    tests = await target.session.run("test", arguments, timeout=30)
    grown = await target.bash("cat grown")
    before = await target.value("os.path.getsize('counter')")
    await target.bash(f"until [ $(stat -c %s counter) -gt {before} ]; do sleep 0.1; done")
    state = (await target.session.look(run)).runs[0].state

    assert any("stood still" in notice for notice in tests.notices), tests
    assert grown.stdout.text == "0", tests
    assert state == "running"


async def test_a_run_goes_on_when_the_tests_were_ended(target: Target) -> None:
    await target.session.begin("python", {"code": TICKING}, timeout=60)
    await target.bash("until [ -s counter ]; do sleep 0.1; done")
    arguments = {"code": "x = 1", "tests": "def test():\n    while True: pass"}
    tests = await target.session.run("test", {**arguments, "test_timeout": 20}, timeout=1)
    before = await target.value("os.path.getsize('counter')")
    after = await target.bash(
        f"until [ $(stat -c %s counter) -gt {before} ]; do sleep 0.1; done; echo goes on"
    )

    assert tests.status == "timeout", tests
    assert after.stdout.text == "goes on\n"

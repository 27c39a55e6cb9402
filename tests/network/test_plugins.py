"""Plugins of pytest that a session installs: `run_tests` has them as plain pytest does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from network.support import bash, network, publish, wheel

from bellglass.sandboxes.conformance.testing import outcomes, plain_outcomes

if TYPE_CHECKING:
    from pathlib import Path

    from network.conftest import Opened
    from network.support import Web

LOOPS = """
import asyncio, inspect, pytest

def pytest_addoption(parser):
    parser.addini("loops_mode", "which functions are run in a loop", default="strict")

def pytest_configure(config):
    config.addinivalue_line("markers", "loops: runs in a loop")

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    wanted = pyfuncitem.config.getini("loops_mode") == "auto"
    wanted = wanted or pyfuncitem.get_closest_marker("loops")
    if wanted and inspect.iscoroutinefunction(pyfuncitem.obj):
        names = pyfuncitem._fixtureinfo.argnames
        given = {name: pyfuncitem.funcargs[name] for name in names}
        asyncio.run(pyfuncitem.obj(**given))
        return True

@pytest.fixture
def five():
    return 5
"""

CODE = "async def f(x): return x\n"

TESTS = """
import pytest
from helper import SIX
from solution import f
@pytest.mark.loops
async def test_right(five): assert await f(five) == 5
@pytest.mark.loops
async def test_wrong(five): assert await f(five) == SIX
async def test_not_marked(): assert await f(1) == 1
def test_plain(five): assert five == 5
"""

STRICT = {
    "test_right": "passed",
    "test_wrong": "failed",
    "test_not_marked": "failed",
    "test_plain": "passed",
}
AUTO = {**STRICT, "test_not_marked": "passed"}


async def test_a_plugin_that_a_session_installs_is_found(
    opened: Opened, index: Web, tmp_path: Path
) -> None:
    publish(index, "loops", wheel("loops", text=LOOPS, plugin=True))
    publish(index, "helper", wheel("helper", text="SIX = 6"))
    given = {"code": CODE, "tests": TESTS}
    async with opened(network("packages", index=index, cache=tmp_path)) as session:
        before = await session.run("test", given, timeout=60)
        installed = await bash(session, "pip install loops helper")
        strict = await session.run("test", given, timeout=60)
        write = f"cat > solution.py <<'E'\n{CODE}\nE\ncat > test_all.py <<'E'\n{TESTS}\nE\n"
        await bash(session, f"{write}printf '[pytest]\\nloops_mode = auto\\n' > pytest.ini")
        auto = await session.run("test", {"paths": ["test_all.py"]}, timeout=60)
        plain = await plain_outcomes(session, "test_all.py")

    assert "ModuleNotFoundError" in str(before.report)
    assert installed.status == "ok", installed
    assert outcomes(list(strict.report)) == STRICT
    assert outcomes(list(auto.report)) == plain == AUTO

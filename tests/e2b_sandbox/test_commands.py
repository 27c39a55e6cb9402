"""The operator's view: `bellglass doctor`, `bellglass check`, and the list of sessions."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
from e2b_double import KEY, Double, Fault
from e2b_sandbox.support import settings_for
from mcp import StdioServerParameters
from mcp.client.stdio import stdio_client
from protocol.support import COMMAND, connected, environment, text_of

if TYPE_CHECKING:
    from pathlib import Path


def run(double: Double, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [COMMAND, *arguments]
    given = environment({**settings_for(double), **settings})
    return subprocess.run(command, capture_output=True, text=True, env=given, timeout=110)


def test_doctor_says_what_an_engine_can(double: Double) -> None:
    done = run(double, "doctor")

    assert done.returncode == 0, done.stderr
    for found in ("yes e2b: Python 3", "yes renews leases", "yes pauses and resumes sandboxes"):
        assert found in done.stdout
    assert double.url in done.stdout
    assert KEY not in done.stdout + done.stderr
    assert double.engine.machines == {}


def test_doctor_says_what_an_engine_lacks(double: Double) -> None:
    double.engine.faults.add(
        Fault("POST /sandboxes/*/pause", status=400, message="no snapshots here", times=9)
    )
    done = run(double, "doctor")

    assert done.returncode == 0, done.stderr
    assert "-   pauses and resumes sandboxes" in done.stdout
    assert "no snapshots here" in done.stdout


def test_doctor_says_that_a_key_is_wrong(double: Double, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("e2b_wrong\n")
    done = run(double, "doctor", BELLGLASS_E2B_KEY_FILE=str(file))

    assert done.returncode == 1
    assert "does not take the key" in done.stdout
    assert "e2b_wrong" not in done.stdout + done.stderr


def test_check_names_the_sdk_for_an_old_engine() -> None:
    with Double(old="e2b") as double:
        done = run(double, "check", "e2b")

    assert done.returncode == 1
    assert '"e2b==2.50.0"' in done.stdout
    assert "lacks   makes sandboxes" in done.stdout
    assert "0 of" in done.stdout


async def test_the_list_of_sessions_tells_paid_time_and_pauses(double: Double) -> None:
    settings = {**settings_for(double), "BELLGLASS_E2B_PAUSE": "true"}
    settings["BELLGLASS_SESSION_IDLE_SECONDS"] = "1"
    server = StdioServerParameters(command=COMMAND, env=environment(settings))
    async with connected(stdio_client(server), "legacy") as client:
        for code in ("x = 41", "x"):  # the second waits for what follows the first: see `settled`
            await client.call_tool("execute_python", {"code": code})
        listed = text_of(await client.call_tool("list_sessions", {}))
        asleep = listed
        with anyio.fail_after(60):
            while "paused" not in asleep:
                asleep = text_of(await client.call_tool("list_sessions", {}))
        [machine] = double.engine.machines.values()
        assert machine.state == "paused"
        after = text_of(await client.call_tool("execute_python", {"code": "x + 1"}))

    assert "s of paid time used" in listed
    assert "42" in after


def test_the_server_needs_nothing_of_linux() -> None:
    code = (
        "import sys\n"
        "for name in ('fcntl', 'resource', 'e2b', 'e2b_code_interpreter'):\n"
        "    sys.modules[name] = None\n"
        "from bellglass.sandboxes.session_limits import Limits\n"
        "from bellglass.sandboxes.backends.e2b import E2BBackend\n"
        "from bellglass.sandboxes.backends.e2b.program.command import command, program\n"
        "E2BBackend(Limits(), key='k'); command(Limits()); program(str())\n"
        "print([name for name in sys.modules if name.endswith(('libc', 'embedded.backend'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    assert done.stdout == "[]\n", done.stderr

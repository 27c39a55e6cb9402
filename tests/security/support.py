"""A session under attack, and the checks after every attack."""

from __future__ import annotations

import ast
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable

    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.session_limits import Limits
    from bellglass.sandboxes.sessions.session import Session

PRELUDE = """
import ctypes, errno, os, signal, socket, struct, subprocess, sys, threading, time

libc = ctypes.CDLL(None, use_errno=True)

def syscall(number, *arguments):
    '''The name of the error, or "OK".'''
    result = libc.syscall(ctypes.c_long(number), *arguments)
    return errno.errorcode[ctypes.get_errno()] if result < 0 else "OK"

def attempt(function, *arguments):
    '''The name of the error, or "OK".'''
    try:
        function(*arguments)
    except OSError as exc:
        return errno.errorcode.get(exc.errno, type(exc).__name__)
    except Exception as exc:
        return type(exc).__name__
    return "OK"

def be_marked():
    '''Take a name that no other process of the machine has.'''
    libc.prctl(15, MARK, 0, 0, 0)

def own_control():
    '''The worker's end of the socket to the supervisor: the worst that code can get hold of.'''
    frame = sys._getframe()
    while frame is not None:
        worker = frame.f_locals.get("self")
        if type(worker).__name__ == "Worker":
            return worker._control
        frame = frame.f_back

def own_nonce():
    frame = sys._getframe()
    while frame is not None:
        request = frame.f_locals.get("request")
        if isinstance(request, dict) and "code" in request:
            return request["nonce"]
        frame = frame.f_back
"""

WITNESS = "witness = 'here'"

CALLS_UNTIL_WELL = 3
"""A session whose Python was broken from inside may need so many calls to notice and say so."""


class Target:
    """Runs attacks, and checks after each that the session goes on, or said what it lost."""

    def __init__(self, session: Session, limits: Limits) -> None:
        self.session = session
        self.limits = limits
        self.mark = f"t-{secrets.token_hex(5)}"
        """What processes of this session are called after `be_marked()`: for the host's view."""

    async def settle(self) -> None:
        code = f"{WITNESS}\nMARK = {self.mark.encode()!r}\n{PRELUDE}"
        execution = await self.session.run("python", {"code": code}, timeout=20)
        assert execution.status == "ok", execution

    async def python(self, code: str, timeout: float = 20) -> Execution:
        """Attack with Python; the names of PRELUDE are there."""
        return await self._attack("python", {"code": code}, timeout)

    async def bash(self, command: str, timeout: float = 20) -> Execution:
        return await self._attack("bash", {"command": command}, timeout)

    async def value(self, code: str, timeout: float = 20) -> Any:
        """Attack with Python that ends with an expression; return its value."""
        execution = await self.python(code, timeout)
        assert execution.status == "ok", execution
        return None if execution.value is None else ast.literal_eval(execution.value)

    async def _attack(self, op: str, arguments: dict[str, Any], timeout: float) -> Execution:
        with anyio.fail_after(timeout + 10):
            execution = await self.session.run(op, arguments, timeout=timeout)
        await self._goes_on(execution)
        return execution

    async def _goes_on(self, attack: Execution) -> None:
        said = [attack]
        with anyio.fail_after(30):
            for _ in range(CALLS_UNTIL_WELL):
                after = await self.session.run("python", {"code": "witness"}, timeout=20)
                said.append(after)
                if after.value == "'here'":
                    break
                if after.error is not None and after.error.name == "NameError":
                    assert any(map(says_lost, said)), said
                    break
            else:
                raise AssertionError(said)
            shell = await self.session.run("bash", {"command": "echo $((6 * 7))"}, timeout=20)
            assert shell.stdout.text == "42\n", shell
        if after.value is None:
            await self.settle()


def says_lost(execution: Execution) -> bool:
    return execution.state == "lost" or any("lost" in notice for notice in execution.notices)


# --- the host's view


def ticks_of(comm: str) -> int | None:
    """CPU time of all processes on this machine of that name; None if there are none."""
    found = None
    for entry in Path("/proc").iterdir():
        try:
            text = (entry / "stat").read_text()
        except OSError:
            continue
        name, _, rest = text.partition("(")[2].rpartition(")")
        if name == comm and rest.split()[0] != "Z":
            found = (found or 0) + sum(map(int, rest.split()[11:13]))
    return found


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for what the kernel has no event for."""
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - see above
            await anyio.sleep(0.02)


async def stands_still(comm: str, seconds: float = 20) -> None:
    """Wait until processes of that name burn no more CPU: for half a second, 50 ticks."""
    with anyio.fail_after(seconds):
        while True:
            before = ticks_of(comm)
            await anyio.sleep(0.5)
            if ticks_of(comm) == before:
                return


async def begun(target: Target, op: str, code: str, timeout: float = 60) -> str:
    arguments = {"code" if op == "python" else "command": code}
    execution = await target.session.begin(op, arguments, timeout=timeout)
    assert execution.status == "running", execution
    return execution.runs[0].id


async def ended(target: Target, run: str) -> Execution:
    with anyio.fail_after(60):
        await target.session.runs.get(run).outcome(end=True)
    return await target.session.look(run)

"""Killing from the host of what serves a session: the supervisor, the launcher, the server."""

from __future__ import annotations

import os
import re
import secrets
import signal
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from protocol.support import Wire, sandbox_processes
from security.support import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Conversation:
    """Calls on one session of a server, over the wire."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.name = f"w-{secrets.token_hex(4)}"
        """What the processes of its Python are called."""
        self._calls = 1
        self._session: str | None = None

    def start(self, code: str, timeout: float = 30, **more: Any) -> int:
        self._calls += 1
        arguments: dict[str, Any] = {"code": code, "timeout": timeout, **more}
        if self._session is not None:
            arguments["session_id"] = self._session
        params = {"name": "execute_python", "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": self._calls, "method": "tools/call", "params": params}
        self.wire.send(message)
        return self._calls

    async def answer(self, call: int, seconds: float = 20) -> str:
        with anyio.fail_after(seconds):
            while True:
                message = await self.wire.receive()
                if message.get("id") == call:
                    break
        content = message["result"]["content"]
        text = "\n".join(block.get("text", "") for block in content)
        self._session = text.rpartition("session_id: ")[2].strip() or self._session
        return text

    async def run(self, code: str) -> str:
        return await self.answer(self.start(code))


@asynccontextmanager
async def conversation(launcher: str) -> AsyncGenerator[Conversation]:
    with Wire("--launcher", launcher) as wire:
        await wire.initialize()
        yield Conversation(wire)


def named(comm: str) -> list[int]:
    """Processes of this machine of that name."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            text = (entry / "stat").read_text()
        except OSError:
            continue
        name, _, rest = text.partition("(")[2].rpartition(")")
        if name == comm and rest.split()[0] != "Z":
            found.append(int(entry.name))
    return found


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


async def supervisor_of(conversation: Conversation, launcher: str) -> int:
    """The process on this machine that is the first one of the sandbox of the conversation."""
    await conversation.run(
        "import ctypes, time; x = 'kept'\n"
        f"ctypes.CDLL(None).prctl(15, b'{conversation.name}', 0, 0, 0)"
    )
    # The worker and its copy: children of the supervisor, both of them.
    await until(lambda: bool(named(conversation.name)))
    return parent(named(conversation.name)[0])


async def test_a_killed_supervisor_is_told_and_replaced(launcher: str) -> None:
    async with conversation(launcher) as talk:
        supervisor = await supervisor_of(talk, launcher)
        os.kill(supervisor, signal.SIGKILL)
        await until(lambda: not named(talk.name))
        after = await talk.run("x")
        fresh = await talk.run("6 * 7")

    assert "lost" in after
    assert "42" in fresh
    assert "lost" not in fresh


async def test_a_supervisor_killed_during_a_call_is_told_at_once(launcher: str) -> None:
    async with conversation(launcher) as talk:
        supervisor = await supervisor_of(talk, launcher)
        # Of another name than the copy of it, from which it would go on.
        begin = f"ctypes.CDLL(None).prctl(15, b'{talk.name}x', 0, 0, 0)"
        call = talk.start(f"{begin}\ntime.sleep(100)", 100)
        await until(lambda: bool(named(f"{talk.name}x")))
        os.kill(supervisor, signal.SIGKILL)
        answer = await talk.answer(call, 30)
        fresh = await talk.run("6 * 7")

    assert "files are gone" in answer
    assert "42" in fresh


async def test_a_stopped_supervisor_is_given_up(launcher: str) -> None:
    async with conversation(launcher) as talk:
        supervisor = await supervisor_of(talk, launcher)
        os.kill(supervisor, signal.SIGSTOP)
        answer = await talk.answer(talk.start("x", 0.5), 40)
        fresh = await talk.run("6 * 7")

    assert "files are gone" in answer
    assert "42" in fresh


async def test_a_killed_launcher_is_told_and_replaced(launcher: str) -> None:
    async with conversation(launcher) as talk:
        first = parent(await supervisor_of(talk, launcher))
        os.kill(first, signal.SIGKILL)
        await until(lambda: not named(talk.name))  # the kernel ends the sandbox after its launcher
        after = await talk.run("x")
        fresh = await talk.run("6 * 7")

    assert "lost" in after
    assert "42" in fresh


async def test_nothing_is_left_of_a_server_that_was_killed(launcher: str) -> None:
    before, mounts = sandbox_processes(), mounts_now()
    async with conversation(launcher) as talk:
        supervisor = await supervisor_of(talk, launcher)
        daemon = "import os\nif os.fork() == 0: os.setsid()\nwhile True: time.sleep(60)"
        begun = await talk.answer(talk.start(daemon, 3000, background=True))
        assert begun.startswith("Started r1")
        talk.start("time.sleep(60)")
        server = talk.wire.process
        groups = groups_of(server.pid)
        server.kill()
        server.wait()

        await until(lambda: not named(talk.name) and state(supervisor) in ("", "Z"), 20)
        await until(lambda: not sandbox_processes() - before, 20)

    assert mounts_now() <= mounts
    # Empty groups remain where the server made some; the next server removes them.
    if any(group.exists() for group in groups):
        async with conversation(launcher) as talk:
            await talk.run("1")
            await until(lambda: not any(group.exists() for group in groups), 20)


def state(pid: int) -> str:
    """The letter of proc(5), or nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def mounts_now() -> set[str]:
    """Mounts of this machine, but for those of containers, which others start and end meanwhile.

    The disk of a test of full disks is another's, too.
    """
    theirs = re.compile(
        r"/(overlay2|rootfs|containers|containerd|netns|engine\d+|test_a_full_disk\w*)/"
    )
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return {line for line in lines if not theirs.search(line)}


def groups_of(pid: int) -> list[Path]:
    """The control groups that a server has made."""
    top = Path("/sys/fs/cgroup")
    return [path for depth in range(1, 5) for path in top.glob("*/" * depth + f"bellglass-{pid}-*")]

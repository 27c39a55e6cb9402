"""Commands as child processes, each machine's in a pid namespace where that is possible."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

READ = 32 * 1024
"""What envd reads from a pipe at once."""


@cache
def wrapper() -> tuple[str, ...]:
    """Return what goes before a command: a pid namespace ends with its first process."""
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    program = shutil.which("unshare")
    if program is None:
        return ()
    command = (program, *user, "--pid", "--fork", "--kill-child", "--mount-proc")
    status = os.spawnv(os.P_WAIT, program, [*command, "true"])
    return command if status == 0 else ()


class Subscriber:
    """One connection to a command: its output from now on."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[str, bytes] | int | str | None] = asyncio.Queue(64)
        """(stream, data), the exit code, "late" (its time is over), or None (cut)."""


Event = tuple[str, bytes] | int | str | None
"""The same, or "quiet": nothing has happened for a while."""


class Command:
    """A running command. Output that nobody listens to is dropped, as envd does."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.pid = process.pid
        self.exit_code: int | None = None
        self.stopped: list[int] = []
        self._subscribers: list[Subscriber] = []
        self._writing = asyncio.Lock()
        self._task = asyncio.create_task(self._run())

    @classmethod
    async def start(
        cls, argv: list[str], environment: dict[str, str], cwd: str, *, stdin: bool = True
    ) -> Command:
        process = await asyncio.create_subprocess_exec(
            *wrapper(),
            *argv,
            env=environment,
            cwd=cwd,
            stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_offer_to_oom_killer,
        )
        return cls(process)

    def end_after(self, seconds: float) -> None:
        """End the command, but not what it has started, after a time; 0: never."""
        if seconds:
            loop = asyncio.get_running_loop()
            loop.call_later(seconds, self._expire)

    def _expire(self) -> None:
        """Kill it; who listens is told that the time is over, and not how the command ended."""
        if self.exit_code is None:
            self._finish("late")
            self.signal(signal.SIGKILL)

    def subscribe(self) -> Subscriber:
        subscriber = Subscriber()
        if self.exit_code is None:
            self._subscribers.append(subscriber)
        else:
            subscriber.queue.put_nowait(self.exit_code)
        return subscriber

    async def events(self, subscriber: Subscriber, keepalive: float) -> AsyncIterator[Event]:
        """Yield output, a sign of life where there is none, and the exit code at the end."""
        try:
            while True:
                try:
                    event = await asyncio.wait_for(subscriber.queue.get(), keepalive)
                except TimeoutError:
                    yield "quiet"
                    continue
                yield event
                if not isinstance(event, tuple):
                    return
        finally:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

    async def write(self, data: bytes) -> None:
        if self.process.stdin is None:
            raise OSError("stdin not enabled or closed")
        async with self._writing:
            self.process.stdin.write(data)
            await self.process.stdin.drain()

    def cut(self) -> None:
        """Cut every connection; the command goes on."""
        self._finish(None)

    def close_stdin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def abandon(self) -> None:
        """Close our ends of its pipes and cut its connections, as the end of its daemon does."""
        self.cut()
        for number in range(3):
            pipe = self.process._transport.get_pipe_transport(number)  # type: ignore[attr-defined]
            if pipe is not None:
                pipe.close()

    def _finish(self, last: str | None) -> None:
        """End every connection with one more event."""
        for subscriber in self._subscribers:
            while subscriber.queue.full():
                subscriber.queue.get_nowait()
            subscriber.queue.put_nowait(last)
        self._subscribers = []

    def freeze(self) -> None:
        """Stop it and all below it, but for what is stopped already."""
        self.stopped = [pid for pid in self._tree() if _state(pid) not in ("", "T", "Z")]
        for pid in self.stopped:
            _signal(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self.stopped:
            _signal(pid, signal.SIGCONT)
        self.stopped = []

    async def kill(self) -> None:
        """End it and all below it."""
        tree = self._tree()
        for pid in tree:
            _signal(pid, signal.SIGKILL)
        await self._task

    def signal(self, number: int) -> None:
        if self.exit_code is None:
            _signal(self.pid, number)

    def _tree(self) -> list[int]:
        """Return the processes below this one, and itself at the end."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
        found, todo = [], [self.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            todo += children.get(pid, [])
        return found[::-1]

    async def _run(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        await asyncio.gather(
            self._read("stdout", self.process.stdout), self._read("stderr", self.process.stderr)
        )
        self.exit_code = await self.process.wait()
        for subscriber in self._subscribers:
            await subscriber.queue.put(self.exit_code)

    async def _read(self, name: str, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(READ):
            for subscriber in list(self._subscribers):
                await subscriber.queue.put((name, data))


def _offer_to_oom_killer() -> None:
    """Have the kernel end a command before the daemon, as envd has it."""
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("100")


def _state(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[0]


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)

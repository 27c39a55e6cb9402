"""What is measured. What is compared is measured in turn, round by round, in one run."""

import os
import signal
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TextIO

import anyio
from mcp import Client

from .machine import Memory, Quiet, below, first_of_places, memory, peak_bytes
from .peers import BARE, ERAS, OURS, Era, call, connected, process_of, record_of

MIB = 1024**2

BLOCKS = 8
"""Turns of each kind of call in a round."""


@dataclass
class Row:
    """A line of the table."""

    name: str
    value: float
    unit: str = "ms"
    floor: float | None = None
    """Of the bare server, in the same run."""
    p95: float | None = None
    aim: str = ""
    holds: bool | None = None


@dataclass
class Times:
    """Samples in milliseconds, round by round."""

    rounds: list[list[float]] = field(default_factory=list)

    def quieter_half(self) -> "Times":
        return Times(sorted(self.rounds, key=statistics.median)[: len(self.rounds) // 2])

    @property
    def all(self) -> list[float]:
        return [sample for samples in self.rounds for sample in samples]

    @property
    def median(self) -> float:
        return statistics.median(self.all)

    @property
    def p95(self) -> float:
        return sorted(self.all)[int(len(self.all) * 0.95)]


@dataclass(frozen=True)
class Run:
    """How much is measured, and the log of the servers."""

    quiet: Quiet
    log: TextIO
    rounds: int
    calls: int


async def timed(action: Awaitable[object]) -> float:
    started = time.perf_counter()
    await action
    return (time.perf_counter() - started) * 1000


async def warm_calls(run: Run) -> list[Row]:
    """A call in a session that is there, against a tool that does nothing."""
    rows = []
    for era in ERAS:
        async with connected(BARE, era, run.log) as bare, connected(OURS, era, run.log) as ours:
            session_id = record_of(await call(ours, "execute_python", code="1+1"))["session_id"]

            async def noop(bare: Client = bare) -> None:
                await call(bare, "noop", code="1+1")

            async def python(ours: Client = ours, session_id: str = session_id) -> None:
                await call(ours, "execute_python", code="1+1", session_id=session_id)

            async def assigning(ours: Client = ours, session_id: str = session_id) -> None:
                await call(ours, "execute_python", code="x = 1", session_id=session_id)

            async def bash(ours: Client = ours, session_id: str = session_id) -> None:
                await call(ours, "execute_bash", command="true", session_id=session_id)

            times = await _in_turn(run, [noop, python, assigning, bash], warm_up=150)
        floor = times[0].median
        names = ('execute_python("1+1")', 'execute_python("x = 1")', 'execute_bash("true")')
        for name, one in zip(names, times[1:], strict=True):
            over = one.median - floor
            is_aim = name == names[0]
            rows.append(
                Row(
                    f"{name}, warm, {era}",
                    one.median,
                    floor=floor,
                    p95=one.p95,
                    aim="no-op + 1.5 ms" if is_aim else "",
                    holds=over <= 1.5 if is_aim else None,
                )
            )
    return rows


async def _in_turn(
    run: Run, actions: list[Callable[[], Awaitable[None]]], *, warm_up: int
) -> list[Times]:
    """Time the actions in short blocks by turns; return the quieter half of each one's blocks.

    The same rule for all: other work on the machine comes in bursts, and tells of nothing here.
    """
    for action in actions:
        for _ in range(warm_up):
            await action()
    times = [Times() for _ in actions]
    rounds = run.rounds * BLOCKS
    for number in range(rounds):
        if number % BLOCKS == 0:
            await run.quiet.wait()
        order = list(zip(actions, times, strict=True))
        for action, into in order if number % 2 else reversed(order):
            await anyio.sleep(0.02)  # what the last call left to do is not the next one's
            samples = [await timed(action()) for _ in range(run.calls // BLOCKS)]
            into.rounds.append(samples)
    return [one.quieter_half() for one in times]


async def start(run: Run) -> list[Row]:
    """From the start of the process to the list of tools: what a client waits for."""
    rows = []
    for era in ERAS:
        bare, ours = Times(), Times()
        for number in range(run.rounds + 1):
            await run.quiet.wait()
            order = [(BARE, bare), (OURS, ours)]
            for command, into in order if number % 2 else reversed(order):
                into.rounds.append([await _first_listing(command, era, run.log)])
        for times in (bare, ours):
            del times.rounds[0]  # the first one reads the disk
        rows.append(
            Row(
                f"start to list of tools, {era}",
                ours.median,
                floor=bare.median,
                p95=ours.p95,
                aim="1.2 x bare",
                holds=ours.median <= 1.2 * bare.median,
            )
        )
    return rows


async def _first_listing(command: list[str], era: Era, log: TextIO) -> float:
    started = time.perf_counter()
    async with connected(command, era, log) as client:
        await client.list_tools()
        return (time.perf_counter() - started) * 1000


async def first_results(run: Run) -> list[Row]:
    """The first result of a server, of a session, and after the code or the sandbox died."""
    first, fresh, crash, after, again = Times(), Times(), Times(), Times(), Times()
    for number in range(run.rounds):
        await run.quiet.wait()
        async with connected(OURS, "modern", run.log) as client:
            await client.list_tools()
            first.rounds.append([await timed(call(client, "execute_python", code="1+1"))])
            server = process_of(OURS)
            for _ in range(3 if number else 8):
                started = time.perf_counter()
                result = await call(client, "execute_python", code="1+1")
                fresh.rounds.append([(time.perf_counter() - started) * 1000])
                arguments = {"session_id": record_of(result)["session_id"]}
                crash.rounds.append(
                    [
                        await timed(
                            call(
                                client, "execute_python", code="import os; os.abort()", **arguments
                            )
                        )
                    ]
                )
                after.rounds.append(
                    [await timed(call(client, "execute_python", code="1+1", **arguments))]
                )
                await call(client, "close_session", **arguments)
            before = first_of_places(server)
            result = await call(client, "execute_python", code="1+1")
            arguments = {"session_id": record_of(result)["session_id"]}
            (place,) = first_of_places(server) - before
            os.kill(place, signal.SIGKILL)
            await anyio.sleep(0.2)
            again.rounds.append(
                [await timed(call(client, "execute_python", code="1+1", **arguments))]
            )
    return [
        Row(
            "new session to first result",
            fresh.median,
            p95=fresh.p95,
            aim="25 ms",
            holds=fresh.median <= 25,
        ),
        Row("first result of a server, after the list of tools", first.median, p95=first.p95),
        Row("a call whose code aborts the interpreter", crash.median, p95=crash.p95),
        Row("the call after that, variables restored", after.median, p95=after.p95),
        Row("a call after the whole sandbox was killed", again.median, p95=again.p95),
    ]


async def memory_of_sessions(run: Run, sessions: int = 20) -> list[Row]:
    """What an idle session holds: all processes of its place, and its share of the server."""
    async with connected(OURS, "modern", run.log) as client:
        await call(client, "execute_python", code="1+1")
        server = process_of(OURS)
        before = first_of_places(server)
        own = memory(server)
        for _ in range(sessions):
            await call(client, "execute_python", code="1+1")
        await anyio.sleep(1)
        places = first_of_places(server) - before
        assert len(places) == sessions, places
        total = Memory()
        try:
            for place in places:
                for pid in [place, *below(place)]:
                    total += memory(pid)
        except PermissionError:
            return [Row("memory of an idle session (only root can read it)", float("nan"), "MB")]
        grown = memory(server).unshared - own.unshared
    return [
        Row("idle session, memory of its own (USS)", total.unshared / sessions / MIB, "MB"),
        Row(
            "idle session, with its part of what is shared (PSS)",
            total.proportional / sessions / MIB,
            "MB",
        ),
        Row("idle session, in the server", grown / sessions / MIB, "MB"),
    ]


async def much_output(run: Run) -> list[Row]:
    """A call that prints 10 MB, and what it costs the server."""
    times = Times()
    async with connected(OURS, "modern", run.log) as client:
        session_id = record_of(await call(client, "execute_python", code="1+1"))["session_id"]
        server = process_of(OURS)
        before = peak_bytes(server)
        for _ in range(run.rounds):
            await run.quiet.wait()
            times.rounds.append(
                [
                    await timed(
                        call(
                            client,
                            "execute_python",
                            code="print('0123456789' * 1_000_000)",
                            session_id=session_id,
                        )
                    )
                ]
            )
        grown = peak_bytes(server) - before
    return [
        Row("a call that prints 10 MB", times.median, p95=times.p95),
        Row("the same, growth of the server's peak memory", grown / MIB, "MB"),
    ]


async def many_at_once(run: Run, sessions: int = 50) -> list[Row]:
    """Sessions asked for at the same moment."""
    whole, each = Times(), Times()
    async with connected(OURS, "modern", run.log) as client:
        await call(client, "execute_python", code="1+1")

        async def one(samples: list[float], ids: list[str]) -> None:
            started = time.perf_counter()
            result = await call(client, "execute_python", code="1+1")
            samples.append((time.perf_counter() - started) * 1000)
            ids.append(record_of(result)["session_id"])

        for _ in range(max(3, run.rounds // 2)):
            await run.quiet.wait()
            samples: list[float] = []
            ids: list[str] = []
            started = time.perf_counter()
            async with anyio.create_task_group() as tasks:
                for _ in range(sessions):
                    tasks.start_soon(one, samples, ids)
            whole.rounds.append([(time.perf_counter() - started) * 1000])
            each.rounds.append(samples)
            assert len(set(ids)) == sessions
            for session_id in ids:
                await call(client, "close_session", session_id=session_id)
            await anyio.sleep(0.5)
    return [
        Row(f"{sessions} new sessions at once, until the last result", whole.median, p95=whole.p95),
        Row(f"{sessions} new sessions at once, one of them", each.median, p95=each.p95),
    ]

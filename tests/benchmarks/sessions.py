"""The costs of sessions: their first result, their memory, much output, many at once."""

import os
import signal
import time

import anyio

from .machine import Memory, below, memory, peak_bytes, supervisors_of
from .peers import OURS, call, connected, process_of, record_of
from .rows import MIB, Row, Run, Times, timed


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
            before = supervisors_of(server)
            result = await call(client, "execute_python", code="1+1")
            arguments = {"session_id": record_of(result)["session_id"]}
            (supervisor,) = supervisors_of(server) - before
            os.kill(supervisor, signal.SIGKILL)
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
    """What an idle session holds: all processes of its sandbox, and its share of the server."""
    async with connected(OURS, "modern", run.log) as client:
        await call(client, "execute_python", code="1+1")
        server = process_of(OURS)
        await anyio.sleep(2)  # the session that is kept ready is there, and counts in both
        before = supervisors_of(server)
        own = memory(server)
        for _ in range(sessions):
            await call(client, "execute_python", code="1+1")
        await anyio.sleep(1)
        supervisors = supervisors_of(server) - before
        assert len(supervisors) == sessions, supervisors
        total = Memory()
        try:
            for supervisor in supervisors:
                for pid in [supervisor, *below(supervisor)]:
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

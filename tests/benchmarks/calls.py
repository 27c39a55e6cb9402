"""Warm calls and the start of the server, beside the SDK's bare one: in turn, round by round."""

import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import TextIO

import anyio

from .peers import BARE, ERAS, OURS, Era, call, connected, record_of
from .rows import Row, Run, Times, timed

BLOCKS = 8
"""Turns of each kind of call in a round."""

NAMES = ('execute_python("1+1")', 'execute_python("x = 1")', 'execute_bash("true")')


async def warm_calls(run: Run) -> list[Row]:
    """A call in a session that is there, against a tool that does nothing.

    Both eras by turns, too: the machine is not the same from one minute to the next.
    """
    async with AsyncExitStack() as stack:
        actions = [action for era in ERAS for action in await _actions(run, era, stack)]
        times = await _in_turn(run, actions, warm_up=150)
    rows = []
    for era in ERAS:
        noop, *ours = times[: len(NAMES) + 1]
        del times[: len(NAMES) + 1]
        for name, one in zip(NAMES, ours, strict=True):
            over = one.median - noop.median
            is_aim = name == NAMES[0]
            rows.append(
                Row(
                    f"{name}, warm, {era}",
                    one.median,
                    floor=noop.median,
                    p95=one.p95,
                    aim="no-op + 1.5 ms" if is_aim else "",
                    holds=over <= 1.5 if is_aim else None,
                )
            )
    return rows


async def _actions(
    run: Run, era: Era, stack: AsyncExitStack
) -> list[Callable[[], Awaitable[object]]]:
    """Return the no-op of the bare server, and what NAMES says of ours."""
    bare = await stack.enter_async_context(connected(BARE, era, run.log))
    ours = await stack.enter_async_context(connected(OURS, era, run.log))
    session_id = record_of(await call(ours, "execute_python", code="1+1"))["session_id"]
    python = partial(call, ours, "execute_python", session_id=session_id)
    return [
        partial(call, bare, "noop", code="1+1"),
        partial(python, code="1+1"),
        partial(python, code="x = 1"),
        partial(call, ours, "execute_bash", session_id=session_id, command="true"),
    ]


async def _in_turn(
    run: Run, actions: list[Callable[[], Awaitable[object]]], *, warm_up: int
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

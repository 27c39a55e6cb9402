"""Follow the start of a command until our program runs in it, or say why it does not."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from bellglass.sandboxes.backends.e2b.errors import E2BError
from bellglass.sandboxes.backends.e2b.program.command import program
from bellglass.sandboxes.execution import clean

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.e2b.machines.machine import Machine
    from bellglass.sandboxes.backends.e2b.stream.lines import Lines

logger = logging.getLogger(__name__)

START_TIMEOUT_SECONDS = 45.0
"""For a Python to start and to ask for our program. A tenth of a second is usual; with many that
start at once, or from a cold disk, it is tens."""

NUDGE_INTERVAL_SECONDS = 5.0
"""Then, and as often again, an empty line is sent: a profile of the template may wait for one."""


async def provide(
    machine: Machine, pid: int, lines: Lines, spoken: anyio.Event, turn: anyio.Lock
) -> str | None:
    """Send our program to a command that asks for it; return why there will be none, if so.

    `spoken` is set when something has come of it. Who holds `turn` may write to the command.
    """
    reached = True
    with anyio.move_on_after(START_TIMEOUT_SECONDS):
        while not spoken.is_set():
            with anyio.move_on_after(NUDGE_INTERVAL_SECONDS):
                await spoken.wait()
            if not spoken.is_set():
                logger.info("E2B: our program has not started yet; does a login profile wait?")
                reached = False
                with suppress(E2BError):  # `listen` finds out if the command has ended
                    await machine.send(pid, b"\n")
                    reached = True
    if not spoken.is_set():
        if not reached:
            return "The machine could not be reached while our program started in it. Call again."
        return (
            f"Our program did not start in the template within {START_TIMEOUT_SECONDS:g} s. Does "
            "something there, such as a login profile of Bash, wait for input or take long?"
        )
    try:
        if lines.found_outdated:
            _warn_of_template(machine.template)
        if lines.asked is not None:
            data = await to_thread.run_sync(program, lines.asked)
            async with turn:
                await machine.send_program(pid, data)
    except E2BError as exc:
        # A command that ended before it had read everything says why, to who listens to it.
        if exc.kind not in ("ended", "unknown"):
            return f"Our program could not be sent to the machine: {exc}"
    return None


@cache  # once for each template
def _warn_of_template(template: str) -> None:
    logger.warning("E2B: %s", outdated(template))


def outdated(template: str) -> str:
    """Say that a template has another version of our program, and what to do."""
    return (
        f"template {template} has the program of another version of bellglass, or for another "
        "Python. Sessions in it work, but start more slowly. Build it again, from the same "
        f"base: `bellglass template build --name {template} --base BASE`."
    )


def why_ended(lines: Lines, last_words: str, exit_code: int = 0) -> str:
    """Return why there is no supervisor, or nothing if there was one and it has ended."""
    if failure := lines.failure:
        step, error = str(failure.get("step"))[:100], str(failure.get("error"))[:300]
        return clean(f"The template's system does not let us confine code: {step}: {error}.")
    if lines.received == 0:
        return no_start(last_words or f"exit code {exit_code}")
    if exit_code != 0:
        return f"{E2BError('ended', 'go on with the session', f'exit code {exit_code}')}"
    return ""


def no_start(words: str) -> str:
    """Say what a template lacks in which our program did not start, but said `words`."""
    if "bash" in words and "python" not in words:
        lacks = "Bash, as /bin/bash"
    elif "python3" in words and "not found" in words:
        lacks = "a python3 that a login shell finds"
    else:
        lacks = "a python3 of version 3.9 or newer"
    return f"Our program did not start in the template ({words}): it needs {lacks}."

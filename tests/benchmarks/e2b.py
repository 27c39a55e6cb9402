"""A new session on E2B's double, beside the SDK alone: a machine and `true`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bellglass.sandboxes.backends.e2b.endpoint import Endpoint
from bellglass.sandboxes.backends.e2b.program.command import compiled, name_in_template, sources

from .peers import OURS, call, connected, record_of
from .rows import Row, Times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp import Client

    from .rows import Run

AIM_MS = 200


class _Double(NamedTuple):
    endpoint: Endpoint
    server: list[str]
    """The command of a server that uses it."""


async def e2b(run: Run) -> list[Row]:
    """New sessions where the program is sent, and where the template has it; in turn."""
    with (
        tempfile.TemporaryDirectory() as empty,
        tempfile.TemporaryDirectory() as full,
        _double(empty) as plain,
        _double(_with_program(full)) as built,
    ):
        machines = plain.endpoint.client()
        alone, sent, found = Times(), Times(), Times()
        async with (
            connected(plain.server, "modern", run.log) as sending,
            connected(built.server, "modern", run.log) as finding,
        ):
            for client in (sending, finding):  # the SDK is imported with the first
                await _new_session(client)
            await _machine(machines)
            for _ in range(run.rounds * 2):
                await run.quiet.wait()
                alone.rounds.append([await _machine(machines)])
                sent.rounds.append([await _new_session(sending)])
                found.rounds.append([await _new_session(finding)])
    floor = alone.median
    return [
        Row(
            f"e2b's double: new session to first result, {what}",
            times.median,
            p95=times.p95,
            floor=floor,
            aim=f"the SDK's create and `true` + {AIM_MS} ms",
            holds=times.median - floor <= AIM_MS,
        )
        for what, times in (("program sent", sent), ("program in the template", found))
    ]


def _with_program(folder: str) -> str:
    """Put our program where `bellglass template build` would, and return the folder."""
    name = f"{name_in_template()}{sys.implementation.cache_tag}"
    Path(folder, name).write_bytes(compiled(sources()))
    return folder


async def _new_session(client: Client) -> float:
    """Return the milliseconds until the first result of a session; then end it."""
    started = time.perf_counter()
    result = await call(client, "execute_python", code="1+1")
    elapsed = time.perf_counter() - started
    await call(client, "close_session", session_id=record_of(result)["session_id"])
    return elapsed * 1000


async def _machine(machines: Any) -> float:
    """Return the milliseconds until a machine has executed a command; then end it."""
    started = time.perf_counter()
    machine = await machines.create(timeout=60)
    await machine.commands.run("true", user="root")
    elapsed = time.perf_counter() - started
    await machine.kill()
    return elapsed * 1000


@contextmanager
def _double(program_folder: str) -> Iterator[_Double]:
    """Run a double in a process of its own."""
    with tempfile.NamedTemporaryFile("r") as key:
        command = [sys.executable, "-m", "e2b_double", key.name, program_folder]
        environment = {**os.environ, "PYTHONPATH": "tests"}
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                assert process.stdout is not None
                url = process.stdout.readline().strip()
                options = {"key-file": key.name, "api-url": url, "sandbox-url": url}
                flags = [f"--e2b-{name}={value}" for name, value in options.items()]
                server = [*OURS, "--sandbox", "e2b", "--e2b-max-creates-per-second", "100", *flags]
                yield _Double(Endpoint(key=key.read(), api_url=url, sandbox_url=url), server)
            finally:
                process.terminate()

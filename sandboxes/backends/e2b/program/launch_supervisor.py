"""Start or join our program in a machine, listen to it, and renew the lease meanwhile."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from bellglass.sandboxes.backends.e2b.errors import E2BError
from bellglass.sandboxes.backends.e2b.program.command import command
from bellglass.sandboxes.backends.e2b.program.reattach import reattach
from bellglass.sandboxes.backends.e2b.program.starting import no_start
from bellglass.sandboxes.backends.e2b.stream.stream import CommandStream
from bellglass.sandboxes.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bellglass.sandboxes.backends.e2b.machines.lease import Lease
    from bellglass.sandboxes.backends.e2b.machines.machine import Machine
    from bellglass.sandboxes.session_limits import Limits


@asynccontextmanager
async def launch_supervisor(
    machine: Machine, lease: Lease, limits: Limits, pid: int | None
) -> AsyncGenerator[CommandStream]:
    """Start our program, or go on with it as process `pid`, which another server has started.

    Raises:
        SandboxUnavailable: It does not start.
        E2BError: There is none to go on with.
    """
    stream = CommandStream(machine, lease)
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_keep, lease, stream)  # a start may take longer than a lease
        try:
            if pid is None:
                await _open(stream, limits)
            else:
                await stream.join(pid)
            tasks.start_soon(stream.listen)
            if pid is not None:
                await reattach(stream)
            yield stream
        except (E2BError, SandboxUnavailable) as exc:
            failure = exc  # not through the task group, which would wrap it
        finally:
            tasks.cancel_scope.cancel()
            await stream.aclose()
    if failure is not None:
        raise failure


async def _open(stream: CommandStream, limits: Limits) -> None:
    try:
        await stream.open(await to_thread.run_sync(command, limits))
    except E2BError as exc:
        # Whether there is a Bash shows when envd, or what it puts before it, executes it.
        reason = no_start(f"{exc}") if "/bin/bash" in f"{exc}" else f"{exc}"
        raise SandboxUnavailable("e2b", reason) from None


async def _keep(lease: Lease, stream: CommandStream) -> None:
    await lease.keep()
    stream.give_up(str(lease.lost))

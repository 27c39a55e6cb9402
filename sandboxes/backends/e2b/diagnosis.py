"""What `bellglass doctor` says of an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from bellglass.sandboxes.backend import Finding
from bellglass.sandboxes.backends.e2b import versions
from bellglass.sandboxes.backends.e2b.errors import E2BError
from bellglass.sandboxes.backends.e2b.machines.listing import first_page
from bellglass.sandboxes.backends.e2b.machines.machine import Machine
from bellglass.sandboxes.backends.e2b.program import command
from bellglass.sandboxes.backends.e2b.program.starting import outdated

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.e2b.endpoint import Endpoint

_TRIAL_LEASE_SECONDS = 60


async def findings(endpoint: Endpoint, client: Any) -> list[Finding]:
    """Ask the engine for what our sessions need beside a sandbox: lists, leases, sleep."""
    found = [
        _sdk(),
        Finding(what="control plane", holds=True, detail=endpoint.api),
        Finding(what="sandboxes at", holds=True, detail=endpoint.sandboxes),
        Finding(what="template", holds=True, detail=endpoint.template),
        await _finding(
            "lists sandboxes, so that lost ones are found", first_page(client, endpoint)
        ),
    ]
    try:
        machine = await Machine.create(
            client, endpoint, {"bellglass-trial": "1"}, _TRIAL_LEASE_SECONDS
        )
    except E2BError as exc:
        return [*found, Finding(what="makes sandboxes", holds=False, detail=str(exc))]
    try:
        found.append(await _finding("renews leases", machine.renew(_TRIAL_LEASE_SECONDS)))
        found.append(await _program(machine))
        found.append(await _finding("pauses and resumes sandboxes", _sleeps(machine)))
    finally:
        with anyio.CancelScope(shield=True):
            killed = await machine.kill()
    return [*found, Finding(what="ends sandboxes", holds=killed, detail=_word(killed))]


def _sdk() -> Finding:
    tested = versions.is_tested()
    advice = "" if tested else f"; not tested. Tested: {versions.command(versions.TESTED)}"
    return Finding(what="SDK", holds=tested, detail=f"{versions.installed()}{advice}")


async def _program(machine: Machine) -> Finding:
    what = "our program in the template, so that sessions start faster"
    try:
        # A login profile may print lines of its own.
        lines = await machine.lines_of(f"ls {command.FOLDER} || true")
        names = [line for line in lines if command.NAME_IN_TEMPLATE.match(line)]
    except E2BError as exc:
        return Finding(what=what, holds=False, detail=str(exc))
    if any(name.startswith(command.name_in_template()) for name in names):
        return Finding(what=what, holds=True, detail=_word(True))
    detail = outdated(machine.template) if names else "none; `bellglass template build` puts it in"
    return Finding(what=what, holds=False, detail=detail)


async def _sleeps(machine: Machine) -> None:
    await machine.pause()
    await machine.resume(_TRIAL_LEASE_SECONDS)


async def _finding(what: str, attempt: Any) -> Finding:
    try:
        await attempt
    except E2BError as exc:
        return Finding(what=what, holds=False, detail=str(exc))
    return Finding(what=what, holds=True, detail=_word(True))


def _word(holds: bool) -> str:
    return "seen" if holds else "it did not say so"

"""`bellglass check BACKEND`: run the contract's checks on a backend."""

import sys

import anyio
import click

from bellglass.sandboxes import registry
from bellglass.sandboxes.errors import SandboxError
from bellglass.server.backend_selection import create
from bellglass.server.command_line.parsing import Invocation, SettingsCommand
from bellglass.server.console import printable
from bellglass.server.failures import CommandError, innermost
from bellglass.server.settings import Settings

CHECK_TIMEOUT_SECONDS = 120


@click.command(cls=SettingsCommand)
@click.argument("backend")
@click.pass_obj
def command(given: Invocation, backend: str) -> int:
    """Run the contract checks on BACKEND: one of ours, or of a plug-in."""
    if backend not in (names := sorted(registry.installed())):
        raise CommandError(f"no backend {backend!r} is installed. Known: {', '.join(names)}.")
    return anyio.run(_check, backend, given.settings)


async def _check(backend_name: str, settings: Settings) -> int:
    from bellglass.sandboxes.conformance import CHECKS

    failed = lacking = 0
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            backend = create(backend_name, settings)
            try:
                if check.__name__ in backend.unsupported_checks:
                    sys.stdout.write(
                        f"lacks   {name}: {backend.unsupported_checks[check.__name__]}\n"
                    )
                    lacking += 1
                    continue
                with anyio.fail_after(CHECK_TIMEOUT_SECONDS):
                    await check(backend)
            finally:
                await backend.aclose()
        except Exception as exc:
            # The task group of a session wraps it in an exception group.
            cause = innermost(exc)
            if not isinstance(cause, (AssertionError, SandboxError, TimeoutError)):
                raise
            failed += 1
            reason = str(cause).strip() or type(cause).__name__
            sys.stdout.write(f"FAILED  {name}\n        {printable(reason)}\n")
        else:
            sys.stdout.write(f"ok      {name}\n")
        sys.stdout.flush()
    await _say_what_lacks(backend_name, settings)
    without = f" {lacking} do not apply to this backend." if lacking else ""
    held = len(CHECKS) - failed - lacking
    sys.stdout.write(f"{held} of {len(CHECKS)} checks held.{without}\n")
    return 1 if failed else 0


async def _say_what_lacks(backend_name: str, settings: Settings) -> None:
    """List the backend's own findings on this machine that do not hold."""
    try:
        backend = create(backend_name, settings)
        try:
            with anyio.fail_after(CHECK_TIMEOUT_SECONDS):
                findings = await backend.diagnose()
        finally:
            await backend.aclose()
    except (SandboxError, TimeoutError):
        return  # the checks have reported this already
    for finding in findings:
        if not finding.holds:
            sys.stdout.write(f"lacks   {finding.what}: {printable(finding.detail)}\n")

"""`bellglass check BACKEND`: run the contract's checks on a backend."""

from __future__ import annotations

import difflib
import time
from typing import TYPE_CHECKING

import click

from bellglass.server.command_line.feedback import clock
from bellglass.server.command_line.parsing import Invocation, SettingsCommand
from bellglass.server.console import paint, printable, say
from bellglass.server.failures import CommandError, innermost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bellglass.sandboxes.conformance.check import Check
    from bellglass.server.settings import Settings

CHECK_TIMEOUT_SECONDS = 120


@click.command(cls=SettingsCommand)
@click.argument("backend")
@click.argument("checks", nargs=-1, metavar="[CHECK]...")
@click.pass_obj
def command(given: Invocation, backend: str, checks: tuple[str, ...]) -> int:
    """Run the contract checks on BACKEND: one of ours, or of a plug-in.

    CHECK names one of them, as it is printed; by default all are run. For each that fails it says
    what was expected, what was seen, and where docs/backends.md says what it needs.
    """
    from bellglass.sandboxes import plugins

    if backend not in (names := sorted(plugins.installed(plugins.BACKENDS))):
        raise CommandError(f"no backend {backend!r} is installed. Known: {', '.join(names)}.")
    if not __debug__:
        raise CommandError("the checks are assert statements: run it without python -O.")
    say(f"Checking {backend} ...")
    with clock("Starting"):
        import anyio

        from bellglass.sandboxes.conformance import CHECKS

    chosen = [_named(name, CHECKS) for name in checks] or CHECKS
    return anyio.run(_check, backend, chosen, given.settings)


def _named(name: str, checks: Sequence[Check]) -> Check:
    known = {_title(check): check for check in checks}
    wanted = name.replace("_", " ")
    if wanted not in known:
        near = difflib.get_close_matches(wanted, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise CommandError(f"there is no check {name[:80]!r}.{hint}")
    return known[wanted]


def _title(check: Check) -> str:
    return check.__name__.replace("_", " ")


async def _check(backend_name: str, checks: Sequence[Check], settings: Settings) -> int:
    failed = lacking = 0
    for number, check in enumerate(checks, 1):
        started = time.monotonic()
        try:
            with clock(f"{number} of {len(checks)}: {_title(check)}"):
                lacks = await _run(check, backend_name, settings)
        except Exception as exc:
            failed += 1
            say(f"{paint('red', 'FAILED')}  {_title(check)} ({time.monotonic() - started:.1f} s)")
            _explain(check, innermost(exc))
            continue
        if lacks is not None:
            lacking += 1
            say(f"{paint('yellow', 'lacks')}   {_title(check)}: {printable(lacks)}")
        else:
            say(f"{paint('green', 'ok')}      {_title(check)} ({time.monotonic() - started:.1f} s)")
    await _say_what_lacks(backend_name, settings)
    without = f" {lacking} do not apply to this backend." if lacking else ""
    say(f"{len(checks) - failed - lacking} of {len(checks)} checks held.{without}")
    return 1 if failed else 0


async def _run(check: Check, backend_name: str, settings: Settings) -> str | None:
    """Run a check; return why the backend does without it, if it does."""
    import anyio

    from bellglass.server.backend_selection import create

    backend = create(backend_name, settings)
    try:
        with anyio.fail_after(CHECK_TIMEOUT_SECONDS):
            await backend.start()  # which may find out what it cannot keep here
            if check.__name__ in backend.unsupported_checks:
                return backend.unsupported_checks[check.__name__]
            await check(backend)
    finally:
        await backend.aclose()
    return None


def _explain(check: Check, exc: BaseException) -> None:
    from bellglass.sandboxes.conformance.failures import explained, where_explained
    from bellglass.sandboxes.errors import SandboxError

    # The task group of a session wraps it in an exception group.
    if not isinstance(exc, (AssertionError, SandboxError, TimeoutError)):
        raise exc
    failure = explained(exc, CHECK_TIMEOUT_SECONDS)
    say(f"        expected: {failure.expected}")
    for text in failure.seen:
        say(f"        seen:     {printable(text)}")
    say(f"        see:      {where_explained(check)}")


async def _say_what_lacks(backend_name: str, settings: Settings) -> None:
    """List the backend's own findings on this machine that do not hold."""
    import anyio

    from bellglass.sandboxes.errors import SandboxError
    from bellglass.server.backend_selection import create

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
            say(f"lacks   {finding.what}: {printable(finding.detail)}")

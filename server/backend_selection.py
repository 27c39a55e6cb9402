"""Select the backend: the one that is named, or the first strong one that runs here."""

import logging
import os

import anyio

from bellglass.sandboxes import registry
from bellglass.sandboxes.backend import Backend
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.server import programs
from bellglass.server.settings import Settings

log = logging.getLogger(__name__)


def candidates(settings: Settings) -> list[str]:
    """Return the names of the backends that may be used, in order of preference."""
    if settings.sandbox != "auto":
        return [settings.sandbox]
    return [name for name in registry.STRONG if name in registry.installed()]


async def choose_for_checks(settings: Settings) -> Backend | None:
    """Return a local backend for checks if sandboxes cost money and a local one works.

    A check runs no code, so it needs no paid sandbox of its own.
    """
    if settings.sandbox != "e2b":
        return None
    try:
        backend = create("embedded", settings.model_copy(update={"network": "none", "folders": ()}))
        await _started(backend)
    except SandboxUnavailable as exc:
        log.info(
            "Code is checked in sandboxes of E2B, since embedded does not work: %s", exc.reason
        )
        return None
    return backend


def create(name: str, settings: Settings) -> Backend:
    """Make the backend `name` with the settings.

    Raises:
        SandboxUnavailable: It is not installed, or cannot be used here.
    """
    backend = registry.load(name).from_settings(
        settings.limits(),
        settings.of_backend(name),
        session_max_seconds=settings.session_max_seconds,
        environ=os.environ,
    )
    if missing := {folder.mode for folder in settings.folders} - {*backend.lends}:
        modes = " and ".join(sorted(missing))
        reason = (
            f"it cannot lend folders ({modes}). Unset BELLGLASS_FOLDERS, or choose another backend."
        )
        raise SandboxUnavailable(name, reason)
    backend.folders = settings.folders
    for folder in settings.folders:
        if folder.mode == "rw":
            log.warning("Sessions may change %s on this machine (%s)", folder.path, folder.target)
    if settings.network != "none":
        from bellglass.server.networking import network

        if name == "restricted":
            reason = (
                "it cannot give code a network. Unset BELLGLASS_NETWORK, or choose another backend."
            )
            raise SandboxUnavailable(name, reason)
        backend.network = network(settings)
    return backend


async def choose(settings: Settings) -> Backend:
    """Return the first backend that can make sandboxes here.

    Raises:
        SandboxUnavailable: None can; then no code is run at all.
    """
    failures: list[SandboxUnavailable] = []
    for name in candidates(settings):
        try:
            backend = create(name, settings)
            await _started(backend)
        except SandboxUnavailable as exc:
            failures.append(exc)
        else:
            log.info("Sandbox: %s", name)
            await programs.remember(name, settings, backend)
            return backend
    match failures:
        case []:
            raise SandboxUnavailable("auto", "no backend is installed.")
        case [failure]:
            raise failure
        case _:
            reasons = " ".join(f"{failure.backend}: {failure.reason}" for failure in failures)
            raise SandboxUnavailable("auto", reasons)


async def _started(backend: Backend) -> None:
    try:
        await backend.start()
    except BaseException:
        with anyio.CancelScope(shield=True):
            await backend.aclose()
        raise

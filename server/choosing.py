"""Which sandbox serves: the one that is named, or the first strong one that runs here."""

import logging

from bellglass.sandboxes import registry
from bellglass.sandboxes.base import Sandbox
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.server import e2b
from bellglass.server.settings import Settings

log = logging.getLogger("bellglass")


def candidates(settings: Settings) -> list[str]:
    """Return the names of the backends that may be used, the first choice first."""
    if settings.sandbox != "auto":
        return [settings.sandbox]
    return [name for name in registry.STRONG if name in registry.installed()]


def create(name: str, settings: Settings) -> Sandbox:
    """Make the backend `name` as the settings want it.

    Raises:
        SandboxUnavailable: It is not installed, or cannot be used here.
    """
    options: dict[str, object] = {}
    if name == "embedded":
        options = {"launcher": settings.launcher, "python": settings.python}
        options["preload"] = settings.preload
    if name == "e2b":
        options = e2b.options(settings)
    return registry.create(name, settings.limits(), options)


async def choose(settings: Settings) -> Sandbox:
    """Return the sandbox to use.

    Raises:
        SandboxUnavailable: None can be used here; then nothing is run, weakly or otherwise.
    """
    failures = []
    for name in candidates(settings):
        try:
            sandbox = create(name, settings)
        except SandboxUnavailable as exc:
            failures.append(exc)
        else:
            log.info("Sandbox: %s", name)
            return sandbox
    if failures:
        raise failures[0]
    raise SandboxUnavailable("auto", "no backend is installed.")

"""Backends by name: ours and those of other distributions, all declared as entry points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.sandboxes import plugins
from bellglass.sandboxes.backend import Backend
from bellglass.sandboxes.errors import SandboxUnavailable

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

STRONG = ("embedded", "docker", "e2b")
"""The backends that "auto" tries, in this order. A weaker one is used only if it is named."""


def installed() -> dict[str, EntryPoint]:
    """Return the installed backends by name, without importing them."""
    return plugins.installed(plugins.BACKENDS)


def load(name: str) -> type[Backend]:
    """Return the class of the backend with that name.

    Raises:
        SandboxUnavailable: There is none, or it cannot be imported.
    """
    backends = installed()
    if name not in backends:
        known = ", ".join(sorted(backends)) or "none"
        raise SandboxUnavailable(name, f"no such backend is installed; installed: {known}.")
    try:
        backend = backends[name].load()
    except ImportError as exc:
        raise SandboxUnavailable(name, f"it cannot be imported ({exc}).") from exc
    if not (isinstance(backend, type) and issubclass(backend, Backend)):
        raise SandboxUnavailable(name, "its entry point does not lead to a Backend.")
    return backend

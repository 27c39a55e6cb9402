"""Sessions in E2B: its cloud, its self-hosted editions, and other engines that speak its API."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.e2b.backend import E2BBackend

__all__ = ["E2BBackend"]


def __getattr__(name: str) -> object:
    # At the need of it: each start of a server reads the settings beside it, and few use it.
    if name == "E2BBackend":
        from bellglass.sandboxes.backends.e2b.backend import E2BBackend

        return E2BBackend
    raise AttributeError(name)

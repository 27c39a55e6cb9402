"""The docker backend: a container per session, on any engine that speaks Docker's API."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.docker.backend import DockerBackend

__all__ = ["DockerBackend"]


def __getattr__(name: str) -> object:
    # At the need of it: each start of a server reads the settings beside it, and few use it.
    if name == "DockerBackend":
        from bellglass.sandboxes.backends.docker.backend import DockerBackend

        return DockerBackend
    raise AttributeError(name)

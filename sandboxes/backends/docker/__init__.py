"""The docker sandbox: a container per session, on any engine that speaks Docker's API."""

from bellglass.sandboxes.backends.docker.backend import DockerBackend

__all__ = ["DockerBackend"]

"""Sessions in E2B: its cloud, its self-hosted editions, and other engines that speak its API."""

from bellglass.sandboxes.backends.e2b.backend import E2BBackend

__all__ = ["E2BBackend"]

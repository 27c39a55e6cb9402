"""Sessions in E2B: its cloud, its self-hosted editions, and other engines that speak its API."""

from bellglass.sandboxes.e2b.sandbox import E2BSandbox

__all__ = ["E2BSandbox"]

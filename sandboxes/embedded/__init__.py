"""The embedded sandbox: isolation with the kernel's own means, started by ourselves."""

from bellglass.sandboxes.embedded.sandbox import EmbeddedSandbox

__all__ = ["EmbeddedSandbox"]

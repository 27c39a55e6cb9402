"""The embedded sandbox: isolation with the kernel's own means, started by ourselves."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.sandboxes.embedded.sandbox import EmbeddedSandbox

__all__ = ["EmbeddedSandbox"]


def __getattr__(name: str) -> object:
    # At the need of it: the E2B sandbox ships parts of this package from systems that lack what
    # the rest imports.
    if name == "EmbeddedSandbox":
        from bellglass.sandboxes.embedded.sandbox import EmbeddedSandbox

        return EmbeddedSandbox
    raise AttributeError(name)

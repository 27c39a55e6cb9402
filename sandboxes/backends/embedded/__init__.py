"""The embedded sandbox: isolation with the kernel's own means, started by ourselves."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.embedded.backend import EmbeddedBackend

__all__ = ["EmbeddedBackend"]


def __getattr__(name: str) -> object:
    # At the need of it: the E2B sandbox ships parts of this package from systems that lack what
    # the rest imports.
    if name == "EmbeddedBackend":
        from bellglass.sandboxes.backends.embedded.backend import EmbeddedBackend

        return EmbeddedBackend
    raise AttributeError(name)

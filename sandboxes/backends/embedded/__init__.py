"""The embedded backend: it isolates code with features of the Linux kernel, without a service."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.embedded.backend import EmbeddedBackend

__all__ = ["EmbeddedBackend"]


def __getattr__(name: str) -> object:
    # Imported lazily: the E2B backend ships parts of this package from systems that lack modules
    # which the rest imports.
    if name == "EmbeddedBackend":
        from bellglass.sandboxes.backends.embedded.backend import EmbeddedBackend

        return EmbeddedBackend
    raise AttributeError(name)

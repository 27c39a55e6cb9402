"""The restricted backend: an interpreter for a subset of Python, for where nothing else works.

Monty is written in Rust and has no files, processes or sockets: code cannot use what is not built
into it. It runs in a process of its own, without a namespace or a filter, so this is the only
isolation. The backend is therefore used only when an operator names it.
"""

from bellglass.sandboxes.backends.restricted.backend import RestrictedBackend

__all__ = ["RestrictedBackend"]

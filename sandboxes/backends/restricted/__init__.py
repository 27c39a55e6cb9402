"""A subset of Python in an interpreter that has no way out, for where nothing else can be had.

Monty is written in Rust and knows no file, process or socket: what is not built into it cannot be
asked for. It runs in a process of its own, which is all the isolation that there is: no namespace,
no filter. So this backend is used only when it is named.
"""

from bellglass.sandboxes.backends.restricted.backend import RestrictedBackend

__all__ = ["RestrictedBackend"]

"""Landlock scopes: no signal and no connection to an abstract socket leaves the sandbox.

Namespaces ensure this already; the scopes hold even if a namespace is shared by mistake. Path
rules are not used: the root directory holds nothing that would have to be hidden.
"""

from __future__ import annotations

import ctypes
import os

from bellglass.sandboxes.confinement import libc

# include/uapi/linux/landlock.h
_CREATE_RULESET_VERSION = 1
_SCOPE_ABSTRACT_UNIX_SOCKET = 1
_SCOPE_SIGNAL = 2
_MIN_SCOPES_ABI = 6
"""The first ABI with both scopes, of Linux 6.12."""


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


def abi() -> int:
    """Return the ABI version of Landlock, or 0 if the kernel lacks it or has it disabled."""
    try:
        return libc.syscall("landlock_create_ruleset", None, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return 0


def restrict() -> int:
    """Apply the scopes if the kernel supports them, and return the ABI. Needs no_new_privs."""
    version = abi()
    if version >= _MIN_SCOPES_ABI:
        ruleset = _Ruleset(0, 0, _SCOPE_ABSTRACT_UNIX_SOCKET | _SCOPE_SIGNAL)
        size = ctypes.sizeof(ruleset)
        fd = libc.syscall("landlock_create_ruleset", ctypes.byref(ruleset), size, 0)
        libc.syscall("landlock_restrict_self", fd, 0)
        os.close(fd)
    return version

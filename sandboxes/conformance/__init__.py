"""The contract of a backend as a list of checks, for our backends and for those of plug-ins.

Each check takes a backend, observes effects through the interface that the tools use, and raises
AssertionError if the promise in its name is broken. It needs no test framework:
`bellglass check NAME` runs all of them. Each module holds one theme; importing it registers its
checks.
"""

# The checks run in this order: what every other check relies on comes first.
# isort: off
from bellglass.sandboxes.conformance import (
    running,
    showing,
    files,
    isolation,
    endings,
    background,
    outliving,
    saving,
    testing,
    limits,
    hostile,
)
from bellglass.sandboxes.conformance.check import CHECKS, Check

__all__ = [
    "CHECKS",
    "Check",
    "background",
    "endings",
    "files",
    "hostile",
    "isolation",
    "limits",
    "outliving",
    "running",
    "saving",
    "showing",
    "testing",
]

"""The contract of a backend as a list of checks: run on ours, and by the author of another.

Each check takes a sandbox, looks at effects through the door that a caller uses, and raises
AssertionError when the promise in its name is broken. No test framework is needed:
`bellglass check NAME` runs them all. A file is a theme, and importing it adds its checks.
"""

# In the order in which they run: what every other check needs comes first.
# isort: off
from bellglass.sandboxes.conformance import (
    running,
    showing,
    files,
    apart,
    endings,
    background,
    testing,
    limits,
    hostile,
)
from bellglass.sandboxes.conformance.check import CHECKS, Check

__all__ = [
    "CHECKS",
    "Check",
    "apart",
    "background",
    "endings",
    "files",
    "hostile",
    "limits",
    "running",
    "showing",
    "testing",
]

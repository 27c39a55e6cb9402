"""Packages that are installed on the machine while sandboxes exist.

The embedded sandbox shows them at a path that is empty until then, so a session has them without
being started anew.
"""

from __future__ import annotations

import os
import sys

FOLDER = "/opt/bellglass"
"""Path of the prepared environment in a sandbox. Its path on the host may be below a directory that
the sandbox replaces (/work, /tmp), and may reveal who runs the server."""

LATE = f"{FOLDER}/current"
"""Path of an environment that was not there when the sandbox was made."""

_SITE = "{}/lib/python{}.{}/site-packages".format(LATE, *sys.version_info[:2])


def find() -> None:
    """Make the packages importable in this process if they have come."""
    if _SITE not in sys.path and os.path.isdir(_SITE):
        sys.path.append(_SITE)

"""A line of code without its texts and comments."""

from __future__ import annotations

import re

_TEXT = re.compile(r"""'[^']*(?:'|$)|"[^"]*(?:"|$)|#(?!!).*""")


def bare(line: str) -> str:
    """Return `line` with nothing in its texts, and without a comment."""
    return _TEXT.sub(lambda found: "" if found[0][0] == "#" else found[0][0] * 2, line)

"""A line that is no Python, but something that another tool takes."""

from __future__ import annotations

import re

_SHELL = re.compile(
    r"\s{0,80}\$?\s?(?:(?:sudo|cd|ls|cat|echo|mkdir|rm|cp|mv|pip3?|apt|apt-get|git|python3?|curl|wget"
    r"|source|chmod|grep|npm)(?=\s{1,9}[-\w./~\"'$*])|ls\s{0,9}$|export \w{1,80}=|#!/bin/(?:ba)?sh)"
)


def advice_on(line: str) -> str | None:
    """Return what to do about a line that cannot be parsed."""
    if _SHELL.match(line[:200]):
        return "that is shell, not Python: use execute_bash."
    return None

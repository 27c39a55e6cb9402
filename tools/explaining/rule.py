"""What a rule about failures is."""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """Names of exceptions (all of them, if there are none), what their message has in it, and the
    advice, in which `{0}` is the first group of the pattern.
    """

    names: str
    pattern: str
    advice: str

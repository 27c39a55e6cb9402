"""What a magic says: where Python prints, or as an error that names what there is instead."""

from __future__ import annotations

import sys


class UsageError(Exception):
    """A magic that is not there, or cannot do what it is asked. As IPython calls it."""


UsageError.__module__ = "builtins"  # where else a model would look for it is nowhere


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")

"""Colour for people at a terminal, and none for anything else."""

import os
import sys

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def paint(style: str, text: str) -> str:
    """Return `text` in `style` if stdout shows it."""
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return text
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m"


def say(text: str = "") -> None:
    """Write a line to stdout now."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()

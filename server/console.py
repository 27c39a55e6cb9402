"""Output at a terminal: our own colours, and no control characters from anywhere else."""

import os
import re
import sys

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}

_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Characters that control a terminal or change the direction of text, but no blanks or newlines."""


def printable(text: str) -> str:
    """Return `text` with control characters escaped as in code.

    It is for everything from a sandbox, a server or a model, which could set the terminal's title,
    write to the clipboard, or overwrite our output.
    """
    return _CONTROLS.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def paint(style: str, text: str) -> str:
    """Return `text` without control characters, in `style` if stdout shows it."""
    text = printable(text)
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if _has_colours() else text


def _has_colours() -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    shown = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return shown or bool(os.environ.get("FORCE_COLOR"))


def say(text: str = "") -> None:
    """Write a line to stdout now; the caller makes foreign text `printable`."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def print_error(text: str) -> None:
    """Write an error to stderr."""
    sys.stderr.write(f"bellglass: {printable(text)}\n")

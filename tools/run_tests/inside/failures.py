"""Text of an exception in tested code, with its own files and lines, and nothing of ours."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Callable
from typing import Any

MAX_MESSAGE_CHARACTERS = 4_000
"""Characters of one explanation."""


def explained(exc: BaseException) -> str:
    """Return the exception with the lines of the code that led to it."""
    try:
        shown = traceback.TracebackException(type(exc), exc, exc.__traceback__, limit=100)
        own = [step for step in shown.stack if _is_own(step.filename)]
        shown.stack = traceback.StackSummary.from_list(own[-20:])
        text = "".join(shown.format(chain=False))
    except KeyboardInterrupt:
        raise
    except BaseException:  # an exception of foreign code may do anything when it is shown
        text = type(exc).__name__
    return cleaned(text.replace("Traceback (most recent call last):\n", "", 1))


def _is_own(file: str) -> bool:
    """Tell if a file belongs to the session: not to Python, a package, or us."""
    here = os.getcwd() + os.sep
    return file == "<call>" or (file.startswith(here) and "/site-packages/" not in file)


def cleaned(text: str) -> str:
    """Return `text` with file names as the caller knows them, cut to size."""
    text = shortened(text, 50 * MAX_MESSAGE_CHARACTERS).replace(
        f'File "{os.getcwd()}{os.sep}', 'File "'
    )
    lines = [line.rstrip() for line in text.split("\n") if not _ADVICE.search(line)]
    lines = [line for line in lines if line != "E"]
    return shortened("\n".join(lines).strip("\n"), MAX_MESSAGE_CHARACTERS)


# Advice of pytest for a user who can pass options.
_ADVICE = re.compile(r"Use -vv? to (get|show)|use '-vv' to show|use 'pytest --fixtures")

_FRAME = re.compile(r' *File "([^"]*)", line ')


def own_frames(text: str, directory: str) -> str:
    """Return the output of a crash with only the frames in files of `directory`."""
    lines = []
    for line in text.split("\n"):
        frame = _FRAME.match(line)
        if frame is None:
            lines.append(line)
        elif frame[1].startswith(f"{directory}/") and "/site-packages/" not in frame[1]:
            lines.append(line.replace(f"{directory}/", "", 1))
    return "\n".join(lines)


def shortened(text: str, limit: int) -> str:
    """Return the head and tail of `text`, about `limit` characters."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters …]\n{text[-half:]}"


def text_of(describe: Callable[[Any], str], value: Any) -> str:
    """Return `describe(value)`; foreign code in it may raise anything, even SystemExit."""
    try:
        return describe(value)
    except KeyboardInterrupt:
        raise
    except BaseException as exc:
        return f"<{type(value).__name__} that cannot be shown: {type(exc).__name__}>"

"""An exception in the words of the code that was tested: its files, its lines, nothing of ours."""

from __future__ import annotations

import os
import re
import traceback
from types import TracebackType

MESSAGE = 4_000
"""Characters of one explanation."""


class Explain:
    """Turns exceptions and pytest's reports into text, for code that lies in `directory`."""

    def __init__(self, directory: str) -> None:
        self._own = (directory + os.sep, os.getcwd() + os.sep, "<call>")
        name = re.escape(os.path.basename(directory))
        # Absolute, or as pytest writes it: on the way from the working directory.
        self._directory = re.compile(rf"[^\s'\"(]*{name}/")

    def __call__(self, exc: BaseException) -> str:
        """Return the exception with the lines of the code that led to it."""
        try:
            shown = traceback.TracebackException(
                type(exc), exc, self._from_own(exc.__traceback__), limit=20
            )
            text = "".join(shown.format(chain=False))
        except Exception:  # the exception of foreign code may fail to be shown
            text = type(exc).__name__
        return self.clean(text.replace("Traceback (most recent call last):\n", "", 1))

    def clean(self, text: str) -> str:
        """Return `text` with file names as the caller knows them, and cut to size."""
        text = self._directory.sub("", text)
        lines = [line.rstrip() for line in text.split("\n") if not _ADVICE.search(line)]
        lines = [line for line in lines if line != "E"]
        return shortened("\n".join(lines).strip("\n"), MESSAGE)

    def _from_own(self, trace: TracebackType | None) -> TracebackType | None:
        """Skip the frames before the first one in the code."""
        step = trace
        while step is not None:
            if step.tb_frame.f_code.co_filename.startswith(self._own):
                return step
            step = step.tb_next
        return None


# What pytest says to someone who can pass it options.
_ADVICE = re.compile(r"Use -vv? to (get|show)|use '-vv' to show|use 'pytest --fixtures")


def shortened(text: str, limit: int) -> str:
    """Return head and tail of `text`, about `limit` characters."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters …]\n{text[-half:]}"

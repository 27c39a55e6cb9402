"""An exception in the words of the code that was tested: its files, its lines, nothing of ours."""

from __future__ import annotations

import json
import os
import re
import traceback
from collections.abc import Callable
from typing import Any

MESSAGE = 4_000
"""Characters of one explanation."""


class Room:
    """What is left for texts in the report of a run: the runner takes 4 MiB of it, as JSON."""

    def __init__(self, size: int) -> None:
        self._left = size

    def cut(self, event: dict[str, Any], limits: dict[str, int]) -> dict[str, Any]:
        """Return `event` with the texts that `limits` names cut to that length, or left out."""
        cut = dict(event)
        for name, limit in limits.items():
            text = cut.get(name)
            if text:
                text = shortened(text, limit)
                self._left -= len(json.dumps(text))
                cut[name] = text if self._left > 0 else "(left out: there is too much to report)"
            elif name in cut:
                del cut[name]
        return cut


class Explain:
    """Turns exceptions and pytest's reports into text, for code that lies in `directory`."""

    def __init__(self, directory: str) -> None:
        self._own = (directory + os.sep, os.getcwd() + os.sep, "<call>")
        self._name = os.path.basename(directory) + os.sep

    def __call__(self, exc: BaseException) -> str:
        """Return the exception with the lines of the code that led to it."""
        try:
            shown = traceback.TracebackException(type(exc), exc, exc.__traceback__, limit=100)
            own = [step for step in shown.stack if step.filename.startswith(self._own)]
            shown.stack = traceback.StackSummary.from_list(own[-20:])
            text = "".join(shown.format(chain=False))
        except KeyboardInterrupt:
            raise
        except BaseException:  # the exception of foreign code can do anything when it is shown
            text = type(exc).__name__
        return self.clean(text.replace("Traceback (most recent call last):\n", "", 1))

    def clean(self, text: str) -> str:
        """Return `text` with file names as the caller knows them, and cut to size."""
        before, *parts = shortened(text, 50 * MESSAGE).split(self._name)
        for part in parts:
            # Absolute, or as pytest writes it: on the way from the working directory.
            start = max(before.rfind(mark) for mark in " \n'\"(") + 1
            before = before[:start] + part
        text = before
        lines = [line.rstrip() for line in text.split("\n") if not _ADVICE.search(line)]
        lines = [line for line in lines if line != "E"]
        return shortened("\n".join(lines).strip("\n"), MESSAGE)


# What pytest says to someone who can pass it options.
_ADVICE = re.compile(r"Use -vv? to (get|show)|use '-vv' to show|use 'pytest --fixtures")


_FRAME = re.compile(r'  File "[^"]*", line ')


def own_frames(text: str) -> str:
    """Return what a crash printed, of its stack only the frames in the code that was tested."""
    return "\n".join(
        line for line in text.split("\n") if "/tests-" in line or not _FRAME.match(line)
    )


def shortened(text: str, limit: int) -> str:
    """Return head and tail of `text`, about `limit` characters."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters …]\n{text[-half:]}"


def text_of(describe: Callable[[Any], str], value: Any) -> str:
    """Return `describe(value)`; foreign code in there may raise anything, even SystemExit."""
    try:
        return describe(value)
    except KeyboardInterrupt:
        raise
    except BaseException as exc:
        return f"<{type(value).__name__} that cannot be shown: {type(exc).__name__}>"

"""The displays of a call, kept by the supervisor so that they survive the end of the code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from bellglass.sandboxes.common import display_bounds
from bellglass.sandboxes.supervisor.report.untrusted import display

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.execution import Display, Shown
    from bellglass.sandboxes.wire.schema.packets import Claim, Displayed


def displayed(nonce: str, number: int, *, kept: bool) -> Displayed:
    """Return the acknowledgement of the display with that number."""
    return {"type": "displayed", "nonce": nonce, "number": number, "kept": kept}


class HasPositions(Protocol):
    def position(self, offset: int) -> int: ...


class _Kept(NamedTuple):
    offset: int
    """Bytes of stdout that came before the display."""
    entry: Shown
    picture: int
    texts: int
    """Base64 characters of its picture, and characters of everything else."""


class DisplayLog:
    """Displays in the order of arrival; an updated display keeps its position."""

    def __init__(self, call: int) -> None:
        self._call = call
        self._files: list[str] = []
        self.clear()

    def clear(self) -> None:
        """Drop all displays."""
        self._kept: dict[int, _Kept] = {}
        self._pictures = display_bounds.MAX_PICTURES_BYTES * 4 // 3 + 100
        self._texts = display_bounds.MAX_TEXTS_CHARACTERS

    def put(self, message: Claim, offset: int) -> bool:
        """Keep the display in `message` if it is valid; tell if it is.

        It stands `offset` bytes into stdout, or replaces the display that it names.
        """
        entry = display(message.get("display"), self._call)
        number = message.get("in_place_of", message.get("number"))
        if entry is None or type(number) is not int:
            return False
        before = self._kept.get(number)
        if before is None and len(self._kept) >= display_bounds.MAX_DISPLAYS:
            return False
        picture = len(entry["data"] or "") if entry["kind"] == "picture" else 0
        texts = len(json.dumps(entry)) - picture
        pictures_left = self._pictures + (before.picture if before else 0) - picture
        texts_left = self._texts + (before.texts if before else 0) - texts
        if pictures_left < 0 or texts_left < 0:
            return False
        self._pictures, self._texts = pictures_left, texts_left
        self._kept[number] = _Kept(before.offset if before else offset, entry, picture, texts)
        if entry["file"] and len(self._files) < display_bounds.MAX_FILES:
            self._files.append(entry["file"])
        return True

    def report(self, stdout: HasPositions) -> list[Display]:
        """Return the displays, each with its position in stdout."""
        return [
            cast("Display", {**kept.entry, "at": stdout.position(kept.offset)})
            for kept in self._kept.values()
        ]

    @property
    def files(self) -> list[str]:
        """Return the files of all displays, including those that were dropped."""
        return self._files

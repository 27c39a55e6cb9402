"""What a call has printed and shown, as a person at a terminal or a pipe gets it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TextIO

from bellglass.sandboxes.execution import Picture
from bellglass.server.console import complain, printable
from bellglass.server.failures import CommandError
from bellglass.server.local_session import text_of
from bellglass.tools.execute.text_layout import LAYOUT

if TYPE_CHECKING:
    from mcp.types import CallToolResult

    from bellglass.sandboxes.execution import Execution, Output
    from bellglass.sandboxes.protocol import Stream
    from bellglass.server.local_session import LocalSession

FLOOD_BYTES = 8_000
"""A piece of this size may have lost its end on the way. What follows comes when all is there."""

_SAID_ALREADY = ("session_id: ", "(no ", "Note: stdout was ", "Note: stderr was ")
"""Beginnings of lines for a model, which gets less of the output."""

_PASSED = re.compile(r"(\x1b\[[0-9;]*m|\r)")
"""What a terminal gets of what could steer it: colours, and progress on one line."""


class CallOutput:
    """The output of one call: shown as it comes, and completed when the call has ended."""

    def __init__(self) -> None:
        self._shown = {"stdout": "", "stderr": ""}
        self._flooded: set[str] = set()

    def show(self, piece: Stream) -> None:
        if piece.name not in self._flooded:
            self._write(piece.name, piece.text)
        if len(piece.text.encode()) >= FLOOD_BYTES:
            self._flooded.add(piece.name)

    def complete(self, session: LocalSession, execution: Execution) -> None:
        """Show what has not been shown yet of both streams."""
        for name, output in (("stdout", execution.stdout), ("stderr", execution.stderr)):
            whole, shown = _whole(session, output), self._shown[name]
            if not whole.startswith(shown):
                shown = shown[: _common(whole, shown)]
                complain(f"a piece of {name} is missing above; it goes on from there.")
            self._write(name, whole[len(shown) :])

    def end_line(self) -> None:
        """Go to the beginning of a line of a terminal."""
        for name, stream in (("stdout", sys.stdout), ("stderr", sys.stderr)):
            if self._shown[name] and not self._shown[name].endswith("\n") and stream.isatty():
                self._write(name, "\n")

    def _write(self, name: str, text: str) -> None:
        write(sys.stdout if name == "stdout" else sys.stderr, text)
        self._shown[name] += text


def _common(one: str, other: str) -> int:
    """Return how many characters are the same at the beginning of both."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def write(stream: TextIO, text: str) -> None:
    """Write what code printed: as it is to a file or a pipe, without control to a terminal."""
    if stream.isatty():
        pieces = _PASSED.split(text)
        pieces[::2] = [printable(piece) for piece in pieces[::2]]
        text = "".join(pieces) + ("\x1b[0m" if "\x1b[" in text else "")
    stream.write(text)
    stream.flush()


def _whole(session: LocalSession, output: Output) -> str:
    """Return all of a stream, also what a model would have to read in a file."""
    if output.file is None:
        return output.text
    try:
        whole = session.read(output.file).decode("utf-8", "replace")
    except CommandError:
        return output.text  # the code has deleted it
    left_out = output.total_bytes - output.file_bytes
    if left_out > 0:
        complain(f"{left_out:,} bytes of output found no room in the session and are lost.")
    return whole


def show_words(result: CallToolResult, *also_said: str) -> None:
    """Write what the result says besides the output to stderr: how the code failed, and notes.

    Lines that begin with what is `also_said` in another way are left out.
    """
    lines = text_of(result).split("\n")
    layout = (result.meta or {}).get(LAYOUT)
    if layout is not None:
        told: list[str] = []
        at = 0
        for kind, count, *_ in layout:
            if kind in ("failure", "note"):
                told += lines[at : at + count]
            at += count
        lines = told
    for line in lines:
        if line and not line.startswith((*_SAID_ALREADY, *also_said)):
            sys.stderr.write(f"{printable(line)}\n")
    sys.stderr.flush()


def show_displays(execution: Execution, folder: Path | None) -> None:
    """Write what the code displayed to stdout; keep pictures in `folder`."""
    number = 0
    for display in execution.displays:
        if not isinstance(display, Picture):
            write(sys.stdout, f"{display.text}\n")
        elif display.data is not None and folder is not None:
            number += 1
            name = f"figure-{number}.{display.type.partition('/')[2]}"
            _keep(folder, name, display.data)
        else:
            complain("a figure was shown; `bellglass run --out FOLDER` keeps it.")


def keep_files(session: LocalSession, execution: Execution, folder: Path) -> None:
    """Fetch the files that the call has made or changed."""
    for file in execution.files:
        if file.change != "deleted" and not file.path.endswith("/"):
            _keep(folder, file.path, session.read(file.path))


def _keep(folder: Path, name: str, data: bytes) -> None:
    parts = PurePosixPath(name).parts
    if ".." in parts or name.startswith("/"):
        raise CommandError(f"{name} would be written outside of {folder}.")
    target = folder.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    # A link that stands in its place is not followed, but replaced.
    part = target.with_name(f".{target.name[:200]}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with open(os.open(part, flags, 0o666), "wb") as file:
        file.write(data)
    os.replace(part, target)
    sys.stderr.write(f"{printable(str(target))}\n")

"""Write the output and displays of a call to a terminal or a pipe."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TextIO

from bellglass.sandboxes.execution import Picture
from bellglass.server.command_line.local_session import text_of
from bellglass.server.console import print_error, printable
from bellglass.server.failures import CommandError
from bellglass.tools.execute.text_layout import LAYOUT

if TYPE_CHECKING:
    from mcp.types import CallToolResult

    from bellglass.sandboxes.execution import Execution, Output
    from bellglass.sandboxes.frame_models import Stream
    from bellglass.server.command_line.local_session import LocalSession

MIN_CUT_PIECE_BYTES = 8_000
"""A piece of this size or larger may have been cut. What follows it is written after the call."""

_SAID_ALREADY = ("session_id: ", "(no ", "Note: stdout was ", "Note: stderr was ")
"""Prefixes of lines that are meant for a model, which sees less of the output."""

_PASSED = re.compile(r"(\x1b\[[0-9;]*m|\r)")
"""Control sequences that a terminal may get: colours, and carriage returns."""


class CallOutput:
    """The output of one call: written as it arrives, and completed when the call has ended."""

    def __init__(self) -> None:
        self._shown = {"stdout": "", "stderr": ""}
        self._flooded: set[str] = set()

    def show(self, piece: Stream) -> None:
        if piece.name not in self._flooded:
            self._write(piece.name, piece.text)
        if len(piece.text.encode()) >= MIN_CUT_PIECE_BYTES:
            self._flooded.add(piece.name)

    def complete(self, session: LocalSession, execution: Execution) -> None:
        """Write what has not been written yet of both streams."""
        for name, output in (("stdout", execution.stdout), ("stderr", execution.stderr)):
            whole, shown = _whole(session, output), self._shown[name]
            if not whole.startswith(shown):
                shown = shown[: _common(whole, shown)]
                print_error(f"a piece of {name} is missing above; it goes on from there.")
            self._write(name, whole[len(shown) :])

    def end_line(self) -> None:
        """Start a new line, if the terminal's cursor is not at the start of one."""
        for name, stream in (("stdout", sys.stdout), ("stderr", sys.stderr)):
            if self._shown[name] and not self._shown[name].endswith("\n") and stream.isatty():
                self._write(name, "\n")

    def _write(self, name: str, text: str) -> None:
        write(sys.stdout if name == "stdout" else sys.stderr, text)
        self._shown[name] += text


def _common(one: str, other: str) -> int:
    """Return the length of the common prefix."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def write(stream: TextIO, text: str) -> None:
    """Write output of code unchanged to a file or a pipe, or filtered to a terminal."""
    if stream.isatty():
        pieces = _PASSED.split(text)
        pieces[::2] = [printable(piece) for piece in pieces[::2]]
        text = "".join(pieces) + ("\x1b[0m" if "\x1b[" in text else "")
    stream.write(text)
    stream.flush()


def _whole(session: LocalSession, output: Output) -> str:
    """Return a whole stream, including the part that a model would read from a file."""
    if output.file is None:
        return output.text
    try:
        whole = session.read(output.file).decode("utf-8", "replace")
    except CommandError:
        return output.text  # the code has deleted it
    left_out = output.total_bytes - output.file_bytes
    if left_out > 0:
        print_error(f"{left_out:,} bytes of output did not fit into the session and are lost.")
    return whole


def show_words(result: CallToolResult, *also_said: str) -> None:
    """Write the rest of the result to stderr: how the code failed, and notes.

    Lines that begin with one of `also_said` are left out, because they are reported elsewhere.
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
    """Write the displays of the code to stdout; save pictures in `folder`."""
    number = 0
    for display in execution.displays:
        if not isinstance(display, Picture):
            write(sys.stdout, f"{display.text}\n")
        elif display.data is not None and folder is not None:
            number += 1
            name = f"figure-{number}.{display.type.partition('/')[2]}"
            _keep(folder, name, display.data)
        else:
            print_error("a figure was shown; `bellglass run --out FOLDER` keeps it.")


def keep_files(session: LocalSession, execution: Execution, folder: Path) -> None:
    """Save the files that the call has made or changed in `folder`."""
    for file in execution.files:
        if file.change != "deleted" and not file.path.endswith("/"):
            _keep(folder, file.path, session.read(file.path))


def _keep(folder: Path, name: str, data: bytes) -> None:
    parts = PurePosixPath(name).parts
    if ".." in parts or name.startswith("/"):
        raise CommandError(f"{name} would be written outside of {folder}.")
    target = folder.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    # An existing link is replaced, and not followed.
    part = target.with_name(f".{target.name[:200]}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with open(os.open(part, flags, 0o666), "wb") as file:
        file.write(data)
    os.replace(part, target)
    sys.stderr.write(f"{printable(str(target))}\n")

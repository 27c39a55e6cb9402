"""What a long command does, shown on stderr at a terminal: a clock, or the bar of a transfer.

Elsewhere what a command prints is its feedback, in plain lines; a large transfer prints one, too.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bellglass.server.console import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from rich.progress import Progress, ProgressColumn


LARGE_BYTES = 8_000_000
"""A transfer of this size may take seconds."""


def is_live() -> bool:
    """Tell whether stderr can show something that changes."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")


@contextmanager
def clock(text: str) -> Generator[None]:
    """Show `text` with the time that it takes, until the context is left."""
    if not is_live():
        yield
        return
    # Imported here: the server needs none of it.
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with _shown(*columns) as progress:
        progress.add_task(printable(text), total=None)
        yield


@contextmanager
def bar(name: str, total_bytes: int) -> Generator[Callable[[int], None]]:
    """Show the transfer of a file; the function takes how many bytes there are."""
    if not is_live():
        if total_bytes >= LARGE_BYTES:
            sys.stderr.write(f"{printable(name)}: {total_bytes / 1e6:,.0f} MB ...\n")
            sys.stderr.flush()
        yield lambda done: None
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        *(BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()),
    )
    with _shown(*columns) as progress:
        task = progress.add_task(printable(name[:60]), total=total_bytes)
        yield lambda done: progress.update(task, completed=done)


def _shown(*columns: ProgressColumn) -> Progress:
    from rich.console import Console
    from rich.progress import Progress

    return Progress(
        *columns,
        console=Console(stderr=True),
        transient=True,
        # Lines that are written meanwhile go above it, but never from a file to the terminal.
        redirect_stdout=sys.stdout.isatty(),
    )

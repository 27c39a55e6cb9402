"""How much of the package index one place may have at a time, so that others get theirs."""

from __future__ import annotations

import anyio

MAX_FILES = 4  # as pip and uv are told to fetch
MAX_PAGES = 8


class Quota:
    """Turns of one place. A program that asks for more waits for its own."""

    def __init__(self) -> None:
        self.files = anyio.Semaphore(MAX_FILES)
        self.pages = anyio.Semaphore(MAX_PAGES)

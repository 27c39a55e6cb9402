"""The error of a step of the set-up."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Failure(Exception):
    """A step of the set-up failed. No sandbox was made, and no code must run."""

    def __init__(self, step: str, errno: int, text: str) -> None:
        super().__init__(f"{step}: {text}")
        self.step = step
        self.errno = errno
        self.text = text


@contextmanager
def step(name: str) -> Iterator[None]:
    """Turn an OSError into a Failure that names the step."""
    try:
        yield
    except OSError as exc:
        raise Failure(name, exc.errno or 0, str(exc)) from exc

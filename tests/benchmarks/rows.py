"""The rows of the table of figures, and the samples behind them, by rounds."""

import statistics
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TextIO

from .machine import Quiet

MIB = 1024**2


@dataclass
class Row:
    """A line of the table."""

    name: str
    value: float
    unit: str = "ms"
    floor: float | None = None
    """Of the bare server, in the same run."""
    p95: float | None = None
    aim: str = ""
    holds: bool | None = None


@dataclass
class Times:
    """Samples in milliseconds, round by round."""

    rounds: list[list[float]] = field(default_factory=list)

    def quieter_half(self) -> "Times":
        return Times(sorted(self.rounds, key=statistics.median)[: len(self.rounds) // 2])

    @property
    def all(self) -> list[float]:
        return [sample for samples in self.rounds for sample in samples]

    @property
    def median(self) -> float:
        return statistics.median(self.all)

    @property
    def p95(self) -> float:
        return sorted(self.all)[int(len(self.all) * 0.95)]


@dataclass(frozen=True)
class Run:
    """How much is measured, and the log of the servers."""

    quiet: Quiet
    log: TextIO
    rounds: int
    calls: int


async def timed(action: Awaitable[object]) -> float:
    started = time.perf_counter()
    await action
    return (time.perf_counter() - started) * 1000

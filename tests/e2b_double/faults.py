"""Faults of the double, on demand."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field


@dataclass
class Fault:
    """The next `times` requests that fit are answered so."""

    request: str
    """A pattern of method and path, such as "POST /v2/sandboxes"."""

    status: int = 0
    """Answer this instead of doing it; 0 does it."""

    message: str = "fault on demand"
    body: str = ""
    """Of the answer, instead of `message` as the engine would say it."""

    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1

    delay: float = 0.0
    """Seconds before anything is done."""

    late: bool = False
    """Do it first: then comes `delay`, and the answer or `status`."""

    lose_answer: bool = False
    """Do it, and cut the connection instead of answering."""

    def fits(self, request: str) -> bool:
        return self.times > 0 and fnmatch.fnmatchcase(request, self.request)


class Faults:
    """The faults in wait, and what was asked for."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        self.requests: list[str] = []
        """Method and path of every request, as they came."""
        self.headers: list[dict[str, str]] = []
        """Those of every request."""

    def add(self, *faults: Fault) -> None:
        self.waiting += faults

    def take(self, request: str, headers: dict[str, str]) -> Fault | None:
        self.requests.append(request)
        self.headers.append(headers)
        for fault in self.waiting:
            if fault.fits(request):
                fault.times -= 1
                return fault
        return None

    def count(self, pattern: str) -> int:
        return sum(fnmatch.fnmatchcase(request, pattern) for request in self.requests)

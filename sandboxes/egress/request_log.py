"""What the programs of a place asked for and got: for the result of the call, and bounded."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST = 50
"""Different requests in one result; the rest is counted."""


@dataclass(slots=True)
class RequestRecord:
    """One or more requests to the same host that ended the same way."""

    host: str
    port: int
    allowed: bool
    reason: str = ""
    """Why it was refused, or failed."""
    file: str = ""
    """The package file that it was about."""
    size: int = 0
    """Bytes that came from there, so far."""
    cached: bool = False
    """They came from our own cache."""
    package: bool = False
    """It was a package, not only the metadata of one."""
    requests: int = 1


@dataclass(slots=True)
class RequestLog:
    """Visits since they were last taken."""

    _visits: dict[tuple[object, ...], RequestRecord] = field(default_factory=dict)
    _left_out: int = 0

    def note(
        self, host: str, port: int, *, allowed: bool, reason: str = "", file: str = ""
    ) -> RequestRecord:
        """Enter a request; its size may still grow."""
        record = RequestRecord(host[:255], port, allowed, reason[:200], file[:200])
        key = (record.host, port, allowed, record.reason, record.file)
        known = self._visits.get(key)
        if known is not None:
            known.requests += 1
            return known
        if len(self._visits) < MOST:
            self._visits[key] = record
        else:
            self._left_out += 1
        return record

    def take(self) -> list[RequestRecord]:
        """Return what there is, and begin anew."""
        records = list(self._visits.values())
        if self._left_out:
            reason = "more than are listed"
            records.append(RequestRecord("", 0, False, reason, requests=self._left_out))
        self._visits, self._left_out = {}, 0
        return records

"""A bounded log of the network requests of a sandbox, for the result of a call."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_REQUESTS = 50
"""Different requests that one result lists; the others are counted."""


@dataclass(slots=True)
class RequestRecord:
    """One or more requests to the same host with the same outcome."""

    host: str
    port: int
    allowed: bool
    reason: str = ""
    """Why the request was refused or failed."""
    file: str = ""
    """The package file that was requested."""
    size: int = 0
    """Bytes received so far."""
    cached: bool = False
    """The bytes came from the cache of the server."""
    package: bool = False
    """A package was requested, not only the metadata of one."""
    requests: int = 1


@dataclass(slots=True)
class RequestLog:
    """The requests since the log was last taken."""

    _records: dict[tuple[object, ...], RequestRecord] = field(default_factory=dict)
    _left_out: int = 0

    def note(
        self, host: str, port: int, *, allowed: bool, reason: str = "", file: str = ""
    ) -> RequestRecord:
        """Add a request; the size of the returned record may still grow."""
        record = RequestRecord(host[:255], port, allowed, reason[:200], file[:200])
        key = (record.host, port, allowed, record.reason, record.file)
        known = self._records.get(key)
        if known is not None:
            known.requests += 1
            return known
        if len(self._records) < MAX_REQUESTS:
            self._records[key] = record
        else:
            self._left_out += 1
        return record

    def take(self) -> list[RequestRecord]:
        """Return all records, and empty the log."""
        records = list(self._records.values())
        if self._left_out:
            reason = "more than are listed"
            records.append(RequestRecord("", 0, False, reason, requests=self._left_out))
        self._records, self._left_out = {}, 0
        return records

"""Network requests of a call, as a model and a program read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bellglass.sandboxes.egress.request_log import RequestRecord

MAX_NAMED_HOSTS = 5
"""Hosts, or files, that the text names; the record has more."""


def network_lines(records: Sequence[RequestRecord]) -> Iterator[str]:
    """Yield lines on what was refused, what failed, and which packages were installed."""
    refused = [f"{_where(record)} ({record.reason})" for record in records if not record.allowed]
    failed = [f"{_where(record)} ({record.reason})" for record in records if _failed(record)]
    files = [f"{record.file} ({_size(record.size)})" for record in records if _came(record)]
    for what, listed in (("refused", refused), ("no success with", failed), ("fetched", files)):
        if listed:
            more = (
                f" and {len(listed) - MAX_NAMED_HOSTS} more"
                if len(listed) > MAX_NAMED_HOSTS
                else ""
            )
            yield f"Network: {what} {', '.join(listed[:MAX_NAMED_HOSTS])}{more}"


def network_record(records: Sequence[RequestRecord]) -> list[dict[str, Any]]:
    """Return every request, for programs."""
    return [
        {
            "host": record.host,
            "port": record.port,
            "allowed": record.allowed,
            "reason": record.reason,
            "bytes": record.size,
            "requests": record.requests,
            "file": record.file or None,
            "cached": record.cached,
        }
        for record in records
    ]


def counted(record: dict[str, Any]) -> str:
    """Return the number of requests of a call for the log, or an empty text."""
    records = record.get("network") or ()
    total = sum(entry["requests"] for entry in records)
    refused = sum(entry["requests"] for entry in records if not entry["allowed"])
    return f" network {total} of which refused {refused}" if records else ""


def _where(record: RequestRecord) -> str:
    if record.file:
        return record.file
    host = f"[{record.host}]" if ":" in record.host else record.host
    return f"{host}:{record.port}" if host else f"{record.requests} other requests"


def _failed(record: RequestRecord) -> bool:
    return record.allowed and bool(record.reason)


def _came(record: RequestRecord) -> bool:
    """Whether it was a package itself; requests for metadata do not count."""
    return record.allowed and not record.reason and record.package


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"

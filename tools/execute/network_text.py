"""Network requests of a call, as a model and a program read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bellglass.sandboxes.egress.request_log import RequestRecord

MAX_NAMED_HOSTS = 5
"""Hosts, or files, that the text names; the record has more."""


def network_lines(visits: Sequence[RequestRecord]) -> Iterator[str]:
    """Yield lines on what was refused, what failed, and which packages were installed."""
    refused = [f"{_where(visit)} ({visit.reason})" for visit in visits if not visit.allowed]
    failed = [f"{_where(visit)} ({visit.reason})" for visit in visits if _failed(visit)]
    files = [f"{visit.file} ({_size(visit.size)})" for visit in visits if _came(visit)]
    for what, listed in (("refused", refused), ("no success with", failed), ("fetched", files)):
        if listed:
            more = (
                f" and {len(listed) - MAX_NAMED_HOSTS} more"
                if len(listed) > MAX_NAMED_HOSTS
                else ""
            )
            yield f"Network: {what} {', '.join(listed[:MAX_NAMED_HOSTS])}{more}"


def network_record(visits: Sequence[RequestRecord]) -> list[dict[str, Any]]:
    """Return every request, for programs."""
    return [
        {
            "host": visit.host,
            "port": visit.port,
            "allowed": visit.allowed,
            "reason": visit.reason,
            "bytes": visit.size,
            "requests": visit.requests,
            "file": visit.file or None,
            "cached": visit.cached,
        }
        for visit in visits
    ]


def counted(record: dict[str, Any]) -> str:
    """Return the number of requests of a call for the log, or an empty text."""
    visits = record.get("network") or ()
    total = sum(visit["requests"] for visit in visits)
    refused = sum(visit["requests"] for visit in visits if not visit["allowed"])
    return f" network {total} of which refused {refused}" if visits else ""


def _where(visit: RequestRecord) -> str:
    if visit.file:
        return visit.file
    host = f"[{visit.host}]" if ":" in visit.host else visit.host
    return f"{host}:{visit.port}" if host else f"{visit.requests} other requests"


def _failed(visit: RequestRecord) -> bool:
    return visit.allowed and bool(visit.reason)


def _came(visit: RequestRecord) -> bool:
    """Whether it was a package itself; requests for metadata do not count."""
    return visit.allowed and not visit.reason and visit.package


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"

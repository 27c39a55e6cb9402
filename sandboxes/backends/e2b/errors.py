"""One table for all that can go wrong with an engine, raw errors of the transport included.

The SDK's exceptions are no tree: wrong keys and busy services are outside it, and errors of its
HTTP client come through as they are.
"""

from __future__ import annotations

import re
import traceback
from functools import cache
from typing import Any, Literal

from bellglass.sandboxes.backends.e2b import versions
from bellglass.sandboxes.execution import clean

Kind = Literal[
    "gone",
    "away",
    "ended",
    "changing",
    "unreachable",
    "quota",
    "rate",
    "busy",
    "full",
    "auth",
    "billing",
    "request",
    "timeout",
    "old",
    "foreign",
    "build",
    "unknown",
]

ADVICE: dict[Kind, str] = {
    "gone": "The sandbox has ended: its lease ran out, it ran for as long as the plan allows, or "
    "somebody killed it.",
    "away": "The sandbox has ended, or is out of reach for a moment. Try again.",
    "ended": "The machine is there, but the program that holds the session in it has ended: "
    "somebody killed it, or the machine was out of memory.",
    "changing": "The sandbox is being paused or resumed. Try again in a few seconds.",
    "unreachable": "The engine cannot be reached. Check BELLGLASS_E2B_DOMAIN, _API_URL and "
    "_SANDBOX_URL, and the network of this machine.",
    "quota": "The account has as many sandboxes as it may. Close sessions, or set "
    "BELLGLASS_E2B_MAX_SANDBOXES below the limit of the plan.",
    "rate": "The engine limits the rate of requests. Try again in a minute; "
    "BELLGLASS_E2B_MAX_CREATES_PER_SECOND makes bellglass create sandboxes more slowly.",
    "busy": "The engine has no room at the moment. Try again in a minute.",
    "full": "The machine has no room for our program: it is out of processes, files or memory. A "
    "template may leave too little.",
    "auth": "The engine does not take the key. Check E2B_API_KEY or BELLGLASS_E2B_KEY_FILE.",
    "billing": "The engine has blocked the account, so the key is not at fault. Resolve it "
    "where the account is managed.",
    "request": "The engine refused the request. Check BELLGLASS_E2B_TEMPLATE and the limits of "
    "the account.",
    "timeout": "The engine did not answer in time. Try again.",
    "old": "The engine seems to have only version 1 of E2B's API. Install the SDK for it: "
    f"{versions.command(versions.TESTED_OLD)}.",
    "foreign": "The server that answers does not have E2B's API. Check BELLGLASS_E2B_API_URL "
    "and _DOMAIN.",
    "build": "The output above says why. --base names another template to start from.",
    "unknown": "Try again. If it fails again, ask whoever runs the engine.",
}
"""What to do, by kind."""

AGAIN: frozenset[Kind] = frozenset({"unreachable", "away", "changing", "busy", "rate", "timeout"})
"""Kinds that may be gone in a moment. What is not idempotent is not repeated all the same."""

_BY_NAME: dict[str, Kind] = {
    # e2b.exceptions; the first class in the method resolution order that is here counts.
    "AuthenticationException": "auth",
    "RateLimitException": "rate",
    "ServiceBusyException": "busy",
    "GuestUnresponsiveException": "gone",
    "SandboxNotFoundException": "gone",
    "SandboxNotRunningException": "gone",
    "SandboxUnreachableException": "unreachable",
    "InvalidArgumentException": "request",
    "NotEnoughSpaceException": "request",
    "TemplateException": "request",
    "NotFoundException": "gone",
    "BuildException": "build",
    "TimeoutException": "timeout",
    # httpx, httpcore, pyqwest and connectrpc, which come through
    "TransportError": "unreachable",
    "ReadError": "unreachable",
    "WriteError": "unreachable",
    "StreamError": "unreachable",
    "ConnectError": "unreachable",
    "TimeoutError": "timeout",
    "ConnectionError": "unreachable",
    "OSError": "unreachable",
    "JSONDecodeError": "foreign",
}

_BY_STATUS: dict[int, Kind] = {
    400: "request",
    401: "auth",
    403: "auth",
    404: "gone",
    405: "old",
    409: "changing",
    422: "request",
    429: "rate",
    502: "unreachable",
    503: "busy",
    504: "timeout",
}

_QUOTA = re.compile("concurren|quota|maximum number|limit of .{0,200}sandbox", re.IGNORECASE)
_BILLING = re.compile("billing|payment|blocked|suspended|credit", re.IGNORECASE)
_AWAY = re.compile("likely due to sandbox timeout")
"""So the older SDK says of any 502 or 503 of a proxy, whatever the reason."""
_NO_PROCESS = re.compile(r"process with pid \d{1,10} not found")
_MAX_SHOWN_CHARACTERS = 300
"""Characters of an engine's own words that are passed on."""
_MAX_READ_CHARACTERS = 2_000
"""Characters of them that are looked at."""


class E2BError(Exception):
    """A call to the engine failed; the text says how, what to do, and holds no secret."""

    def __init__(self, kind: Kind, what: str, detail: str = "") -> None:
        words = f" ({detail})" if detail else ""
        super().__init__(f"could not {what}: {kind}{words}. {ADVICE[kind]}")
        self.kind: Kind = kind


def from_exception(exc: Exception, what: str, secrets: tuple[str, ...]) -> E2BError:
    """Return what `exc`, raised when we tried to `what`, is to us."""
    return E2BError(kind_of(exc), what, _words(exc, secrets))


def kind_of(exc: Exception) -> Kind:
    """Classify an exception of the SDK, or of what it is made of."""
    kind: Kind = "unknown"
    for cls in type(exc).__mro__:
        if cls.__name__ in _BY_NAME:
            kind = _BY_NAME[cls.__name__]
            break
    if kind in ("unknown", "rate", "foreign"):
        kind = _BY_STATUS.get(_status(exc), kind)
    text = str(exc)[:_MAX_READ_CHARACTERS]
    if kind == "rate" and _QUOTA.search(text):
        kind = "quota"
    if kind == "auth" and _BILLING.search(text):
        kind = "billing"
    if kind == "timeout" and _AWAY.search(text):
        kind = "away"
    if kind == "gone" and _NO_PROCESS.search(text):
        kind = "ended"
    return kind


def _status(exc: Exception) -> int:
    """Return the HTTP status behind an exception, or 0.

    The SDK reads a refusal as JSON before it looks at its status. Gateways, and servers that do not
    know a path, refuse in other words; then the answer is only in the frames of the exception.
    """
    holders: list[Any] = [exc]
    if isinstance(exc, ValueError):
        frames = traceback.walk_tb(exc.__traceback__)
        holders += [frame.f_locals.get("response") for frame, _ in frames]
    statuses = [getattr(holder, "status_code", None) for holder in holders]
    return next((status for status in statuses if isinstance(status, int)), 0)


def _words(exc: Exception, secrets: tuple[str, ...]) -> str:
    text = " ".join(str(exc).split()) or type(exc).__name__
    for secret in filter(None, secrets):
        text = text.replace(secret, "[key]")
    text = _unprintable().sub("\ufffd", clean(text))
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else text[:_MAX_SHOWN_CHARACTERS] + "..."


@cache
def _unprintable() -> re.Pattern[str]:
    return re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

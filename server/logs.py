"""The log: plain lines on stderr, without code, output or secrets."""

import hashlib
import logging
import re
import sys
from collections.abc import Sequence

from bellglass.sandboxes import trace
from bellglass.server.console import printable

log = logging.getLogger(__name__)

_IDS = re.compile(
    r"(?<![0-9A-Za-z_-])(?!e2b-code-interpreter\b)(?=[0-9A-Za-z_-]*[0-9])"
    r"[0-9A-Za-z_-]{20,}(?![0-9A-Za-z_-])"
)
"""A possible session id or token: long, without blanks, with a digit. One package is like that."""


def short_hash(secret: str) -> str:
    """Return a short hash by which lines of a log can be matched, without revealing `secret`."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()[:8]


class PlainFormatter(logging.Formatter):
    """Escapes what could forge a line or control a terminal, and replaces ids by hashes.

    It also covers libraries, which may log a session id (the SDK does).
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = record.message.replace("\n", "\\n")
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        text = _IDS.sub(lambda match: f"#{short_hash(match[0])}", super().format(record))
        return printable(text)


def configure(levels: str, traced: Sequence[str] = ()) -> None:
    """Log to stderr. Called before the server is built, which would set up boxes and colours.

    `levels` is a level, followed by levels of packages after commas: `info,sandboxes.egress=debug`.
    """
    level, *others = levels.split(",")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    # Our lines do not have these, and each line would pay for them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # These log every request and name sessions; our own line for each call is enough.
    for name in ("mcp", "httpx2", "sse_starlette", "asyncio", "uvicorn", "httpx", "e2b", "pyqwest"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    for name, _, own in (other.partition("=") for other in others):
        logging.getLogger(f"bellglass.{name}").setLevel(own.upper())
    logging.getLogger(trace.LOGGER).setLevel(logging.WARNING)
    for name in traced:
        if name in trace.NAMES:
            logging.getLogger(f"{trace.LOGGER}.{name}").setLevel(logging.DEBUG)
        else:
            known = ", ".join(trace.NAMES)
            log.warning("BELLGLASS_TRACE: nothing is called %r. There are: %s.", name, known)

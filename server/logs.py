"""The log: plain lines on stderr, without code, output or anything that opens a session."""

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
"""What may be a session id or a token: long, without a space, with a digit. One package is that."""


def short_hash(secret: str) -> str:
    """Return a name for `secret` that lines of a log can be matched by, and that opens nothing."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()[:8]


class PlainFormatter(logging.Formatter):
    """Escapes what could forge a line or steer a terminal, and shortens ids to hashes.

    The net under everything else: a library may log a session id (the SDK does).
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = record.message.replace("\n", "\\n")
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        text = _IDS.sub(lambda match: f"#{short_hash(match[0])}", super().format(record))
        return printable(text)


def configure(levels: str, traced: Sequence[str] = ()) -> None:
    """Log to stderr. Called before the server is built, which would set up boxes and colours.

    `levels` is a level, and after commas those of packages: `info,sandboxes.egress=debug`.
    """
    level, *others = levels.split(",")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # These tell of every request and name sessions; ours is the line that counts.
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

"""Let browsers show answers to web pages of the origins that the operator lists."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

_REQUEST_HEADERS = (
    "authorization",
    "content-type",
    "content-range",
    "if-match",
    "if-range",
    "last-event-id",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
    "range",
)

_ANSWER_HEADERS = (
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Range",
    "ETag",
    "Location",
    "Mcp-Session-Id",
    "Retry-After",
    "WWW-Authenticate",
)
"""Headers of answers that a page may read: the session of `/mcp`, the parts of `/files/`."""


def readable_by(origins: frozenset[str], app: ASGIApp) -> ASGIApp:
    """Return `app` with answers to preflights of `origins`, and with the headers of CORS.

    There are no credentials in the sense of CORS: a page sends the token in a header, as any client
    does.
    """
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=("GET", "HEAD", "POST", "PUT", "DELETE"),
        allow_headers=_REQUEST_HEADERS,
        expose_headers=_ANSWER_HEADERS,
        allow_private_network=True,  # which Chrome asks for where the server is on loopback
    )

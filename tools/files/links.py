"""Links to files of a session in results, for the clients that take them."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from mcp.server.apps import client_supports_apps
from mcp.types import ResourceLink

from bellglass.tools.files.addresses import file_uri
from bellglass.tools.files.mime_types import mime_type_of

if TYPE_CHECKING:
    from bellglass.sandboxes.execution import Output
    from bellglass.sandboxes.sessions.session import Session
    from bellglass.tools.context import Request

FIRST_VERSION_WITH_LINKS = "2025-06-18"

TAKERS = (
    "claude",  # Claude Desktop and claude.ai are `claude-ai`, Claude Code is `claude-code`
    "visual studio code",
    "gemini-cli-mcp-client",
    "goose",
    "mcp-inspector",
    "inspector",
)
"""How the names begin of clients that are known to take links, in lower case.

Frameworks that keep the name of their SDK, such as `mcp`, cannot be told apart, and the adapter of
LangChain, which is one of them, turns each link into a file that its models refuse.
"""

PROBES = ("test", "test-client", "t")
"""Whole names that programs give themselves which speak the protocol by hand to try a server."""


def takes_links(request: Request) -> bool:
    """Tell whether the client of this call gets links; what they say is in the text as well."""
    if request.protocol_version < FIRST_VERSION_WITH_LINKS:
        return False  # such a client refuses the whole result
    wanted = request.lifespan_context.links
    return wanted == "on" or (wanted == "auto" and _known_to_take_links(request))


def _known_to_take_links(request: Request) -> bool:
    client = request.session.client_params
    name = client.client_info.name.lower() if client is not None else ""
    return client_supports_apps(request) or name.startswith(TAKERS) or name in PROBES


def link_to_output(output: Output, session: Session) -> ResourceLink | None:
    """Return a link to the file that holds the whole of an output, if there is one."""
    return None if output.file is None else link_to(output.file, output.file_bytes, session)


def link_to(path: str, size: int, session: Session) -> ResourceLink:
    """Return a link to a file that holds the whole of something that a result had to cut."""
    return ResourceLink(
        name=posixpath.basename(path),
        uri=file_uri(session.id, path),
        mime_type=mime_type_of(path) or "text/plain",
        size=size,
    )

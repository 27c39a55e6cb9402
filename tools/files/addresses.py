"""URIs of a session's files as resources."""

from __future__ import annotations

import posixpath
from urllib.parse import quote

from mcp.shared.uri_template import UriTemplate
from mcp.types import ResourceTemplate

TEMPLATES = (
    ResourceTemplate(
        name="file",
        title="A file of a session",
        uri_template="sandbox://{session_id}/files/{+path}{?offset}",
        description=(
            "A file in the working directory of a session. Of a large one a part, from the byte "
            "`offset` on; its _meta names the next."
        ),
    ),
    ResourceTemplate(
        name="output",
        title="The whole of a cut output",
        uri_template="sandbox://{session_id}/output/{name}{?offset}",
        description="What one of the last calls printed, when its result had to cut it.",
    ),
)

FILES, OUTPUT = (UriTemplate.parse(template.uri_template) for template in TEMPLATES)

OUTPUT_FOLDER = "/tmp"  # in the sandbox; the supervisor keeps cut output there


def file_uri(session_id: str, path: str) -> str:
    """Return the URI of a file of a session, however its path was written."""
    path = posixpath.normpath(path)
    if posixpath.dirname(path) == OUTPUT_FOLDER:
        return f"sandbox://{session_id}/output/{quote(posixpath.basename(path), safe='')}"
    return f"sandbox://{session_id}/files/{quote(path.removeprefix('/work/'))}"

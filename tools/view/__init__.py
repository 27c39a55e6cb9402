"""The view for people: a page that shows results of tools, in hosts that support MCP Apps.

It is one resource for every tool that names it, assembled here from its parts. See docs/view.md.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path

from mcp.server.apps import APP_MIME_TYPE, Apps
from mcp.server.mcpserver.resources import FunctionResource

VIEW = "ui://bellglass/execution"

SCRIPTS = (
    "host.js",
    "nodes.js",
    "controls.js",
    "contrast.js",
    "terminal.js",
    "source.js",
    "table.js",
    "markup.js",
    "downloads.js",
    "displays.js",
    "sections.js",
    "reports.js",
    "execution.js",
    "view.js",
)
"""The scripts in the order in which the page has them, as one script."""

_NOTHING_FROM_OUTSIDE: dict[str, list[str]] = {
    "connectDomains": [],
    "resourceDomains": [],
    "frameDomains": [],
    "baseUriDomains": [],
}


def view_extension() -> Apps:
    """Return the extension that serves the page; tools name it in `_meta.ui`."""
    apps = Apps()
    apps.add_resource(
        FunctionResource(
            uri=VIEW,
            name="execution",
            title="What ran",
            description="Shows people an execution as a notebook would.",
            mime_type=APP_MIME_TYPE,
            meta={"ui": {"csp": _NOTHING_FROM_OUTSIDE, "prefersBorder": True}},
            fn=page,
        )
    )
    return apps


@cache
def page() -> str:
    """Return the page. Its content policy permits only its own scripts and styles."""
    folder = Path(__file__).parent
    style = (folder / "view.css").read_text("utf-8")
    script = "\n".join((folder / name).read_text("utf-8") for name in SCRIPTS)
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    frame = (folder / "page.html").read_text("utf-8")
    return frame.replace("[policy]", policy).replace("[style]", style).replace("[script]", script)


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"

"""The public interface for authors of tools: one folder per tool, with its jobs in `inside`.

Names that are not listed here may change at any time.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.sandboxes.common.jobs import Job
    from bellglass.tools.arguments import SessionId
    from bellglass.tools.context import ToolContext
    from bellglass.tools.entry import ToolEntry
    from bellglass.tools.errors import reported_to_model
    from bellglass.tools.sessions.session_resolver import session_for

_MODULES = {
    "Job": "bellglass.sandboxes.common.jobs",
    "SessionId": "bellglass.tools.arguments",
    "ToolContext": "bellglass.tools.context",
    "ToolEntry": "bellglass.tools.entry",
    "reported_to_model": "bellglass.tools.errors",
    "session_for": "bellglass.tools.sessions.session_resolver",
}

__all__ = [
    "Job",
    "SessionId",
    "ToolContext",
    "ToolEntry",
    "reported_to_model",
    "session_for",
]


def __getattr__(name: str) -> object:
    # Imported on first use: a sandbox is started without the tools, which import much.
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""What a client can call: one file a tool."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from mcp.types import ToolAnnotations

from bellglass.tools.close_session import close_session
from bellglass.tools.execute_bash import execute_bash
from bellglass.tools.execute_python import execute_python
from bellglass.tools.list_sessions import list_sessions
from bellglass.tools.run_tests import run_tests
from bellglass.tools.validate_code import validate_code


@dataclass(frozen=True, slots=True)
class ToolEntry:
    """A tool as it is listed; its function's docstring is the manual that a model reads."""

    function: Callable[..., Awaitable[Any]]
    title: str
    annotations: ToolAnnotations


def _in_sandbox(*, destructive: bool = False, idempotent: bool = False) -> ToolAnnotations:
    return ToolAnnotations(
        read_only_hint=False,
        destructive_hint=destructive,
        idempotent_hint=idempotent,
        open_world_hint=False,
    )


_READ_ONLY = ToolAnnotations(read_only_hint=True, open_world_hint=False)

TOOLS = (
    ToolEntry(execute_python, "Run Python", _in_sandbox()),
    ToolEntry(execute_bash, "Run Bash", _in_sandbox()),
    ToolEntry(validate_code, "Check code without running it", _READ_ONLY),
    ToolEntry(run_tests, "Run tests", _in_sandbox()),
    ToolEntry(list_sessions, "List sessions", _READ_ONLY),
    ToolEntry(close_session, "Close a session", _in_sandbox(destructive=True, idempotent=True)),
)
"""In the order of the listing, which clients cache: add at the end."""

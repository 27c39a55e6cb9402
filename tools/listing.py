"""The listing of the tools that a client can call, in order."""

from collections.abc import Sequence

from mcp.types import ToolAnnotations

from bellglass.sandboxes import plugins
from bellglass.tools.entry import ToolEntry
from bellglass.tools.execute.background_run import background_run
from bellglass.tools.execute.execute_bash import execute_bash
from bellglass.tools.execute.execute_python import execute_python
from bellglass.tools.files.read_file import read_file
from bellglass.tools.files.write_file import write_file
from bellglass.tools.groups import ALL, left_out
from bellglass.tools.run_tests.tool import run_tests
from bellglass.tools.sessions.branch_session import branch_session
from bellglass.tools.sessions.close_session import close_session
from bellglass.tools.sessions.list_sessions import list_sessions
from bellglass.tools.validate_code.tool import validate_code


def _in_sandbox(*, destructive: bool = False, idempotent: bool = False) -> ToolAnnotations:
    """Return what differs from a client's defaults: every character of the listing costs tokens."""
    return ToolAnnotations(
        destructive_hint=None if destructive else False,
        idempotent_hint=idempotent or None,
        open_world_hint=False,
    )


RESTRICTED = {
    "execute_python": """Evaluate a subset of Python and return its output and last value.

For arithmetic and small algorithms. There are functions, plain classes, comprehensions, match,
async, exceptions, and these modules: asyncio base64 bisect collections copy csv dataclasses
datetime decimal functools hashlib itertools json math random re time typing. There are no files,
no network, no other modules, no inheritance, no yield, no del, no input. Variables persist between
calls that pass the same session_id. A session is deleted {idle} after its last call, at the latest
{age} after its first.

Code that fails is a normal result: its first line says how, and whether variables were kept.""",
    "execute_bash": "Not available: this server evaluates a subset of Python and has no shell.",
    "background_run": "Not available: this server has no background runs.",
    "branch_session": "Not available: this server cannot copy sessions.",
    "run_tests": """Test code in a subset of Python with cases and return what failed, and why.

Cases are calls with the value they return or the exception they raise. There is no pytest, so
pass no tests. A failing case is a normal result.""",
    "read_file": "Not available: this server evaluates a subset of Python and has no files.",
    "write_file": "Not available: this server evaluates a subset of Python and has no files.",
}
"""Manuals of the tools for the restricted backend, if they differ."""

RUNNING = frozenset({"execute_python", "execute_bash", "run_tests"})
"""Tools that run code, which may reach what the operator allows."""

_READ_ONLY = ToolAnnotations(read_only_hint=True, open_world_hint=False)

TOOLS = (
    ToolEntry(execute_python, "Run Python", _in_sandbox(), shown=True),
    ToolEntry(execute_bash, "Run Bash", _in_sandbox(), shown=True),
    ToolEntry(validate_code, "Check code", _READ_ONLY, shown=True),
    ToolEntry(run_tests, "Run tests", _in_sandbox(), shown=True),
    ToolEntry(list_sessions, "List sessions", _READ_ONLY),
    ToolEntry(close_session, "Close a session", _in_sandbox(destructive=True, idempotent=True)),
    ToolEntry(read_file, "Read a file", _READ_ONLY),
    ToolEntry(write_file, "Write a file", _in_sandbox(destructive=True, idempotent=True)),
    ToolEntry(background_run, "Background run", _in_sandbox(destructive=True)),
    ToolEntry(branch_session, "Branch a session", _in_sandbox()),
)
"""The order of the listing, which clients cache: add at the end."""


class ToolUnavailable(Exception):
    """A tool that the operator has named cannot be served; the text says why."""


def listed(groups: tuple[str, ...] = ALL, extra: Sequence[str] = ()) -> tuple[ToolEntry, ...]:
    """Return the TOOLS of these groups, followed by the `extra` tools of other distributions.

    Raises:
        ToolUnavailable: One of them is not installed, cannot be imported, or has the name of
            another tool.
    """
    installed = plugins.installed(plugins.TOOLS)
    entries = list(TOOLS)
    for name in extra:
        if name not in installed:
            known = ", ".join(sorted(installed)) or "none"
            raise ToolUnavailable(f"There is no tool {name!r} to add; installed: {known}.")
        try:
            entry = installed[name].load()
        except Exception as exc:  # another distribution may raise anything
            raise ToolUnavailable(f"The tool {name!r} cannot be imported: {exc!r}.") from exc
        if not isinstance(entry, ToolEntry):
            raise ToolUnavailable(
                f"{installed[name].value}, the tool {name!r}, is not a ToolEntry."
            )
        if entry.function.__name__ in {known.function.__name__ for known in entries}:
            raise ToolUnavailable(f"There is a tool {entry.function.__name__!r} already.")
        entries.append(entry)
    absent = left_out(groups)
    return tuple(entry for entry in entries if entry.function.__name__ not in absent)

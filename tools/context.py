"""The context of a tool call: the sessions, and the operator's settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mcp.server.context import ServerRequestContext

from bellglass.sandboxes.setup.packages import Packages
from bellglass.tools.call_limits import DEFAULT_BACKGROUND_SECONDS, DEFAULT_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyio.abc import TaskGroup

    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.folders.folder import Folder
    from bellglass.sandboxes.frame_models import Stream
    from bellglass.sandboxes.session_limits import Limits
    from bellglass.sandboxes.sessions.sessions import Sessions
    from bellglass.tools.files.updates import Updates
    from bellglass.tools.policy import Policy


class Listener(Protocol):
    """Receives output and executions unrendered, in the process of the server."""

    async def take_output(self, stream: Stream) -> None:
        """Take output as it arrives; output that arrives too fast is left out."""

    def end(self, execution: Execution) -> None:
        """Take the execution before it is rendered for a model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolContext:
    """The context of every tool call, made once in the server's lifespan."""

    sessions: Sessions
    tasks: TaskGroup
    """For tasks that outlive a call."""

    limits: Limits
    policy: Policy
    """What is refused before it runs."""

    updates: Updates
    """The subscriptions of clients that watch files."""

    network: str = "none"
    """What sessions may reach, as the setting names it."""

    folders: Sequence[Folder] = ()
    """The folders that an operator lends to sessions."""

    save_to: str | None = None
    """The folder of the user's machine that what calls leave in /work/out is copied to."""

    packages: Packages = field(default_factory=Packages)
    """What is known of the packages in sandboxes."""

    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    """The time limit of a call that names none."""

    background_seconds: float = DEFAULT_BACKGROUND_SECONDS
    """The longest and the default time limit of a background run; 0 if there are none."""

    left_out: frozenset[str] = frozenset()
    """Tools of ours that are not listed, so that no text may name them."""

    explicit_sessions: bool = False
    """Whether a call without session_id always starts a new session."""

    grace_seconds: float = 30
    """Seconds for which the session of a legacy connection outlives it."""

    listener: Listener | None = None
    """For `bellglass run` and `bellglass shell`, whose users read output and not results."""

    links: Literal["auto", "on", "off"] = "auto"
    """Whether results have links to files; `auto`: for clients that are known to take them."""

    one_block: bool = False
    """Whether all text of a result is in its first block."""

    errors_as_tool_errors: bool = False
    """Whether results of code that failed have `isError`."""


Request = ServerRequestContext[ToolContext, Any]
"""What `ctx.request_context` of a tool is. A function takes it once: `ctx` is a model of pydantic,
in which that is slow."""

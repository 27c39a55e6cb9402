"""What a tool call finds: the sessions, and how the operator wants them served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.limits import Limits
    from bellglass.sandboxes.protocol import Stream
    from bellglass.sandboxes.sessions.sessions import Sessions
    from bellglass.tools.files.updates import Updates
    from bellglass.tools.policy import Policy


class Listener(Protocol):
    """Hears what the code printed as the code wrote it, in the process of the server."""

    async def hear(self, stream: Stream) -> None:
        """Take output as it comes: what comes too fast is left out."""

    def end(self, execution: Execution) -> None:
        """Take the execution, before it is rendered for a model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolContext:
    """Made once, in the server's lifespan."""

    sessions: Sessions
    tasks: TaskGroup
    """For what outlives a call."""

    limits: Limits
    policy: Policy
    """What is refused before it runs."""

    updates: Updates
    """Who watches files."""

    network: str = "none"
    """What sessions may reach, in the words of the setting."""

    timeout_seconds: float = 30
    """Of a call that names no time limit."""

    background_seconds: float = 3600
    """The most that a background run may take, and what it may if it names no limit; 0 for none."""

    explicit_sessions: bool = False
    """A call without session_id always starts a new session."""

    grace_seconds: float = 30
    """How long the session of a legacy connection outlives it."""

    listener: Listener | None = None
    """Of `bellglass run` and `bellglass shell`, whose users read output and not results."""

    errors_as_tool_errors: bool = False
    """Mark results of code that failed with `isError`."""

"""The age of the checkpoint, counted in calls of Python, and what is told of it after a restore."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.basics import VariableState

VARIABLES: dict[VariableState, str] = {
    "kept": "Variables and files are kept.",
    "restored": "Variables are as they were before this call, and files are kept.",
    "lost": "Its variables are lost; files are kept.",
}

OLDER = (
    "Variables are as they were after call {call} of Python in this session, and files are kept. "
    "{undone} undone as well, because no copy was made then: one is made as long as Python holds "
    "less than half of the session's memory."
)


class CheckpointAge:
    """Knows after which call the checkpoint was made."""

    def __init__(self) -> None:
        self.undone_calls = 0
        """The calls before the present one that the last restore has undone."""
        self._calls = 0
        """Calls of Python that are over."""
        self._made_after = 0

    @property
    def is_old(self) -> bool:
        """Whether a call has changed something since the checkpoint was made."""
        return self._made_after < self._calls

    def note_call(self, *, changed: bool) -> None:
        """A call of Python is over; what holds before one that changed nothing holds after it."""
        if not changed and not self.is_old:
            self._made_after += 1
        self._calls += 1

    def note_checkpoint(self) -> None:
        """A checkpoint was made."""
        self._made_after = self._calls

    def note_restored(self, *, from_checkpoint: bool) -> None:
        """The worker was replaced by the checkpoint, or by an empty one."""
        self.undone_calls = self._calls - self._made_after if from_checkpoint else 0
        self._made_after = self._calls

    def told(self, state: VariableState) -> str:
        """Return what became of the variables when the worker was replaced."""
        if state != "restored" or not self.undone_calls:
            return VARIABLES[state]
        one = self.undone_calls == 1
        undone = "The call after it is" if one else f"The {self.undone_calls} calls after it are"
        return OLDER.format(call=self._made_after - self.undone_calls, undone=undone)

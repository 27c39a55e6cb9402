"""A launch that failed: at which step, with which error of the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.execution import clean

if TYPE_CHECKING:
    from collections.abc import Mapping


class LaunchFailed(Exception):
    """A step of starting a zygote or a place failed; nothing was executed."""

    def __init__(self, step: str, errno: int, text: str) -> None:
        super().__init__(f"{step}: {text}")
        self.step = step
        self.errno = errno
        self.text = text

    @classmethod
    def from_frame(cls, frame: Mapping[str, Any]) -> LaunchFailed:
        """Make one of what the failing process said, which is before any code of a session."""
        errno = frame.get("errno")
        return cls(
            clean(str(frame.get("step", "setup")))[:100],
            errno if isinstance(errno, int) else 0,
            clean(str(frame.get("error", "")))[:500],
        )

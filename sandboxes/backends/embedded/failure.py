"""The error of a failed launch: the step, and the kernel's error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.execution import clean

if TYPE_CHECKING:
    from collections.abc import Mapping


class LaunchFailed(Exception):
    """A step of starting a zygote or a sandbox failed; no code was executed."""

    def __init__(self, step: str, errno: int, text: str) -> None:
        super().__init__(f"{step}: {text}")
        self.step = step
        self.errno = errno
        self.text = text

    @classmethod
    def from_frame(cls, frame: Mapping[str, Any]) -> LaunchFailed:
        """Build it from the frame of the failing process, which has not run code of a session."""
        errno = frame.get("errno")
        return cls(
            clean(str(frame.get("step", "setup")))[:100],
            errno if isinstance(errno, int) else 0,
            clean(str(frame.get("error", "")))[:500],
        )

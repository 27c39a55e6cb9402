"""Files with the full contents of displays that had to be cut."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from bellglass.sandboxes.common import display_bounds

FOLDER = "/tmp"


class OverflowFiles:
    """The files of one call, which together hold at most `room` bytes, as for its output."""

    def __init__(self, call: int, room: int) -> None:
        self._call = call
        self._room = room
        self._count = 0

    def write(self, kind: str, ending: str, parts: Iterable[bytes]) -> tuple[str, int, bool]:
        """Write `parts` to a new file, as far as there is room; a picture is written whole or not.

        Returns its path (empty if there is no file), its size, and whether it is complete.
        """
        assert kind in display_bounds.FILE_KINDS
        if self._count >= display_bounds.MAX_FILES or self._room <= 0:
            return "", 0, False
        self._count += 1
        path = f"{FOLDER}/{kind}-{self._call}-{self._count}.{ending}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = os.open(path, flags, 0o600)
        except OSError:
            return "", 0, False
        written, whole = 0, True
        try:
            for part in parts:
                if len(part) > self._room:
                    if kind == "picture":
                        raise OSError("a part of a picture is none")
                    # Lines are kept whole, so that the file can be parsed.
                    part = part[: part.rfind(b"\n", 0, self._room) + 1]
                    whole = False
                view = memoryview(part)
                while view:
                    done = os.write(fd, view)
                    view = view[done:]
                    written += done
                    self._room -= done
                if not whole:
                    break
        except Exception:
            whole = False  # the disk of the session is full, or `parts` stopped early
        finally:
            os.close(fd)
        if not written:
            os.unlink(path)
        return (path if written else ""), written, whole


Write = Callable[[str, str, Iterable[bytes]], "tuple[str, int, bool]"]
"""The type of `OverflowFiles.write`."""

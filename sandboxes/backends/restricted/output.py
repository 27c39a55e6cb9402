"""Keep the head and the tail of printed output, both limited."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.execution import Output


class Printed:
    """One output stream of one call. The rest is not kept in a file."""

    def __init__(self, most: int) -> None:
        self._room = most // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._total = 0
        self.unsent = ""
        """Output that has not been sent as progress yet."""

    def add(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        self._total += len(data)
        room = self._room - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 64 * self._room:
            del self._tail[: -self._room]
        self.unsent = (self.unsent + text)[-2_000:]

    def report(self) -> Output:
        """Return the stream as it is reported."""
        # The input was whole characters, so "ignore" removes only the parts of one at a cut.
        head = self._head.decode("utf-8", "ignore")
        tail = self._tail[-self._room :].decode("utf-8", "ignore")
        cut = self._total - len(head.encode()) - len(tail.encode())
        text = head
        if cut > 0:
            text += f"\n[… {cut:,} of {self._total:,} bytes omitted …]\n"
        text += tail
        return {"text": text, "total_bytes": self._total, "cut_bytes": cut}

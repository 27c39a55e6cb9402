"""How long the machines of a session have run: they are paid for by the second."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from bellglass.sandboxes.backends.e2b.patience import MAX_REMEMBERED_SESSIONS

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.e2b.machines.lease import Lease


class UsageMeter:
    """Of all sessions of one server."""

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}
        self._before: OrderedDict[str, float] = OrderedDict()
        """What machines of a session have run that have ended."""

    def begin(self, session_id: str, lease: Lease) -> None:
        """Count what is used by `lease`."""
        self._leases[session_id] = lease

    def end(self, session_id: str) -> None:
        """The machine has ended: keep the sum."""
        used = self.of(session_id)
        self._leases.pop(session_id, None)
        self._before.pop(session_id, None)
        self._before[session_id] = used
        while len(self._before) > MAX_REMEMBERED_SESSIONS:
            self._before.popitem(last=False)

    def of(self, session_id: str) -> float:
        """Return the seconds used so far."""
        lease = self._leases.get(session_id)
        return self._before.get(session_id, 0.0) + (lease.used_seconds if lease else 0.0)

"""Machines that could not be reached and may live: the session's next call tries once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.e2b.machines.lease import Lease
    from bellglass.sandboxes.backends.e2b.machines.machine import Machine


class Unreachable(NamedTuple):
    """A machine, and our program in it."""

    machine: Machine
    pid: int
    lease: Lease


class UnreachableMachines(dict[str, Unreachable]):
    """By session. Their leases bound what they cost."""

    def may_live(self, session_id: str) -> bool:
        return session_id in self and not self[session_id].lease.is_over

    def machine_ids(self) -> set[str]:
        return {left.machine.id for left in self.values()}

    def pop_ended(self) -> list[str]:
        """Drop those whose lease is over; return their sessions."""
        ended = [session_id for session_id in self if not self.may_live(session_id)]
        for session_id in ended:
            self.pop(session_id).lease.stopped()
        return ended

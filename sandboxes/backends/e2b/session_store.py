"""Sessions that outlive their server: what one writes down, and what it claims of another."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from bellglass.sandboxes.backends.e2b.patience import MAX_REMEMBERED_SESSIONS
from bellglass.sandboxes.backends.e2b.program.command import edition
from bellglass.sandboxes.backends.e2b.session_records import Record, SessionRecords
from bellglass.sandboxes.sessions.session_hashes import hash_of_caller

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.e2b.endpoint import Endpoint
    from bellglass.sandboxes.backends.e2b.machines.owner import Owner
    from bellglass.sandboxes.session_limits import Limits


class SessionStore:
    """For one server, `this`, on one engine."""

    def __init__(
        self,
        folder: str | None,
        this: Owner,
        endpoint: Endpoint,
        limits: Limits,
        age_seconds: float,
    ) -> None:
        # Where nobody can tell that this server is dead, nobody could claim what it writes.
        self._records = SessionRecords(Path(folder) if folder and this.is_known else None)
        self._this = this
        self._endpoint = endpoint
        self._limits = limits
        self._age_seconds = age_seconds
        self._assigned: OrderedDict[str, tuple[str | None, float]] = OrderedDict()
        self._sandboxs: dict[str, tuple[str, int]] = {}
        """Sandbox and process of each session that has them."""
        self._claimed: dict[str, Record] = {}

    # --- our own

    def assign(self, session_id: str, owner: str | None, created_at: float) -> None:
        """Note whose a session is: before that it is not written down."""
        self._assigned[session_id] = owner, created_at
        while len(self._assigned) > MAX_REMEMBERED_SESSIONS:
            self._assigned.popitem(last=False)
        if session_id in self._sandboxs:  # it was kept ready
            self._write(session_id)

    async def placed(self, session_id: str, sandbox_id: str, pid: int) -> None:
        """Write down where a session is."""
        self._sandboxs[session_id] = sandbox_id, pid
        if session_id in self._assigned:
            await to_thread.run_sync(self._write, session_id)

    def ended(self, session_id: str) -> None:
        """Forget where a session was."""
        self._sandboxs.pop(session_id, None)
        self._records.remove(session_id)

    def _write(self, session_id: str) -> None:
        owner, created_at = self._assigned[session_id]
        sandbox_id, pid = self._sandboxs[session_id]
        record = Record(
            host=self._this.host,
            process=self._this.process,
            sandbox=sandbox_id,
            pid=pid,
            caller=hash_of_caller(session_id, owner),
            terms=self._terms(),
            created_at=created_at,
            until=created_at + self._age_seconds,
        )
        self._records.write(session_id, record)

    # --- of others

    async def claim(self, session_id: str, owner: str | None) -> float | None:
        """Claim what a dead server left of a session; return when that began, None if nothing."""
        if session_id not in self._claimed:
            terms = await to_thread.run_sync(self._terms)
            record = await to_thread.run_sync(
                self._records.claim, session_id, owner, terms, self._this
            )
            if record is None:
                return None
            self._claimed[session_id] = record
        record = self._claimed[session_id]
        if record.caller != hash_of_caller(session_id, owner):
            return None
        self.assign(session_id, owner, record.created_at)
        return record.created_at

    def taken(self, session_id: str) -> Record | None:
        """Return what was claimed of a session, once."""
        return self._claimed.pop(session_id, None)

    async def sandboxes(self) -> set[str]:
        """Return the sandboxes of all sessions that are written down."""
        return await to_thread.run_sync(self._records.sandboxes)

    def _terms(self) -> str:
        """Return a hash of what a sandbox was made for: another server must mean the same."""
        where = (self._endpoint.api, self._endpoint.sandboxes)
        terms = (*where, edition(), json.dumps(asdict(self._limits)))
        return hashlib.sha256("\n".join(terms).encode()).hexdigest()

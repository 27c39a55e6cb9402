"""The sessions of a server that may outlive it, and those that it takes over from another one."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
from contextlib import ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
from anyio import to_thread

from bellglass.sandboxes.backends.embedded.cgroups import Group
from bellglass.sandboxes.backends.embedded.sandbox import Sandbox
from bellglass.sandboxes.backends.embedded.stream import SignedStream, pair
from bellglass.sandboxes.bundle import CONFINEMENT, edition
from bellglass.sandboxes.frame_models import new_nonce
from bellglass.sandboxes.sessions.session_hashes import hash_of_caller, hash_of_session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from bellglass.sandboxes.backends.embedded.keeper.client import KeeperClient
    from bellglass.sandboxes.folders.folder import Folder
    from bellglass.sandboxes.session_limits import Limits

logger = logging.getLogger(__name__)

READY_TIMEOUT_SECONDS = 20.0
"""For process 1 to stop the call that goes on, and to answer."""


@dataclass
class _Session:
    caller: str
    """A hash of the session's owner."""
    created_at: float
    seconds: float = 0.0
    """For how long it may wait for another server; 0: it ends with this one."""
    until: float = 0.0
    """When it ends at the latest, in seconds since 1970."""


class KeptSessions:
    """Gives the keeper what sandboxes live by, before this server can be gone.

    `run` must be running in a task of its own.
    """

    def __init__(
        self, keeper: KeeperClient | None, terms: Callable[[], str], on_shared: Callable[[], None]
    ) -> None:
        """Without a keeper no session outlives the server.

        `terms` returns a hash of what sandboxes are made from: a server with another one cannot go
        on with them. `on_shared` is called when the keeper is about to have the launcher's socket.
        """
        self._keeper = keeper
        self._terms = terms
        self._on_shared = on_shared
        self._sessions: dict[str, _Session] = {}
        self._sandboxes: dict[str, Sandbox] = {}
        self._claimed: dict[str, Sandbox] = {}
        """Sandboxes of other servers that no call has used yet."""
        self._doomed: list[Sandbox] = []
        self._changed = anyio.Event()

    @property
    def possible(self) -> bool:
        """Whether there may be a keeper."""
        return self._keeper is not None

    # --- sessions of this server

    def start(self, session_id: str, owner: str | None, created_at: float) -> None:
        """Note whose a session is."""
        self._sessions[session_id] = _Session(hash_of_caller(session_id, owner), created_at)

    def outlive(self, session_id: str, seconds: float, until: float) -> None:
        """Have the session wait for another server once this one is gone."""
        if self._keeper is not None and (session := self._sessions.get(session_id)) is not None:
            session.seconds, session.until = seconds, until
            self._changed.set()

    def end(self, session_id: str) -> None:
        """Note that the session has ended: nothing of it is to wait."""
        session = self._sessions.pop(session_id, None)
        if self._keeper is not None and session is not None:
            names = {"session": hash_of_session(session_id), "caller": session.caller}
            self._keeper.tell({"op": "end", **names})
        if (sandbox := self._claimed.pop(session_id, None)) is not None:
            self._doomed.append(sandbox)
            self._changed.set()

    @asynccontextmanager
    async def placed(self, session_id: str, sandbox: Sandbox) -> AsyncGenerator[None]:
        """Use a sandbox for the session; a context that is cancelled leaves it to the keeper."""
        self._sandboxes[session_id] = sandbox
        self._changed.set()
        try:
            yield
            # A call that the end of the server cancels may have given the sandbox up before.
            await anyio.lowlevel.checkpoint_if_cancelled()
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                sandbox.left = await self._hold(session_id)
            raise
        finally:
            if self._sandboxes.get(session_id) is sandbox:
                del self._sandboxes[session_id]

    async def run(self) -> None:
        """Give the keeper what is new, and all of it again to another one if it has ended."""
        async with anyio.create_task_group() as tasks:
            watched = False
            while True:
                await self._changed.wait()
                self._changed = anyio.Event()
                for session_id in list(self._sandboxes):
                    await self._hold(session_id)
                while self._doomed:
                    await _end(self._doomed.pop())
                if self._keeper is not None and self._keeper.connected and not watched:
                    watched = True
                    tasks.start_soon(self._watch)

    async def _watch(self) -> None:
        assert self._keeper is not None
        while True:
            await self._keeper.lost()
            for sandbox in (*self._sandboxes.values(), *self._claimed.values()):
                sandbox.held = False
            for session_id in list(self._sandboxes):
                await self._hold(session_id)
            while not self._keeper.connected:
                await self._changed.wait()
                await anyio.lowlevel.checkpoint()

    async def _hold(self, session_id: str) -> bool:
        """Give the keeper the session's sandbox; tell if it has it."""
        session = self._sessions.get(session_id)
        if self._keeper is None or session is None or not session.seconds:
            return False
        terms = await to_thread.run_sync(self._terms)
        sandbox = self._sandboxes.get(session_id)
        if sandbox is None or not sandbox.may_be_left or sandbox.pidfd is None:
            return False
        if sandbox.held:
            return True
        request = {
            "op": "hold",
            "session": hash_of_session(session_id),
            "caller": session.caller,
            "terms": terms,
            "created_at": session.created_at,
            "until": session.until,
            "seconds": session.seconds,
            "directories": [str(directory) for directory in sandbox.group.directories],
        }
        self._on_shared()
        with ExitStack() as copies:
            given = []
            try:
                # Copies, because the sandbox may end while we wait for our turn.
                for descriptor in (sandbox.attach.fileno(), sandbox.pidfd, *sandbox.needed):
                    given.append(os.dup(descriptor))
                    copies.callback(os.close, given[-1])
            except OSError as exc:
                logger.warning("A session ends with this server: %s", exc.strerror)
                return False
            answer = await self._keeper.ask(request, given, start=True)
        sandbox.held = answer is not None and answer[0]["held"] is True
        return sandbox.held

    # --- sessions of others

    async def claim(self, session_id: str, owner: str | None) -> float | None:
        """Take over what another server left of a session; return when that began."""
        caller = hash_of_caller(session_id, owner)
        if session_id in self._claimed:
            session = self._sessions[session_id]
            return session.created_at if session.caller == caller else None
        if self._keeper is None:
            return None
        ours, theirs = pair(socket.SOCK_STREAM)
        request = {
            "op": "attach",
            "session": hash_of_session(session_id),
            "caller": caller,
            "terms": await to_thread.run_sync(self._terms),
            "packet": json.dumps({"nonce": new_nonce()}),
        }
        with theirs:
            answer = await self._keeper.ask(request, [theirs.fileno()], start=False)
        if answer is None or answer[0]["held"] is not True:
            ours.close()
            return None
        facts, (attach, pidfd, *needed) = answer
        group = Group()
        group.directories = [Path(directory) for directory in facts["directories"]]
        sandbox = Sandbox(SignedStream(ours), socket.socket(fileno=attach), group)
        sandbox.pidfd, sandbox.needed = pidfd, needed
        sandbox.may_be_left = sandbox.held = True
        self._claimed[session_id] = sandbox
        self._sessions[session_id] = _Session(caller, facts["created_at"])
        return float(facts["created_at"])

    @asynccontextmanager
    async def taken_over(self, session_id: str) -> AsyncGenerator[Sandbox | None]:
        """Yield the sandbox that was claimed, if it answers. Leaving ends it, or leaves it."""
        sandbox = self._claimed.pop(session_id, None)
        if sandbox is None:
            yield None
            return
        answers = False
        try:
            with anyio.move_on_after(READY_TIMEOUT_SECONDS):
                answers = await sandbox.stream.speaks()
            if answers:
                yield sandbox
        finally:
            with anyio.CancelScope(shield=True):
                await _end(sandbox)
        if not answers:
            yield None

    def close(self) -> None:
        """Leave the sessions to the keeper."""
        if self._keeper is not None:
            self._keeper.close()


async def _end(sandbox: Sandbox) -> None:
    await sandbox.end()
    await sandbox.remove_group()
    for descriptor in sandbox.needed:
        os.close(descriptor)


def terms(limits: Limits, python: str, preload: Sequence[str], folders: Sequence[Folder]) -> str:
    """Return a hash of what a sandbox was made from: another server must mean the same."""
    program = edition(CONFINEMENT, "bellglass.sandboxes.backends.embedded.inside")
    text = json.dumps([asdict(limits), python, list(preload), repr(folders), program])
    return hashlib.sha256(text.encode()).hexdigest()

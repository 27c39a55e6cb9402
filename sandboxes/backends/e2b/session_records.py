"""What a server writes down of its sessions, so that the next one can go on when it was killed.

One small file a session, in a folder that only the user can read. No id of a session is in it and
no key: its name is a hash of the id, and whoever claims a session has to know that.
"""

from __future__ import annotations

import logging
import os
import secrets
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bellglass.sandboxes.backends.e2b.machines.owner import Owner
from bellglass.sandboxes.sessions.session_hashes import hash_of_caller, hash_of_session

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

MAX_RECORDS = 1000
"""Records in the folder. Beyond, the oldest of a dead server makes room, or none is written."""

MAX_RECORD_BYTES = 4096
"""Of a record, which has some 500."""

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Word = Annotated[str, Field(pattern="^[A-Za-z0-9._-]{1,100}$")]


class Record(BaseModel):
    """Where a session is. Read from a file, so it is input."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    host: Word
    process: Word
    """Both of the server that holds it: see `Owner`."""

    sandbox: Word
    pid: int = Field(ge=1, le=2**31)
    """Of our program in that sandbox."""

    caller: Hash
    """Whose the session is."""

    terms: Hash
    """The engine, the program and the limits. A server with others does not go on with it."""

    created_at: float = Field(ge=0, allow_inf_nan=False)
    until: float = Field(ge=0, allow_inf_nan=False)
    """When the session ends at the latest, in seconds since 1970."""


class SessionRecords:
    """The records in a folder."""

    def __init__(self, folder: Path | None) -> None:
        """Without a folder nothing is kept."""
        self._folder = folder

    def write(self, session_id: str, record: Record) -> None:
        """Keep `record`; that it cannot be kept is no failure of the session."""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._is_ours() and self._has_room():
                _replace(self._path(session_id), record)
        except OSError as exc:
            logger.warning("E2B: the record of a session cannot be written: %s", exc.strerror)

    def remove(self, session_id: str) -> None:
        if self._folder is not None:
            with suppress(OSError):
                self._path(session_id).unlink()

    def claim(self, session_id: str, owner: str | None, terms: str, this: Owner) -> Record | None:
        """Return what a dead server left of the session, now written down as held by `this`.

        One server gets it, though several ask. None also if it is not `owner`'s.
        """
        if self._folder is None or not self._is_ours():
            return None
        path = self._path(session_id)
        record = _read(path)
        if (
            record is None
            or record.terms != terms
            or record.until <= time.time()
            or not secrets.compare_digest(record.caller, hash_of_caller(session_id, owner))
            or not Owner(record.host, record.process).is_dead()
        ):
            return None
        taken = path.with_suffix(f".{secrets.token_hex(8)}")
        try:
            path.rename(taken)
            record = record.model_copy(update={"host": this.host, "process": this.process})
            _replace(path, record)
            taken.unlink()
        except OSError:
            return None  # another server was first
        return record

    def sandboxes(self) -> set[str]:
        """Return the sandboxes that are written down: none is left over before its time."""
        if self._folder is None or not self._is_ours():
            return set()
        found = set()
        for path in list(self._folder.iterdir())[: 2 * MAX_RECORDS]:
            record = _read(path)
            if record is not None and record.until > time.time():
                found.add(record.sandbox)
            else:
                with suppress(OSError):
                    # One that cannot be read may just be coming into being.
                    if record is not None or path.lstat().st_mtime < time.time() - 3600:
                        path.unlink()
        return found

    def _has_room(self) -> bool:
        """Tell if one more may be written, at worst for the oldest that a dead server left."""
        assert self._folder is not None
        known = list(self._folder.iterdir())
        if len(known) < MAX_RECORDS:
            return True
        for path in sorted(known, key=lambda path: path.lstat().st_mtime):
            record = _read(path)
            if record is None or Owner(record.host, record.process).is_dead():
                path.unlink()
                return True
        return False

    def _is_ours(self) -> bool:
        """Tell if nobody else can write to the folder."""
        assert self._folder is not None
        try:
            facts = self._folder.lstat()
        except OSError:
            return False
        return stat.S_ISDIR(facts.st_mode) and _is_private(facts)

    def _path(self, session_id: str) -> Path:
        assert self._folder is not None
        return self._folder / hash_of_session(session_id)


def _is_private(facts: os.stat_result) -> bool:
    return facts.st_uid == os.geteuid() and not facts.st_mode & 0o077


def _replace(path: Path, record: Record) -> None:
    new = path.with_suffix(f".{secrets.token_hex(8)}")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w") as file:
            file.write(record.model_dump_json())
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise


def _read(path: Path) -> Record | None:
    """Return the record in a file, or None if it is none that we have written."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            private = stat.S_ISREG(facts.st_mode) and _is_private(facts)
            if not private or facts.st_size > MAX_RECORD_BYTES:
                return None
            return Record.model_validate_json(file.read(MAX_RECORD_BYTES))
    except (OSError, ValidationError):
        return None

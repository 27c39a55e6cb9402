"""Saved sessions on disk: one file each, a line of facts and the archive, which is never opened."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bellglass.sandboxes.sessions.session_hashes import hash_of_caller, hash_of_session

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

VERSION = 1
"""Of the archives, which a later server may read no more."""

MAX_STORE_BYTES = 2 * 1024**3
MAX_STORED_SECONDS = 7 * 86_400.0

MAX_RECORD_BYTES = 4096
PIECE_BYTES = 4 * 1024**2

SUFFIX = ".session"
LOCK = ".lock"
UNFINISHED = ".part"


class Record(BaseModel):
    """What is known of a saved session; it names neither its id nor its owner."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int
    caller: str
    """See `hash_of_caller`."""
    created_at: float = Field(allow_inf_nan=False)
    saved_at: float = Field(allow_inf_nan=False)
    calls: int = Field(ge=0)


class Stored:
    """A saved session, and its size."""

    def __init__(self, path: Path, record: Record, size: int) -> None:
        self.path = path
        self.record = record
        self.size = size

    @property
    def name(self) -> str:
        return self.path.name.removesuffix(SUFFIX)

    def remove(self) -> None:
        """Delete it."""
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(LOCK).unlink(missing_ok=True)

    def pieces(self) -> Iterator[bytes]:
        """Return the archive in pieces."""
        with self.path.open("rb") as file:
            file.readline(MAX_RECORD_BYTES)
            while piece := file.read(PIECE_BYTES):
                yield piece


class Draft:
    """An archive that is being written; call `keep` at its end, and `drop` in any case."""

    def __init__(self, store: SessionStore, target: Path, record: Record) -> None:
        self._store = store
        self._target = target
        self._part = target.with_suffix(f".{os.getpid()}.{time.monotonic_ns()}{UNFINISHED}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        self._file = open(os.open(self._part, flags, 0o600), "wb")  # noqa: SIM115 - see `drop`
        self.write(record.model_dump_json().encode() + b"\n")

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def keep(self) -> None:
        """Put it in the place of what was saved before."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._part.replace(self._target)
        folder = os.open(self._store.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._store.trim(keep=self._target)

    def drop(self) -> None:
        """Close it, and delete what was not kept."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._part.unlink()


class SessionStore:
    """A folder of saved sessions, which several servers may share. It holds nothing in memory.

    Each method may block, and raises OSError if the folder cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int = MAX_STORE_BYTES,
        max_seconds: float = MAX_STORED_SECONDS,
    ) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.max_seconds = max_seconds

    def begin(self, session_id: str, owner: str | None, created_at: float, calls: int) -> Draft:
        """Begin to save a session: what is saved of it already stays until the draft is kept."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        record = Record(
            version=VERSION,
            caller=hash_of_caller(session_id, owner),
            created_at=created_at,
            saved_at=time.time(),
            calls=calls,
        )
        return Draft(self, self._path(session_id), record)

    def find(self, session_id: str, owner: str | None) -> Stored | None:
        """Return what is saved of the session, if it is that owner's."""
        stored = self._read(self._path(session_id))
        if stored is None or stored.record.caller != hash_of_caller(session_id, owner):
            return None
        return stored if self._is_young(stored) else None

    def listed(self) -> Iterator[Stored]:
        """Return all saved sessions, one after the other."""
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(self.folder):
                if entry.name.endswith(SUFFIX) and (stored := self._read(Path(entry.path))):
                    yield stored

    def named(self, name: str) -> Stored | None:
        """Return what is saved under an id, or under the beginning of a name that is listed."""
        found = [each for each in self.listed() if len(name) >= 8 and each.name.startswith(name)]
        return self._read(self._path(name)) or (found[0] if len(found) == 1 else None)

    def claim(self, session_id: str) -> int | None:
        """Reserve the session for this server while the returned descriptor is open.

        None: another server has it.
        """
        path = self._path(session_id).with_suffix(LOCK)
        claim = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(claim)
            return None
        return claim

    def trim(self, keep: Path | None = None) -> None:
        """Delete what is too old, and the oldest until the rest is small enough."""
        now = time.time()
        found: list[tuple[float, int, str]] = []
        for entry in os.scandir(self.folder):
            with contextlib.suppress(OSError):
                about = entry.stat(follow_symlinks=False)
                age = now - about.st_mtime
                if age > self.max_seconds or (entry.name.endswith(UNFINISHED) and age > 3600):
                    os.unlink(entry.path)
                elif entry.name.endswith(SUFFIX):
                    found.append((about.st_mtime, about.st_size, entry.path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self.max_bytes:
                break
            if keep is None or path != str(keep):
                with contextlib.suppress(OSError):
                    os.unlink(path)
                    total -= size

    def _path(self, session_id: str) -> Path:
        return self.folder / f"{hash_of_session(session_id)[:32]}{SUFFIX}"

    def _read(self, path: Path) -> Stored | None:
        """Return what a file of ours says; None if there is none, or it is damaged."""
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                record = Record.model_validate_json(file.readline(MAX_RECORD_BYTES))
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as exc:
            logger.warning("A saved session cannot be read: %s", type(exc).__name__)
            return None
        return Stored(path, record, size) if record.version == VERSION else None

    def _is_young(self, stored: Stored) -> bool:
        return time.time() - stored.record.saved_at <= self.max_seconds

"""A content-addressed cache of package files on the host's disk, which no session can write to.

A file is named by its SHA-256, and its content is checked each time before it is served. A file
that was changed, truncated or planted is deleted.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from anyio import to_thread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_READ_BYTES = 1024**2
_UNFINISHED = ".part"
_MAX_UNFINISHED_SECONDS = 86_400.0
"""After this long an unfinished file is assumed to be abandoned."""


class Cache:
    """A directory of files; several servers may share it."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """`most_bytes`: total size of all files; the least recently used are removed first."""
        self.folder = folder
        self.most_bytes = most_bytes

    async def open(self, sha256: str) -> BinaryIO | None:
        """Return the file with that hash, open at its start, if it is present and intact."""
        return await to_thread.run_sync(self._open, sha256)

    def _open(self, sha256: str) -> BinaryIO | None:
        path = self._path(sha256)
        try:
            # O_NONBLOCK: if a FIFO was planted here, opening it must not block.
            file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        except OSError:
            return None
        try:
            if hashlib.file_digest(file, "sha256").hexdigest() == sha256:
                os.utime(file.fileno())
                file.seek(0)
                return file
        except OSError:
            pass
        file.close()
        _unlink(path)
        return None

    async def new(self, sha256: str) -> Writing:
        """Begin to write the file with that hash."""
        writing = Writing(self, self._path(sha256))
        await to_thread.run_sync(writing.begin)
        return writing

    def _path(self, sha256: str) -> Path:
        assert len(sha256) == 64
        assert sha256.isalnum()
        return self.folder / sha256[:2] / sha256

    def trim(self) -> None:
        """Remove the least recently used files until the rest fits."""
        found = sorted(self._files())
        total = sum(size for _, size, _ in found)
        for changed, size, path in found:
            stale = path.endswith(_UNFINISHED) and changed < time.time() - _MAX_UNFINISHED_SECONDS
            if stale or (total > self.most_bytes and not path.endswith(_UNFINISHED)):
                _unlink(path)
                total -= size

    def _files(self) -> Iterator[tuple[float, int, str]]:
        for folder in self.folder.iterdir():
            if not folder.is_dir():
                continue
            for entry in os.scandir(folder):
                try:
                    found = entry.stat(follow_symlinks=False)
                except OSError:
                    continue  # another server removed it first
                yield found.st_mtime, found.st_size, entry.path


class Writing:
    """A file that appears in the cache when it is complete. If the disk is full, none appears."""

    def __init__(self, cache: Cache, path: Path) -> None:
        self._cache = cache
        self._path = path
        self._part = path.with_name(f"{path.name}.{secrets.token_hex(8)}{_UNFINISHED}")
        self._file: BinaryIO | None = None
        self._size = 0

    def begin(self) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = open(self._part, "xb")  # noqa: SIM115
        except OSError:
            pass

    async def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._cache.most_bytes:
            await self.drop()
        if self._file is not None:
            await to_thread.run_sync(self._write, data)

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        try:
            self._file.write(data)
        except OSError:
            self._drop()

    async def keep(self) -> None:
        """Add the file to the cache; the caller has verified its hash."""
        await to_thread.run_sync(self._keep)

    def _keep(self) -> None:
        if self._file is None:
            return
        try:
            self._file.close()
            self._file = None
            os.replace(self._part, self._path)
            self._cache.trim()
        except OSError:
            _unlink(self._part)

    async def drop(self) -> None:
        """Delete the file, unless it was kept."""
        if self._file is not None:
            await to_thread.run_sync(self._drop)

    def _drop(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            _unlink(self._part)


def _unlink(path: str | Path) -> None:
    with suppress(OSError):
        os.unlink(path)

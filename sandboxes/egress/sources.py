"""Sources of package files: an index on the network, or a directory of the operator."""

from __future__ import annotations

import hashlib
import os
import time
import zipfile
from collections import OrderedDict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from anyio import to_thread

from bellglass.sandboxes.egress import simple
from bellglass.sandboxes.egress.fetching import (
    MAX_FILE_CONNECTIONS,
    MAX_PAGE_CONNECTIONS,
    Failed,
    Fetcher,
    header,
    target_of,
)
from bellglass.sandboxes.egress.names import Target

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

MAX_PAGE_BYTES = 64 * 1024**2
"""Maximum size of one page: the largest have some twenty million bytes."""

MAX_PAGE_KEPT_SECONDS = 300.0
"""Time for which a page is cached."""

MAX_KEPT_PAGES = 100

_READ_BYTES = 256 * 1024


class Source(Protocol):
    """A source of pages of projects and of the content of their files."""

    def target(self, url: str) -> Target:
        """Return the host and port of that URL, for the request log."""
        ...

    async def page(self, project: str) -> list[simple.File]:
        """Return the files of a project.

        Raises:
            Failed, Refused: The page is not available.
        """
        ...

    def content(self, url: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]: ...

    async def aclose(self) -> None: ...


class Remote:
    """An index on the network."""

    def __init__(self, url: str, fetcher: Fetcher) -> None:
        self.url = url.rstrip("/") + "/"
        self._fetcher = fetcher
        self._pages: OrderedDict[str, tuple[float, list[simple.File]]] = OrderedDict()

    def target(self, url: str) -> Target:
        return target_of(url or self.url)

    async def page(self, project: str) -> list[simple.File]:
        known = self._pages.get(project)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        address = f"{self.url}{project}/"
        fetched = self._fetcher.get(address, simple.ACCEPTED, MAX_PAGE_CONNECTIONS)
        async with fetched as (url, response):
            kind = header(response, b"content-type").lower()
            body = bytearray()
            async for part in response.aiter_stream():
                body += part
                if len(body) > MAX_PAGE_BYTES:
                    raise Failed("its page in the index is too long")
        try:
            # In a thread: parsing the page of a large project takes a second.
            files = await to_thread.run_sync(simple.read, bytes(body), kind, url)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
            raise Failed("the index answered with something that is not a package page") from exc
        self._pages[project] = (time.monotonic() + MAX_PAGE_KEPT_SECONDS, files)
        self._pages.move_to_end(project)
        if len(self._pages) > MAX_KEPT_PAGES:
            self._pages.popitem(last=False)
        return files

    @asynccontextmanager
    async def content(self, url: str) -> AsyncGenerator[AsyncIterator[bytes]]:
        async with self._fetcher.get(url, "*/*", MAX_FILE_CONNECTIONS) as (_, response):
            yield response.aiter_stream()

    async def aclose(self) -> None:
        await self._fetcher.aclose()


class Folder:
    """Wheels in a local directory. Nothing is requested from the network."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, tuple[tuple[int, int], simple.File]] = {}

    def target(self, url: str) -> Target:
        return Target("localhost", 0)

    async def page(self, project: str) -> list[simple.File]:
        return await to_thread.run_sync(self._page, project)

    def _page(self, project: str) -> list[simple.File]:
        try:
            names = sorted(os.listdir(self.path))
        except OSError as exc:
            raise Failed("the operator's folder of packages cannot be read") from exc
        mine = [name for name in names if simple.is_file_name(name) and _is_of(name, project)]
        if not mine:
            raise Failed("it is not in the operator's folder of packages", missing=True)
        return [file for name in mine if (file := self._file(name)) is not None]

    def _file(self, name: str) -> simple.File | None:
        path = self.path / name
        try:
            found = path.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            known = self._known.get(name)
            if known is None or known[0] != stamp:
                with open(path, "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                wanted = _requires_python(path) if name.endswith(".whl") else ""
                described = simple.File(name, name, digest, wanted, size=found.st_size)
                known = self._known[name] = (stamp, described)
        except OSError:
            return None
        return known[1]

    @asynccontextmanager
    async def content(self, url: str) -> AsyncGenerator[AsyncIterator[bytes]]:
        try:
            file = await to_thread.run_sync(open, self.path / url, "rb")
        except OSError as exc:
            raise Failed("it is gone from the operator's folder") from exc
        with file:

            async def parts() -> AsyncIterator[bytes]:
                while part := await to_thread.run_sync(file.read, _READ_BYTES):
                    yield part

            yield parts()

    async def aclose(self) -> None:
        pass


def _is_of(name: str, project: str) -> bool:
    """Whether a file belongs to the project: the project part of a wheel's name has no hyphen."""
    if name.endswith(".whl"):
        return simple.normalized(name.partition("-")[0]) == project
    stem = name
    for ending in (".tar.gz", ".tar.bz2", ".zip"):
        stem = stem.removesuffix(ending)
    return simple.normalized(stem.rpartition("-")[0]) == project


def _requires_python(wheel: Path) -> str:
    try:
        with zipfile.ZipFile(wheel) as archive:
            name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
            with archive.open(name) as file:
                head = file.read(64 * 1024).decode("utf-8", "replace")
    except (OSError, StopIteration, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return ""
    for line in head.splitlines():
        if line.lower().startswith("requires-python:"):
            return line.partition(":")[2].strip()
    return ""

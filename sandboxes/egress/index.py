"""The package index that sessions see: it serves its own pages, and files with verified hashes."""

from __future__ import annotations

import hashlib
import os
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

import anyio
from anyio import to_thread

from bellglass.sandboxes.egress import simple
from bellglass.sandboxes.egress.fetching import Failed
from bellglass.sandboxes.egress.rules import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from typing import BinaryIO

    from bellglass.sandboxes.egress.cache import Cache, Writing
    from bellglass.sandboxes.egress.quota import Quota
    from bellglass.sandboxes.egress.request_log import RequestLog, RequestRecord
    from bellglass.sandboxes.egress.sources import Source

MAX_FILE_BYTES = 4 * 1024**3
"""Maximum size of one file."""

_READ_BYTES = 256 * 1024
_METADATA = ".metadata"
_BINARY = "application/octet-stream"


@dataclass(slots=True)
class Answer:
    """A response with a body that is produced as it is read."""

    status: int
    reason: str
    content_type: str
    parts: AsyncIterator[bytes]
    length: int | None = None


class Index:
    """Answers `/simple/PROJECT/` and `/files/PROJECT/FILE`."""

    def __init__(self, source: Source, cache: Cache | None = None) -> None:
        """`cache`: keeps files for later sessions; None if the source is a local directory."""
        self.source = source
        self._cache = cache

    @asynccontextmanager
    async def answering(
        self, path: str, accepted: str, request_log: RequestLog, quota: Quota
    ) -> AsyncGenerator[Answer]:
        """Yield the answer to a GET of `path`.

        Reading the body raises Failed if its hash is not the one that the index promised. The
        last part is held back until the hash is verified, so no client gets a complete file with
        a wrong hash.
        """
        async with AsyncExitStack() as stack:
            try:
                answer = await stack.enter_async_context(
                    self._answering(path, accepted, request_log, quota)
                )
            except Refused as exc:
                answer = _text(403, f"refused: {exc}")
            except Failed as exc:
                answer = _text(404 if exc.missing else 502, str(exc))
            yield answer

    @asynccontextmanager
    async def _answering(
        self, path: str, accepted: str, request_log: RequestLog, quota: Quota
    ) -> AsyncGenerator[Answer]:
        parts = unquote(path.partition("?")[0]).strip("/").split("/")
        kind, project, name, *more = [*parts, "", ""]
        project = simple.normalized(project) or ""
        if kind not in ("simple", "files") or not project or any(more):
            raise Failed("this index has /simple/PROJECT/ and nothing else", missing=True)
        if kind == "simple":
            async with quota.pages:
                files = await self._page(project, request_log)
            content_type, body = await to_thread.run_sync(simple.written, project, files, accepted)
            yield Answer(200, "OK", content_type, _cut(body), len(body))
            return
        async with quota.pages:
            wanted = _found(await self.source.page(project), name)
        record = self._noted(request_log, wanted.url, name)
        record.package = simple.is_file_name(name)
        cached = await self._cache.open(wanted.sha256) if self._cache is not None else None
        if cached is not None:
            with cached:
                record.cached = True
                size = os.fstat(cached.fileno()).st_size
                yield Answer(200, "OK", _BINARY, _read(cached, record), size)
            return
        try:
            async with quota.files, self.source.content(wanted.url) as content:
                writing = await self._cache.new(wanted.sha256) if self._cache is not None else None
                try:
                    checked = _checked(content, wanted.sha256, writing, record)
                    # Wait for the first part: most failures can still get an error status.
                    first = await anext(checked, b"")
                    yield Answer(200, "OK", _BINARY, _chained(first, checked), wanted.size)
                finally:
                    if writing is not None:
                        with anyio.CancelScope(shield=True):
                            await writing.drop()
        except (Failed, Refused) as exc:
            record.allowed, record.reason = isinstance(exc, Failed), str(exc)
            raise

    async def _page(self, project: str, request_log: RequestLog) -> list[simple.File]:
        record = self._noted(request_log, "", "")
        try:
            return await self.source.page(project)
        except Refused as exc:
            record.allowed, record.reason = False, str(exc)
            raise
        except Failed as exc:
            if not exc.missing:
                record.reason = str(exc)
            raise

    def _noted(self, request_log: RequestLog, url: str, file: str) -> RequestRecord:
        target = self.source.target(url)
        return request_log.note(target.host, target.port, allowed=True, file=file)

    async def aclose(self) -> None:
        await self.source.aclose()


def _found(files: list[simple.File], name: str) -> simple.File:
    """Return the file of that name, or the file whose metadata has that name."""
    for file in files:
        if file.name == name:
            return file
        if file.metadata_sha256 and file.name + _METADATA == name:
            return simple.File(name, file.url + _METADATA, file.metadata_sha256)
    raise Failed("the index has no such file of this project", missing=True)


async def _checked(
    content: AsyncIterator[bytes], sha256: str, writing: Writing | None, record: RequestRecord
) -> AsyncIterator[bytes]:
    """Yield all parts but the last at once, and the last one after the hash is verified."""
    digest, held, total = hashlib.sha256(), b"", 0
    async for part in content:
        digest.update(part)
        record.size += len(part)
        total += len(part)
        if total > MAX_FILE_BYTES:
            raise Failed("the file is too long")
        if writing is not None:
            await writing.write(part)
        if held:
            yield held
        held = part
    if digest.hexdigest() != sha256:
        raise Failed("its content is not what the index says it is: it was not kept")
    if writing is not None:
        await writing.keep()
    if held:
        yield held


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for part in rest:
        yield part


async def _read(file: BinaryIO, record: RequestRecord) -> AsyncIterator[bytes]:
    while part := await to_thread.run_sync(file.read, _READ_BYTES):
        record.size += len(part)
        yield part


async def _cut(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), _READ_BYTES):
        yield body[at : at + _READ_BYTES]


def _text(status: int, text: str) -> Answer:
    body = f"bellglass: {text}\n".encode()
    return Answer(status, text, "text/plain; charset=utf-8", _cut(body), len(body))

"""`bellglass put`: send a file to a session of a server on HTTP."""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import anyio
import click
import httpx2

from bellglass.sandboxes.errors import SandboxError
from bellglass.server.command_line.feedback import bar
from bellglass.server.command_line.parsing import Invocation, SettingsCommand
from bellglass.server.command_line.transfer import (
    MAX_ATTEMPTS,
    RETRY_DELAY_SECONDS,
    TRANSFER_PIECE_BYTES,
    OutOfStep,
    TransferError,
    answer_of,
    connected,
    gave_up,
    is_local,
    reason,
    server_option,
)
from bellglass.server.console import printable, say
from bellglass.server.control import client as local
from bellglass.server.control import transfers


@click.command(cls=SettingsCommand)
@click.argument("file", type=click.Path())
@click.argument("path", required=False)
@server_option
@click.option("--session", metavar="ID", help="Its session_id; by default a new one is started.")
@click.pass_obj
def command(
    given: Invocation, file: str, path: str | None, url: str | None, session: str | None
) -> int:
    """Send FILE to a session of a server, and print its session_id and the path there.

    PATH is by default the file's name; one that ends with / is a folder for it.
    """
    source = Path(file)
    name = path or source.name
    name = name + source.name if name.endswith("/") else name
    try:
        if session is not None and is_local(session, url):
            anyio.run(_send_locally, session, name, source)
            about: dict[str, Any] = {"session_id": session, "path": name}
        else:
            with connected(url, given.settings) as client, source.open("rb") as stream:
                about = _Upload(client, stream, session or "", name).run()
    except (TransferError, SandboxError, httpx2.TransportError, OSError) as exc:
        raise TransferError(f"{file}: {reason(exc)}") from exc
    say(f"session_id: {about['session_id']}\n{printable(str(about['path']))}")
    return 0


async def _send_locally(session: str, path: str, source: Path) -> None:
    async with local.session(session) as found:
        with source.open("rb") as stream:
            total = os.fstat(stream.fileno()).st_size
            with bar(f"Sending {path}", total) as reached:
                await transfers.send(found, path, stream, reached)


class _Upload:
    """The upload of one file; after a broken connection it resumes where the server stopped."""

    def __init__(self, client: httpx2.Client, stream: BinaryIO, session_id: str, path: str) -> None:
        self._client = client
        self._stream = stream
        self._total = os.fstat(stream.fileno()).st_size
        self._session_id = session_id
        self._path = path.removeprefix("/work/")
        self._digest = hashlib.sha256()
        self._digested = 0

    def run(self) -> dict[str, Any]:
        with bar(f"Sending {self._path}", self._total) as self._reached:
            return self._sent()

    def _sent(self) -> dict[str, Any]:
        if not self._session_id:
            # The first request is almost empty: it returns a session id with which to resume.
            self._session_id = self._begin()
        at = failures = 0
        while True:
            try:
                answer = self._send(at)
            except (httpx2.TransportError, OutOfStep) as exc:
                failures += 1
                if failures >= MAX_ATTEMPTS:
                    raise gave_up(exc) from exc
                time.sleep(RETRY_DELAY_SECONDS)
                before, at = at, self._there()
                failures = failures if at == before else 0
                continue
            if answer.get("sha256") not in (None, self._checksum()):
                raise TransferError("the server received other data than was sent. Try again.")
            return answer

    def _begin(self) -> str:
        url = f"/files/new/{quote(self._path)}"
        headers = {"content-range": f"bytes */{self._total}"}
        answer = answer_of(self._client.post(url, headers=headers))
        return str(answer["session_id"])

    def _send(self, at: int) -> dict[str, Any]:
        headers = {"content-length": str(self._total - at)}
        if self._total:
            headers["content-range"] = f"bytes {at}-{self._total - 1}/{self._total}"
        response = self._client.put(self._url(), content=self._pieces(at), headers=headers)
        return answer_of(response)

    def _pieces(self, at: int) -> Iterator[bytes]:
        self._stream.seek(at)
        while piece := self._stream.read(TRANSFER_PIECE_BYTES):
            if at == self._digested:
                self._digest.update(piece)
                self._digested += len(piece)
            at += len(piece)
            self._reached(at)
            yield piece

    def _there(self) -> int:
        """Return how many bytes the server has."""
        headers = {"content-range": f"bytes */{self._total}"}
        try:
            return int(answer_of(self._client.put(self._url(), headers=headers))["size"])
        except httpx2.TransportError:
            return 0

    def _checksum(self) -> str:
        if self._digested != self._total:  # parts were sent twice
            self._stream.seek(0)
            self._digest = hashlib.sha256()
            while piece := self._stream.read(TRANSFER_PIECE_BYTES):
                self._digest.update(piece)
        return self._digest.hexdigest()

    def _url(self) -> str:
        return f"/files/{self._session_id}/{quote(self._path)}"

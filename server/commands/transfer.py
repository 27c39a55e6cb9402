"""`bellglass put` and `bellglass get`: files to and from a session of a server on HTTP."""

import hashlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

import httpx2

from bellglass.server.console import complain, printable
from bellglass.server.http.tokens import token_of
from bellglass.server.settings import Settings, SettingsError

PIECE = 1 << 20

TRIES = 5
"""Connections in a row that may break before the next byte has come through."""

PAUSE_SECONDS = 1.0

TIMEOUT = httpx2.Timeout(10, read=330, write=60)
"""A call that runs in the session, at most 300 s, is waited for."""


class TransferError(Exception):
    """It did not work; the text is for the person at the terminal."""


def put(file: str, path: str | None, url: str, session_id: str | None, settings: Settings) -> int:
    """Send a file to a session, a new one if none is named; print where it is."""
    source = Path(file)
    name = path or source.name
    name = name + source.name if name.endswith("/") else name
    try:
        with _client(url, settings) as client, source.open("rb") as stream:
            about = _Upload(client, stream, session_id or "", name).run()
    except (TransferError, SettingsError, OSError) as exc:
        return _fail(f"{file}: {_reason(exc)}")
    sys.stdout.write(f"session_id: {about['session_id']}\n{printable(str(about['path']))}\n")
    return 0


def get(path: str, file: str | None, url: str, session_id: str | None, settings: Settings) -> int:
    """Fetch a file of a session; it has its name when it is whole, and not before."""
    if session_id is None:
        return _fail("name the session: --session ID. Each result of a tool says which it was in.")
    target = Path(file or PurePosixPath(path).name)
    target = target / PurePosixPath(path).name if target.is_dir() else target
    part = target.with_name(f".{target.name}.part")
    try:
        with _client(url, settings) as client, part.open("wb") as stream:
            _fetch(client, f"/files/{session_id}/{quote(path.removeprefix('/work/'))}", stream)
        os.replace(part, target)
    except (TransferError, SettingsError, OSError) as exc:
        part.unlink(missing_ok=True)
        return _fail(f"{path}: {_reason(exc)}")
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sys.stdout.write(f"{printable(str(target))}\n")
    return 0


class _OutOfStep(TransferError):
    """The server has another part of the file than we thought."""


class _Upload:
    """One file on its way; after a broken connection it goes on where the server has got to."""

    def __init__(self, client: httpx2.Client, stream: BinaryIO, session_id: str, path: str) -> None:
        self._client = client
        self._stream = stream
        self._total = os.fstat(stream.fileno()).st_size
        self._session_id = session_id
        self._path = path.removeprefix("/work/")
        self._progress = _Progress(path, self._total)
        self._digest = hashlib.sha256()
        self._digested = 0

    def run(self) -> dict[str, Any]:
        if not self._session_id:
            # With next to nothing in it, so that there is an id to go on with.
            self._session_id = self._begin()
        at = failures = 0
        while True:
            try:
                answer = self._send(at)
            except (httpx2.TransportError, _OutOfStep) as exc:
                failures += 1
                if failures >= TRIES:
                    raise _gave_up(exc) from exc
                time.sleep(PAUSE_SECONDS)
                before, at = at, self._there()
                failures = failures if at == before else 0
                continue
            self._progress.end()
            if answer.get("sha256") not in (None, self._checksum()):
                raise TransferError("what arrived is not what was sent. Try again.")
            return answer

    def _begin(self) -> str:
        url = f"/files/new/{quote(self._path)}"
        headers = {"content-range": f"bytes */{self._total}"}
        answer = _answer(self._client.post(url, headers=headers))
        return str(answer["session_id"])

    def _send(self, at: int) -> dict[str, Any]:
        headers = {"content-length": str(self._total - at)}
        if self._total:
            headers["content-range"] = f"bytes {at}-{self._total - 1}/{self._total}"
        response = self._client.put(self._url(), content=self._pieces(at), headers=headers)
        return _answer(response)

    def _pieces(self, at: int) -> Iterator[bytes]:
        self._stream.seek(at)
        while piece := self._stream.read(PIECE):
            if at == self._digested:
                self._digest.update(piece)
                self._digested += len(piece)
            at += len(piece)
            self._progress.at(at)
            yield piece

    def _there(self) -> int:
        """Return how much the server has."""
        headers = {"content-range": f"bytes */{self._total}"}
        try:
            return int(_answer(self._client.put(self._url(), headers=headers))["size"])
        except httpx2.TransportError:
            return 0

    def _checksum(self) -> str:
        if self._digested != self._total:  # pieces were sent twice
            self._stream.seek(0)
            self._digest = hashlib.sha256()
            while piece := self._stream.read(PIECE):
                self._digest.update(piece)
        return self._digest.hexdigest()

    def _url(self) -> str:
        return f"/files/{self._session_id}/{quote(self._path)}"


def _fetch(client: httpx2.Client, url: str, stream: BinaryIO) -> None:
    at = failures = 0
    etag = ""
    while True:
        headers = {"range": f"bytes={at}-", "if-match": etag} if at else {}
        try:
            with client.stream("GET", url, headers=headers) as response:
                if response.is_error:
                    response.read()
                    _answer(response)
                etag = response.headers.get("etag", "")
                if not etag:
                    raise TransferError("it is a folder. Pack it first, such as with `tar`.")
                total = at + int(response.headers["content-length"])
                progress = _Progress(url.rpartition("/")[2], total)
                for piece in response.iter_raw(PIECE):
                    stream.write(piece)
                    at += len(piece)
                    failures = 0
                    progress.at(at)
                progress.end()
            if at == total:
                return
        except httpx2.TransportError as exc:
            failures += 1
            if failures >= TRIES:
                raise _gave_up(exc) from exc
            stream.seek(at)
            time.sleep(PAUSE_SECONDS)


def _gave_up(exc: Exception) -> TransferError:
    reason = str(exc).rstrip(".")
    return TransferError(
        f"the connection broke {TRIES} times ({reason}). See that the server runs, and try again."
    )


def _client(url: str, settings: Settings) -> httpx2.Client:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise TransferError(f"--url {url}: expected the server's, such as http://127.0.0.1:8000.")
    token = token_of(settings)
    headers = {"accept-encoding": "identity"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    base = f"{parts.scheme}://{parts.netloc}"
    return httpx2.Client(base_url=base, headers=headers, timeout=TIMEOUT)


def _answer(response: httpx2.Response) -> dict[str, Any]:
    """Return what the server says.

    Raises:
        TransferError: It refuses.
    """
    try:
        said = response.json()
    except ValueError:
        said = {}
    if not isinstance(said, dict):
        said = {}
    if response.is_error:
        text = said.get("error") or f"the server answered {response.status_code}"
        if response.status_code == 401:
            text += " Set BELLGLASS_HTTP_TOKEN_FILE (or BELLGLASS_HTTP_TOKEN) to the server's."
        raise _OutOfStep(str(text)) if response.status_code == 409 else TransferError(str(text))
    return said


class _Progress:
    """How far it is, on one line, if a person is looking."""

    def __init__(self, name: str, total: int) -> None:
        self._name = name
        self._total = total
        self._shown = 0.0
        self._started = time.monotonic()
        self._seen = sys.stderr.isatty()

    def at(self, done: int) -> None:
        now = time.monotonic()
        if not self._seen or now - self._shown < 0.2:
            return
        self._shown = now
        rate = done / max(now - self._started, 0.001) / 1e6
        share = f"{done / max(self._total, 1):4.0%}"
        sys.stderr.write(
            f"\r{printable(self._name[:60])}  {share}  {done / 1e6:,.1f} MB  {rate:,.0f} MB/s "
        )
        sys.stderr.flush()

    def end(self) -> None:
        if self._seen and self._shown:
            sys.stderr.write("\r\x1b[K")


def _reason(exc: Exception) -> str:
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return str(exc)


def _fail(message: str) -> int:
    complain(message)
    return 1

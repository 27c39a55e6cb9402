"""`bellglass get`: fetch a file of a session from a server on HTTP."""

import argparse
import os
import time
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import quote

import httpx2

from bellglass.server.commands.transfer import (
    MAX_TRIES,
    PIECE_BYTES,
    RETRY_DELAY_SECONDS,
    Progress,
    TransferError,
    add_server,
    answer_of,
    connected,
    gave_up,
    reason,
)
from bellglass.server.console import printable, say
from bellglass.server.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", help="path in the session")
    parser.add_argument("file", nargs="?", help="file to write; by default its name in the session")
    add_server(parser)
    parser.add_argument("--session", metavar="ID", help="session_id, from a result of a tool")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Fetch a file of a session; it gets its name only when it is complete."""
    if options.session is None:
        raise TransferError(
            "name the session: --session ID. Each result of a tool says which it was in."
        )
    name = PurePosixPath(options.path).name
    if not name:
        raise TransferError(f"{options.path}: it is a folder. Pack it first, such as with `tar`.")
    target = Path(options.file or name)
    target = target / name if target.is_dir() else target
    part = target.with_name(f".{target.name}.part")
    try:
        with connected(options.url, settings) as client, part.open("wb") as stream:
            path = quote(options.path.removeprefix("/work/"))
            _fetch(client, f"/files/{options.session}/{path}", stream)
        os.replace(part, target)
    except BaseException as exc:
        part.unlink(missing_ok=True)
        if isinstance(exc, TransferError | OSError):
            raise TransferError(f"{options.path}: {reason(exc)}") from exc
        raise
    say(printable(str(target)))
    return 0


def _fetch(client: httpx2.Client, url: str, stream: BinaryIO) -> None:
    at = failures = 0
    etag = ""
    while True:
        headers = {"range": f"bytes={at}-", "if-match": etag} if at else {}
        try:
            with client.stream("GET", url, headers=headers) as response:
                if response.is_error:
                    response.read()
                    answer_of(response)
                etag = response.headers.get("etag", "")
                if not etag:
                    raise TransferError("it is a folder. Pack it first, such as with `tar`.")
                total = at + int(response.headers["content-length"])
                progress = Progress(url.rpartition("/")[2], total)
                for piece in response.iter_raw(PIECE_BYTES):
                    stream.write(piece)
                    at += len(piece)
                    failures = 0
                    progress.at(at)
                progress.end()
            if at == total:
                return
        except httpx2.TransportError as exc:
            failures += 1
            if failures >= MAX_TRIES:
                raise gave_up(exc) from exc
            stream.seek(at)
            time.sleep(RETRY_DELAY_SECONDS)

"""`bellglass get`: fetch a file of a session from a server on HTTP."""

import os
import time
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import quote, unquote

import anyio
import click
import httpx2

from bellglass.sandboxes.errors import SandboxError
from bellglass.sandboxes.files import read_part
from bellglass.server.command_line.feedback import bar
from bellglass.server.command_line.parsing import Invocation, SettingsCommand
from bellglass.server.command_line.transfer import (
    MAX_ATTEMPTS,
    RETRY_DELAY_SECONDS,
    TRANSFER_PIECE_BYTES,
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
@click.argument("path")
@click.argument("file", required=False, type=click.Path())
@server_option
@click.option("--session", metavar="ID", help="The session_id, from a result of a tool.")
@click.pass_obj
def command(
    given: Invocation, path: str, file: str | None, url: str | None, session: str | None
) -> int:
    """Fetch the file at PATH of a session of a server, and write it to FILE.

    FILE is by default its name in the session. It is written only when it is complete.
    """
    if session is None:
        raise TransferError(
            "name the session: --session ID. Each result of a tool says which it was in."
        )
    name = PurePosixPath(path).name
    if not name:
        raise TransferError(f"{path}: it is a folder. Pack it first, such as with `tar`.")
    target = Path(file or name)
    target = target / name if target.is_dir() else target
    part = target.with_name(f".{target.name}.part")
    try:
        if is_local(session, url):
            anyio.run(_fetch_locally, session, path, part)
        else:
            with connected(url, given.settings) as client, part.open("wb") as stream:
                _fetch(client, f"/files/{session}/{quote(path.removeprefix('/work/'))}", stream)
        os.replace(part, target)
    except BaseException as exc:
        part.unlink(missing_ok=True)
        if isinstance(exc, TransferError | SandboxError | OSError):
            raise TransferError(f"{path}: {reason(exc)}") from exc
        raise
    say(printable(str(target)))
    return 0


async def _fetch_locally(session: str, path: str, part: Path) -> None:
    async with local.session(session) as found:
        size = (await read_part(found, path, 0, 1)).size
        with part.open("wb") as stream, bar(f"Fetching {path}", size) as reached:
            await transfers.fetch(found, path, stream, reached)


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
                with bar(f"Fetching {unquote(url.rpartition('/')[2])}", total) as reached:
                    for piece in response.iter_raw(TRANSFER_PIECE_BYTES):
                        stream.write(piece)
                        at += len(piece)
                        failures = 0
                        reached(at)
            if at == total:
                return
        except httpx2.TransportError as exc:
            if isinstance(exc, httpx2.ConnectError) and not at:
                raise TransferError(reason(exc)) from exc
            failures += 1
            if failures >= MAX_ATTEMPTS:
                raise gave_up(exc) from exc
            stream.seek(at)
            time.sleep(RETRY_DELAY_SECONDS)

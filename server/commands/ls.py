"""`bellglass ls`: list sessions of servers on this machine, and the files of one."""

import anyio
import click

from bellglass.sandboxes.errors import SandboxError
from bellglass.sandboxes.files import read_part
from bellglass.server.command_line.parsing import Invocation, SettingsCommand
from bellglass.server.command_line.transfer import TransferError
from bellglass.server.console import printable, say
from bellglass.server.control import client


@click.command(cls=SettingsCommand)
@click.argument("session", required=False)
@click.argument("path", default=".")
@click.pass_obj
def command(given: Invocation, session: str | None, path: str) -> int:
    """List the sessions of your servers on this machine, or the files in PATH of SESSION."""
    anyio.run(_sessions) if session is None else anyio.run(_files, session, path)
    return 0


async def _sessions() -> None:
    async with client.servers() as running:
        for server in running:
            for listed in server.sessions:
                say(f"{listed.session_id}  of the server with the process id {server.pid}")
        if not any(server.sessions for server in running):
            say(f"{len(running)} servers on stdio are running, without a session.")


async def _files(name: str, path: str) -> None:
    async with client.session(name) as session:
        offset = 0
        while True:
            try:
                part = await read_part(session, path, offset, folders=True)
            except SandboxError as exc:
                raise TransferError(str(exc)) from exc
            if part.entries is None:
                say(f"{part.size:>12,}  {printable(path)}")
                return
            for entry, size in part.entries:
                say(f"{'' if entry.endswith('/') else f'{size:,}':>12}  {printable(entry)}")
            offset += len(part.entries)
            if offset >= part.size or not part.entries:
                return

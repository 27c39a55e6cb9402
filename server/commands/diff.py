"""`bellglass diff`: show what a session has changed in the folders that it has a copy of."""

from collections.abc import Sequence

import anyio
import click

from bellglass.sandboxes.errors import SandboxError
from bellglass.server.command_line.parsing import Invocation, SettingsCommand
from bellglass.server.console import paint, printable, say
from bellglass.server.control import client
from bellglass.server.control.client import LocalSession
from bellglass.server.control.differences import Difference, differences
from bellglass.server.failures import CommandError


class CannotCompare(CommandError):
    """The changes of a session cannot be found out."""


@click.command(cls=SettingsCommand)
@click.argument("session")
@click.pass_obj
def command(given: Invocation, session: str) -> int:
    """Show what SESSION has changed in the folders that it has a copy of, as a unified diff.

    SESSION is a session_id of a server on this machine, or how it begins. The exit code is 1 if
    something has changed.
    """

    async def compare() -> bool:
        async with client.session(session) as found:
            return show(await all_differences(found))

    return int(anyio.run(compare))


async def all_differences(session: LocalSession) -> list[Difference]:
    """Return the differences of all folders of which the session has a copy.

    Raises:
        CannotCompare: There is none, or it cannot be looked at.
    """
    folders = [folder for folder in session.server.folders if folder.mode == "copy"]
    if not folders:
        raise CannotCompare("the server lends no folder as a copy: --folder NAME=PATH:copy.")
    found: list[Difference] = []
    for folder in folders:
        try:
            listed, cut = await differences(session, folder)
        except (SandboxError, OSError) as exc:
            raise CannotCompare(f"{folder.target}: {exc}") from exc
        found += listed
        if cut:
            say(f"# {folder.target} has more changes than these.")
    return found


def show(found: Sequence[Difference]) -> bool:
    """Print the differences; return whether there are any."""
    for each in found:
        for line in each.lines():
            colour = {"+": "green", "-": "red", "#": "yellow"}.get(line[:1])
            say(paint(colour, printable(line)) if colour else printable(line))
    return bool(found)

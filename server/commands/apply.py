"""`bellglass apply`: write what a session has changed to the folders of this machine."""

import anyio
import click

from bellglass.sandboxes.errors import SandboxError
from bellglass.server.command_line.parsing import Invocation, SettingsCommand
from bellglass.server.commands.diff import all_differences, show
from bellglass.server.console import printable, say
from bellglass.server.control import client, differences
from bellglass.server.control.host_files import NotApplied
from bellglass.server.failures import CommandError


class CannotApply(CommandError):
    """Something was not written."""


@click.command(cls=SettingsCommand)
@click.argument("session")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def command(given: Invocation, session: str, yes: bool) -> int:
    """Show what SESSION has changed in its copies of folders, ask, and write it to this machine.

    Left out are files that were changed on this machine after the session had started, names that
    usually hold secrets, what is in .git, and links. The exit code is 1 if something is left out.
    """

    async def write() -> int:
        async with client.session(session) as found:
            listed = await all_differences(found)
            show(listed)
            wanted = [each for each in listed if not each.problem]
            left_out = len(listed) - len(wanted)
            if not wanted:
                say("Nothing to apply.")
            elif yes or click.confirm(f"Write {len(wanted)} files to this machine?", err=True):
                try:
                    await differences.apply(found, wanted)
                except (NotApplied, SandboxError, OSError) as exc:
                    raise CannotApply(str(exc)) from exc
                for each in wanted:
                    say(printable(f"{each.change.change}: {each.folder.path}/{each.change.path}"))
            else:
                return 1
            return int(left_out > 0)

    return anyio.run(write)

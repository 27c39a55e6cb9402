"""`bellglass uninstall CLIENT`: remove the server from the configuration of a client."""

import click

from bellglass.server.command_line.parsing import SettingsCommand
from bellglass.server.commands.install import (
    Target,
    client_named,
    edit,
    show_clients,
    target_options,
)
from bellglass.server.console import say


@click.command(cls=SettingsCommand)
@target_options
def command(client: str | None, name: str, project: bool, dry_run: bool, as_list: bool) -> int:
    """Take the server out of the configuration of CLIENT again."""
    if as_list:
        return show_clients(name, project=project)
    if client == "chatgpt":
        say("Delete the connector in ChatGPT: Settings, Connectors.")
        return 0
    found = Target(client=client_named(client), name=name, project=project, dry_run=dry_run)
    return edit(found, None)

"""`bellglass uninstall CLIENT`: remove the server from the configuration of a client."""

import argparse

from bellglass.server.commands.install import add_arguments, client_named, edit
from bellglass.server.commands.install import run as install
from bellglass.server.console import say
from bellglass.server.settings import Settings

__all__ = ["add_arguments", "run"]


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Remove the entry; return the exit code."""
    if options.list or options.client is None:
        return install(options, settings)  # which prints the list, or the names of clients
    if options.client == "chatgpt":
        say("Delete the connector in ChatGPT: Settings, Connectors.")
        return 0
    client = client_named(options.client)
    return edit(client, None, project=options.project, dry_run=options.dry_run)

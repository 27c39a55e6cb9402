"""`bellglass install CLIENT`: add the server to the configuration of a client."""

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from bellglass.server.clients import toml_file, yaml_file
from bellglass.server.clients.catalogue import CHATGPT, CLIENTS, NAME, Client
from bellglass.server.clients.change import planned
from bellglass.server.clients.errors import CannotEdit
from bellglass.server.clients.launch_command import (
    LaunchCommand,
    NoLaunchCommand,
    launch_command,
    shared,
)
from bellglass.server.clients.remote import NoRemoteForm, entry_of
from bellglass.server.console import print_error
from bellglass.server.http.tokens import token_of
from bellglass.server.settings import Settings, SettingsError

NAMES = (*(client.name for client in CLIENTS), "chatgpt")

_TOKEN = re.compile(r"Bearer [^\"']+")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "client", choices=NAMES, metavar="CLIENT", nargs="?", help=f"one of {', '.join(NAMES)}"
    )
    parser.add_argument("--list", action="store_true", help="list which clients have it, and where")
    parser.add_argument(
        "--project", action="store_true", help="write it for the project in this directory only"
    )
    parser.add_argument("--url", help="URL of a server that runs already, such as http://HOST/mcp")
    parser.add_argument(
        "--token-file", metavar="FILE", help="file with the bearer token for that server"
    )
    parser.add_argument("--dry-run", action="store_true", help="only show the change")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Add the server to the configuration of a client; return the exit code."""
    if options.list:
        return _list(project=options.project)
    if options.client is None:
        print_error(f"name a client: {', '.join(NAMES)}.")
        return 2
    if options.client == "chatgpt":
        sys.stdout.write(CHATGPT)
        return 0
    client = client_named(options.client)
    if options.url or options.token_file or settings.http:
        return _install_remote(client, options, settings)
    try:
        command = launch_command()
        if options.project:
            command = shared(command)
    except NoLaunchCommand as exc:
        print_error(f"nothing was written: {exc}")
        return 2
    entry = client.entry([*command.words, *_arguments(options.flags)])
    return edit(client, entry, command, project=options.project, dry_run=options.dry_run)


def _list(*, project: bool) -> int:
    """Print for each client whether its configuration has the server."""
    for client in CLIENTS:
        try:
            path = client.path(project=Path.cwd() if project else None)
            change = planned(path, client.form, client.section, NAME, None)
            state = "no" if change.empty else "yes"
        except (CannotEdit, LookupError) as exc:
            state, path = "?", Path(str(exc))
        sys.stdout.write(f"{client.name:15} {state:4} {path}\n")
    return 0


def _install_remote(client: Client, options: argparse.Namespace, settings: Settings) -> int:
    """Write the URL of a server: a program that serves HTTP does not answer on stdio."""
    url = options.url or f"http://{settings.http}/mcp"
    try:
        if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", url):
            raise SettingsError(f"--url {url!r}: expected a URL with http:// or https://.")
        named = {"http_token": None, "http_token_file": options.token_file}
        given = settings.model_copy(update=named) if options.token_file else settings
        token = token_of(given)
        if token and options.project:
            raise NoRemoteForm("the file of a project is shared, a token is not: leave one out.")
        entry = entry_of(client.name, url, token)
    except NoRemoteForm as exc:
        print_error(f"nothing was written: {exc}")
        return 2
    return edit(client, entry, project=options.project, dry_run=options.dry_run)


def client_named(name: str) -> Client:
    return next(client for client in CLIENTS if client.name == name)


def _arguments(flags: Mapping[str, str]) -> list[str]:
    return [
        part for name, value in flags.items() for part in (f"--{name.replace('_', '-')}", value)
    ]


def edit(
    client: Client,
    entry: dict[str, object] | None,
    command: LaunchCommand | None = None,
    *,
    project: bool,
    dry_run: bool,
) -> int:
    """Write `entry`, or remove the entry if it is None; return the exit code."""
    try:
        path = client.path(project=Path.cwd() if project else None)
    except LookupError as exc:
        print_error(f"{exc}")
        return 2
    try:
        change = planned(path, client.form, client.section, NAME, entry)
        if change.empty:
            there = "has it already" if entry is not None else "does not have it"
            sys.stdout.write(f"{client.title} {there}: {path}\n")
            return 0
        sys.stdout.write(change.diff())
        if dry_run:
            sys.stdout.write("Nothing was written (--dry-run).\n")
            return 0
        if command is not None:
            command.keep_wheel()
        backup = change.write()
    except NoLaunchCommand as exc:
        print_error(f"nothing was written: {exc}")
        return 1
    except CannotEdit as exc:
        print_error(f"{path} was not changed: {exc}.")
        if entry is not None:
            sys.stderr.write(f"To add it by hand:\n{_by_hand(client, entry)}")
        return 1
    kept = f" The previous version is in {backup}." if backup is not None else ""
    sys.stdout.write(f"Written: {path}.{kept}\n")
    if entry is not None and client.note:
        sys.stdout.write(f"{client.title}: {client.note}\n")
    return 0


def _by_hand(client: Client, entry: dict[str, object]) -> str:
    """Return the text of a configuration file that has only this entry, without a token."""
    if client.form == "toml":
        text = toml_file.written(client.section, NAME, entry)
    else:
        listed = client.form == "yaml" and client.section in yaml_file.LISTS
        # JSON is also valid YAML.
        text = json.dumps({client.section: [entry] if listed else {NAME: entry}}, indent=2) + "\n"
    return _TOKEN.sub("Bearer (your token)", text)

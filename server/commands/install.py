"""`bellglass install CLIENT`: add the server to the configuration of a client."""

import ipaddress
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from bellglass.sandboxes.folders.folder import absolute
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
from bellglass.server.clients.remote import NoRemoteForm, RemoteEntry, remote_entry
from bellglass.server.command_line.parsing import Invocation, SettingsCommand
from bellglass.server.command_line.setting_options import spelt
from bellglass.server.console import print_error
from bellglass.server.http.tokens import token_of
from bellglass.server.settings import Settings, SettingsError, known_settings

NAMES = (*(client.name for client in CLIENTS), "chatgpt")

_TOKEN = re.compile(r"Bearer [^\"']+")


@dataclass(frozen=True, kw_only=True)
class Target:
    """The entry that is written or removed."""

    client: Client
    name: str
    project: bool
    dry_run: bool

    def path(self) -> Path:
        return self.client.path(project=Path.cwd() if self.project else None)


def target_options(function: Callable[..., int]) -> Callable[..., int]:
    """Add the options that `install` and `uninstall` have in common."""
    options = (
        click.argument("client", type=click.Choice(NAMES), metavar="CLIENT", required=False),
        click.option(
            "--name", default=NAME, show_default=True, help="Name of the server in the client."
        ),
        click.option(
            "--project", is_flag=True, help="Write it for the project in this directory only."
        ),
        click.option("--dry-run", is_flag=True, help="Only show the change."),
        click.option(
            "--list", "as_list", is_flag=True, help="List which clients have it, and where."
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command(cls=SettingsCommand, epilog=f"Clients: {', '.join(NAMES)}.")
@target_options
@click.option("--url", help="URL of a server that runs already, such as http://HOST/mcp.")
@click.option("--token-file", type=click.Path(), help="File with the bearer token for that server.")
@click.pass_obj
def command(
    given: Invocation,
    client: str | None,
    name: str,
    project: bool,
    dry_run: bool,
    as_list: bool,
    url: str | None,
    token_file: str | None,
) -> int:
    """Write this server, with the settings given as options, into the configuration of CLIENT."""
    if as_list:
        return show_clients(name, project=project)
    if client == "chatgpt":
        sys.stdout.write(CHATGPT)
        return 0
    target = Target(client=client_named(client), name=name, project=project, dry_run=dry_run)
    if url or token_file or given.settings.http:
        return _install_remote(target, given.settings, url, token_file)
    try:
        program = launch_command()
        if project:
            program = shared(program)
    except NoLaunchCommand as exc:
        print_error(f"nothing was written: {exc}")
        return 2
    words = [*program.words, *spelt(_absolute(given.flags))]
    return edit(target, target.client.entry(words, name), program)


def client_named(name: str | None) -> Client:
    """Return the client.

    Raises:
        UsageError: None is named.
    """
    if name is None:
        raise click.UsageError(f"Name a client: {', '.join(NAMES)}.")
    return next(client for client in CLIENTS if client.name == name)


def show_clients(name: str, *, project: bool) -> int:
    """Print for each client whether its configuration has the server."""
    for client in CLIENTS:
        try:
            path = client.path(project=Path.cwd() if project else None)
            change = planned(path, client.form, {(client.section, name): None})
            state = "no" if change.empty else "yes"
        except (CannotEdit, LookupError) as exc:
            state, path = "?", Path(str(exc))
        sys.stdout.write(f"{client.name:15} {state:4} {path}\n")
    return 0


def _install_remote(
    target: Target, settings: Settings, url: str | None, token_file: str | None
) -> int:
    """Write the URL of a server: a program that serves HTTP does not answer on stdio."""
    try:
        address = _reachable(url or f"http://{settings.http}/mcp")
        named = {"http_token": None, "http_token_file": token_file}
        given = settings.model_copy(update=named) if token_file else settings
        token = token_of(given)
        client, name = target.client.name, target.name
        remote = remote_entry(client, address, token, name=name, project=target.project)
    except NoRemoteForm as exc:
        print_error(f"nothing was written: {exc}")
        return 2
    return edit(target, remote.entry, remote=remote)


def _reachable(url: str) -> str:
    """Return the URL, if a client can call it.

    Raises:
        SettingsError: It is no URL.
        NoRemoteForm: It is only an address to listen on.
    """
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", url):
        raise SettingsError(f"--url {url!r}: expected a URL with http:// or https://.")
    parts = urlsplit(url)
    try:
        anywhere = ipaddress.ip_address(parts.hostname or "::").is_unspecified
    except ValueError:  # a name
        anywhere = False
    if anywhere or parts.port == 0:
        raise NoRemoteForm(
            f"a server can listen on {parts.netloc}, but a client cannot call it there. Name the "
            f"address that it should call: --url http://HOST:{parts.port or 'PORT'}/mcp"
        )
    return url


def _absolute(flags: Mapping[str, str]) -> dict[str, str]:
    """Return the settings with absolute paths: a client starts programs in a folder of its own."""
    paths = {
        name: os.path.abspath(os.path.expanduser(value))
        for name, value in flags.items()
        if known_settings()[name].is_path
    }
    if "folders" in flags:
        paths["folders"] = absolute(flags["folders"])
    return {**flags, **paths}


def edit(
    target: Target,
    entry: dict[str, object] | None,
    command: LaunchCommand | None = None,
    remote: RemoteEntry | None = None,
) -> int:
    """Write `entry`, or remove the entry if it is None; return the exit code."""
    client = target.client
    in_clear = remote is not None and remote.in_clear
    edits: dict[tuple[str, str], dict[str, object] | None]
    edits = {(client.section, target.name): entry}
    if remote is not None:
        edits.update(remote.edits)
    elif client.name == "vscode":
        edits["inputs", f"{target.name}-token"] = None
    try:
        path = target.path()
    except LookupError as exc:
        print_error(f"{exc}")
        return 2
    try:
        change = planned(path, client.form, edits, private=in_clear)
        if change.empty:
            there = "has it already" if entry is not None else "does not have it"
            sys.stdout.write(f"{client.title} {there}: {path}\n")
            return 0
        sys.stdout.write(change.diff())
        if target.dry_run:
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
            sys.stderr.write(f"To add it by hand:\n{_by_hand(target, entry, remote)}")
        return 1
    kept = f" The previous version is in {backup}." if backup is not None else ""
    sys.stdout.write(f"Written: {path}.{kept}\n")
    if in_clear:
        sys.stdout.write("It has the token, so only you can read it now (mode 600).\n")
    for note in (remote.advice if remote is not None else "", client.note):
        if note and entry is not None:
            sys.stdout.write(f"{client.title}: {note}\n")
    return 0


def _by_hand(target: Target, entry: dict[str, object], remote: RemoteEntry | None) -> str:
    """Return the text of a file that has only what is to be added, without a token."""
    client = target.client
    if client.form == "toml":
        text = toml_file.written(client.section, target.name, entry)
    else:
        listed = client.form == "yaml" and client.section in yaml_file.LISTS
        # JSON is also valid YAML.
        held = {client.section: [entry] if listed else {target.name: entry}}
        for (section, _), other in remote.edits.items() if remote is not None else ():
            held[section] = [other]
        text = json.dumps(held, indent=2) + "\n"
    return _TOKEN.sub("Bearer (your token)", text)

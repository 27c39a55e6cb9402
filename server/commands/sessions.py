"""`bellglass sessions`: list saved sessions, or delete some."""

import time

import click

from bellglass.sandboxes.saving.store import SessionStore
from bellglass.sandboxes.sessions.durations import duration
from bellglass.server.command_line.parsing import Invocation, SettingsCommand
from bellglass.server.console import say
from bellglass.server.failures import CommandError


@click.command(cls=SettingsCommand)
@click.argument("action", type=click.Choice(["rm"]), required=False)
@click.argument("sessions", nargs=-1, metavar="[ID]...")
@click.pass_obj
def command(given: Invocation, action: str | None, sessions: tuple[str, ...]) -> int:
    """List saved sessions, the newest first; with `rm`, delete those with an ID.

    An ID is a session_id, or the name that the list has: no id of a session is on disk.
    """
    store = given.settings.session_store()
    if store is None:
        raise CommandError("No sessions are saved: BELLGLASS_STORE is empty, or not set over HTTP.")
    try:
        return _list(store) if action is None else _remove(store, sessions)
    except OSError as exc:
        raise CommandError(f"{store.folder}: {exc.strerror}") from exc


def _list(store: SessionStore) -> int:
    found = sorted(store.listed(), key=lambda stored: stored.record.saved_at, reverse=True)
    for stored in found:
        ago = duration(time.time() - stored.record.saved_at)
        calls = f"{stored.record.calls} call{'' if stored.record.calls == 1 else 's'}"
        say(f"{stored.name[:12]}  saved {ago} ago, {calls}, {stored.size / 1e6:.1f} MB")
    total = sum(stored.size for stored in found)
    say(f"{len(found)} saved, {total / 1e6:.1f} MB in {store.folder}")
    return 0


def _remove(store: SessionStore, sessions: tuple[str, ...]) -> int:
    if not sessions:
        raise CommandError("Name the sessions to delete: bellglass sessions rm ID")
    for name in sessions:
        found = store.named(name)
        if found is None:
            raise CommandError(f"{name}: no session of this name is saved.")
        found.remove()
        say(f"Deleted {found.name[:12]}.")
    return 0

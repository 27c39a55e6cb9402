"""From the settings to what sessions may reach."""

import os
from pathlib import Path

from bellglass.sandboxes.base import MIB
from bellglass.sandboxes.network.cache import Cache
from bellglass.sandboxes.network.fetching import Fetcher
from bellglass.sandboxes.network.index import Index
from bellglass.sandboxes.network.network import Network
from bellglass.sandboxes.network.rules import Rules
from bellglass.sandboxes.network.sources import Folder, Remote
from bellglass.server.settings import Settings

PYPI: tuple[str, ...] = ("https://pypi.org/simple/", "https://files.pythonhosted.org/")
"""The index, and where it has its files: a mirror that answers to these names is as good."""


def network(settings: Settings) -> Network:
    """Return what the operator allows."""
    rules = Rules(settings.network, settings.network_hosts)
    return Network(rules, _index(settings, rules))


def _index(settings: Settings, rules: Rules) -> Index | None:
    if settings.package_folder is not None:
        return Index(Folder(Path(settings.package_folder).expanduser()))
    urls = PYPI
    if settings.package_index is not None:
        urls = (settings.package_index,)
    elif settings.network == "allow-list":
        return None  # nothing that is not on the list
    source = Remote(urls[0], Fetcher(rules, *urls))
    return Index(source, Cache(cache_folder(settings), settings.package_cache_mb * MIB))


def cache_folder(settings: Settings) -> Path:
    """Return where package files are kept (basedir-spec of freedesktop.org)."""
    if settings.package_cache is not None:
        return Path(settings.package_cache).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(cache) if os.path.isabs(cache) else Path.home() / ".cache"
    return base / "bellglass" / "packages"

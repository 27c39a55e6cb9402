"""Make the network of sessions from the settings."""

from pathlib import Path

from bellglass.sandboxes.egress.cache import Cache
from bellglass.sandboxes.egress.fetching import Fetcher, target_of
from bellglass.sandboxes.egress.index import Index
from bellglass.sandboxes.egress.network import Network
from bellglass.sandboxes.egress.rules import Rules
from bellglass.sandboxes.egress.sources import Folder, Remote
from bellglass.sandboxes.session_limits import MIB
from bellglass.server.settings import Settings
from bellglass.server.user_cache import user_cache

PYPI: tuple[str, ...] = ("https://pypi.org/simple/", "https://files.pythonhosted.org/")
"""The index and the hosts of its files, which a mirror with these names may replace."""


def network(settings: Settings) -> Network:
    """Return the network that the operator allows."""
    rules = Rules(settings.network, settings.network_hosts)
    return Network(rules, _index(settings, rules))


def _index(settings: Settings, rules: Rules) -> Index | None:
    if settings.package_dir is not None:
        return Index(Folder(Path(settings.package_dir).expanduser()))
    urls = PYPI
    if settings.package_index is not None:
        urls = (settings.package_index,)
    elif settings.network == "allow-list":
        return None  # only hosts on the list
    source = Remote(urls[0], Fetcher(rules, *urls))
    return Index(source, Cache(cache_folder(settings), settings.package_cache_mb * MIB))


def cache_folder(settings: Settings) -> Path:
    """Return the folder for package files."""
    if settings.package_cache is not None:
        return Path(settings.package_cache).expanduser()
    return user_cache() / "packages"


def described(settings: Settings) -> list[str]:
    """Describe what sessions may reach, for `bellglass doctor`."""
    hosts = ", ".join(settings.network_hosts) or "none listed"
    lines = []
    if settings.network in ("allow-list", "open"):
        besides = " besides public ones" if settings.network == "open" else ""
        lines.append(f"hosts{besides}: {hosts}")
    if settings.package_dir is not None:
        there = Path(settings.package_dir).expanduser().is_dir()
        missing = "" if there else ", which is not there"
        lines.append(f"packages: of the folder {settings.package_dir}{missing}")
    elif settings.network == "allow-list" and settings.package_index is None:
        lines.append("packages: none; BELLGLASS_PACKAGE_INDEX names an index")
    else:
        target = target_of(settings.package_index or PYPI[0])
        lines.append(f"packages: of the index at {target}")
        size = f"at most {settings.package_cache_mb} MiB"
        lines.append(f"files of packages are kept in {cache_folder(settings)}, {size}")
    return lines

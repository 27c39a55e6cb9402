"""Mounts of lent folders in a container, and what covers the hidden names in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.backends.docker.engine import NAME
from bellglass.sandboxes.backends.docker.image.client import environment_for
from bellglass.sandboxes.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bellglass.sandboxes.folders.lender import Lent

_LOCAL = ("", "unix", "npipe")
"""Schemes of addresses of engines on this machine."""


def require_local(host: str | None) -> None:
    """Refuse an engine on another machine, whose folders are not ours.

    Raises:
        SandboxUnavailable: The engine is reached over a network.
    """
    address = environment_for(host).get("DOCKER_HOST", "")
    if address.partition("://")[0] not in _LOCAL:
        reason = (
            f"the engine at {address} cannot mount folders of this machine. Unset "
            "BELLGLASS_FOLDERS, or use an engine here."
        )
        raise SandboxUnavailable(NAME, reason)


def mounts(lent: Sequence[Lent]) -> list[dict[str, Any]]:
    """Return the mounts, as the engine's interface wants them (Mounts of HostConfig)."""
    found: list[dict[str, Any]] = []
    for each in lent:
        found.append(_bind(each.folder.path, each.folder.base, writable=each.is_writable))
        for path, is_folder in each.masks:
            found.append(_empty_folder(path) if is_folder else _bind("/dev/null", path))
    return found


def _bind(source: str, target: str, *, writable: bool = False) -> dict[str, Any]:
    options = {"Propagation": "rprivate", "NonRecursive": True}  # mounts below are not part of it
    return {
        "Type": "bind",
        "Source": source,
        "Target": target,
        "ReadOnly": not writable,
        "BindOptions": options,
    }


def _empty_folder(target: str) -> dict[str, Any]:
    options = {"SizeBytes": 4096, "Mode": 0o555}
    return {"Type": "tmpfs", "Target": target, "ReadOnly": True, "TmpfsOptions": options}


def owner(lent: Sequence[Lent]) -> int | None:
    """Return the uid that a container needs to read all folders as their owner does.

    None if they have several owners, or root: no container of ours runs as root.
    """
    owners = {each.owner[0] for each in lent} - {0}
    return owners.pop() if len(owners) == 1 else None


def group(lent: Sequence[Lent]) -> int | None:
    """Return the gid for files that a container makes in a folder; None if it makes none."""
    groups = {each.owner[1] for each in lent if each.is_writable} - {0}
    return groups.pop() if len(groups) == 1 else None

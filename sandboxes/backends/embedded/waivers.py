"""What embedded sandboxes do without, or have and cannot see from inside; each with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bellglass.sandboxes.self_check import Protection

WAIVERS: Mapping[Protection, str] = {
    "memory_limit": "control groups are not visible inside; one limits it, or else a watcher",
    "process_limit": "control groups are not visible inside; a resource limit applies",
}

ENDING_WITH_THE_SERVER: Mapping[str, str] = {
    "a_session_outlives_its_server": "with the launcher zygote it does, if it has no network",
}

ENDING_WITH_A_STOPPED_SERVER: Mapping[str, str] = {
    "a_session_outlives_its_server": "it does only if that was killed",
}
"""Of the E2B backend."""

"""Limits that are in force in embedded sandboxes, but cannot be seen from inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bellglass.sandboxes.self_check import Protection

WAIVERS: Mapping[Protection, str] = {
    "memory_limit": "control groups are not visible inside; one limits it, or else a watcher",
    "process_limit": "control groups are not visible inside; a resource limit applies",
}

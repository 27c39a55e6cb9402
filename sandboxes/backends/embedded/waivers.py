"""Limits that are in force in a sandbox of the kernel's own means and do not show inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bellglass.sandboxes.self_check import Protection

WAIVERS: Mapping[Protection, str] = {
    "memory_limit": "control groups do not show inside; one bounds it, or else a watcher",
    "process_limit": "control groups do not show inside; a resource limit bounds them",
}

"""From settings and the vendor's own variables to the arguments of the E2B backend."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bellglass.sandboxes.backends.e2b.settings import E2BSettings


def arguments(settings: E2BSettings, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what `E2BBackend` is made with.

    The vendor's own variables count where ours are not set: people have them.

    Raises:
        SandboxUnavailable: The file with the key cannot be read.
    """
    return {
        "key": _key(settings, environ),
        "domain": settings.domain or environ.get("E2B_DOMAIN"),
        "api_url": settings.api_url or environ.get("E2B_API_URL"),
        "sandbox_url": settings.sandbox_url or environ.get("E2B_SANDBOX_URL"),
        "template": settings.template,
        "headers": settings.headers.get_secret_value() if settings.headers else "",
        "pause": settings.pause,
        "lease_seconds": settings.lease_seconds,
        "sandboxes": settings.max_sandboxes,
        "per_second": settings.max_creates_per_second,
        "state": _state(environ),
    }


def _state(environ: Mapping[str, str]) -> str | None:
    """Return where sessions are written down; None for a user without a home."""
    folder = environ.get("XDG_STATE_HOME", "")
    try:
        base = Path(folder) if os.path.isabs(folder) else Path.home() / ".local/state"
    except RuntimeError:
        return None
    return str(base / "bellglass" / "e2b")


def _key(settings: E2BSettings, environ: Mapping[str, str]) -> str | None:
    if settings.key_file is None:
        return environ.get("E2B_API_KEY")
    try:
        return Path(settings.key_file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        reason = getattr(exc, "strerror", None) or "it is not text"
        raise SandboxUnavailable("e2b", f"BELLGLASS_E2B_KEY_FILE: {reason}.") from exc

"""The settings of the E2B sandbox, and its key."""

import os
from collections.abc import Mapping
from pathlib import Path

from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.server.settings import Settings


def options(settings: Settings, environ: Mapping[str, str] = os.environ) -> dict[str, object]:
    """Return what `E2BBackend` is made with.

    The vendor's own variables count where ours are not set: people have them.

    Raises:
        SandboxUnavailable: The file with the key cannot be read.
    """
    headers = settings.e2b_headers
    return {
        "key": _key(settings, environ),
        "domain": settings.e2b_domain or environ.get("E2B_DOMAIN"),
        "api_url": settings.e2b_api_url or environ.get("E2B_API_URL"),
        "sandbox_url": settings.e2b_sandbox_url or environ.get("E2B_SANDBOX_URL"),
        "template": settings.e2b_template,
        "headers": headers.get_secret_value() if headers else "",
        "pause": settings.e2b_pause,
        "lease_seconds": settings.e2b_lease_seconds,
        "age_seconds": settings.age_seconds,
        "sandboxes": settings.e2b_sandboxes,
        "per_second": settings.e2b_per_second,
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


def _key(settings: Settings, environ: Mapping[str, str]) -> str | None:
    if settings.e2b_key_file is None:
        return environ.get("E2B_API_KEY")
    try:
        return Path(settings.e2b_key_file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        reason = getattr(exc, "strerror", None) or "it is no text"
        raise SandboxUnavailable("e2b", f"BELLGLASS_E2B_KEY_FILE: {reason}.") from exc

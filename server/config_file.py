"""The file of settings, config.toml: where it is, and what it says."""

import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any


class ConfigError(Exception):
    """The file cannot be used; the text is one line that names it."""


def config_path(environ: Mapping[str, str]) -> Path | None:
    """Return the path of the user's file, if there is one."""
    base = environ.get("XDG_CONFIG_HOME")
    if not base or not os.path.isabs(base):  # as the XDG specification says
        if not (home := environ.get("HOME")):
            return None
        base = os.path.join(home, ".config")
    path = os.path.join(base, "bellglass", "config.toml")
    return Path(path) if os.path.exists(path) else None  # not if it is behind a closed folder


def read_config(path: Path, secrets: Collection[str]) -> dict[str, Any]:
    """Return the settings in the file. Those in `secrets` may be there if others cannot read it.

    Raises:
        ConfigError: It cannot be read, is not TOML, or shows a secret to other users.
    """
    import tomllib

    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            found = tomllib.load(file)
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror}.") from exc
    except ValueError as exc:  # not UTF-8, or not TOML
        raise ConfigError(f"{path} is not TOML: {exc}.") from exc
    exposed = [name for name in found if name in secrets]
    if exposed and mode & 0o077 and sys.platform != "win32":
        raise ConfigError(
            f"{path}: other users of this machine can read {exposed[0]}, which is secret. "
            f"Fix it with: chmod 600 {path}"
        )
    return found

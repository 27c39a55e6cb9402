"""The virtual environment in which a session installs packages, on top of the sandbox's Python.

The sandbox's Python is read-only. This environment sees all that is installed there, so pip
fetches only what is missing, and removes or replaces only what the session installed.
"""

from __future__ import annotations

import importlib
import os
import sys

OWN = "/work/.venv"
"""It is in the workspace, because tools know a .venv, and has a size of its own."""

SCRATCH = f"{OWN}/tmp"
"""Directory where pip unpacks: /tmp is too small for a large package."""

_SITES = ("site-packages", "dist-packages")
LIBRARY = f"{OWN}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
"""Directory of installed modules; it is missing unless the operator allows packages."""

_AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_PIP = f"""\
#!{OWN}/bin/python
import os, sys
os.environ.setdefault("TMPDIR", "{SCRATCH}")
from pip._internal.cli.main import main
sys.argv[0] = "pip"
sys.exit(main())
"""


def make() -> dict[str, str]:
    """Create it before any foreign code runs; return the variables that programs need to use it."""
    base = getattr(sys, "_base_executable", sys.executable)
    os.makedirs(f"{OWN}/bin")  # in a mount of its own, where the backend makes one
    os.makedirs(LIBRARY)
    os.mkdir(SCRATCH)
    version = "{}.{}.{}".format(*sys.version_info[:3])
    _write(
        f"{OWN}/pyvenv.cfg",
        f"home = {os.path.dirname(base)}\n"
        f"include-system-site-packages = false\nversion = {version}\n",
    )
    for name in ("python", "python3", "python{}.{}".format(*sys.version_info[:2])):
        os.symlink(base, f"{OWN}/bin/{name}")
    sites = [path for path in sys.path if os.path.basename(path) in _SITES]
    _write(f"{LIBRARY}/_sandbox.pth", "".join(f"{path}\n" for path in sites))
    if any(os.path.isdir(f"{path}/pip") for path in sites):
        for name in ("pip", "pip3"):
            _write(f"{OWN}/bin/{name}", _PIP, 0o755)
    environment = {"VIRTUAL_ENV": OWN, "PATH": f"{OWN}/bin:{os.environ.get('PATH', os.defpath)}"}
    # Where an interpreter was built to look for certificates may not exist in the sandbox.
    found = [path for path in _AUTHORITIES if os.path.isfile(path)]
    if found:
        names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
        environment.update(dict.fromkeys(names, found[0]))
    return environment


def _write(path: str, text: str, mode: int = 0o644) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
        os.fchmod(file.fileno(), mode)


def use(environment: dict[str, str]) -> None:
    """Make this process, which will run foreign code, use the environment. Never the supervisor."""
    os.environ.update(environment)
    sys.executable = f"{OWN}/bin/{os.path.basename(sys.executable)}"
    if not os.path.exists(sys.executable):
        sys.executable = f"{OWN}/bin/python"
    sys.prefix = sys.exec_prefix = OWN
    find()


_seen = 0


def find() -> None:
    """Make installed modules importable, before modules of the sandbox with the same name."""
    global _seen
    if os.path.isdir(LIBRARY) and LIBRARY not in sys.path:
        at = [n for n, path in enumerate(sys.path) if os.path.basename(path) in _SITES]
        sys.path.insert(at[0] if at else len(sys.path), LIBRARY)
    try:
        changed = os.stat(LIBRARY).st_mtime_ns
    except OSError:
        return
    if changed != _seen:
        _seen = changed
        importlib.invalidate_caches()

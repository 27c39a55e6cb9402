"""Programs beside Python that a sandbox has: found, remembered, and named in a tool's manual.

The embedded backend has those of the host's /usr, which are looked for at the start. A container is
asked once for each image, before its first use; they are named from the next start of a server on.
"""

import json
import logging
import os
import re
import shutil
import subprocess
import sys

from bellglass.sandboxes.backend import Backend
from bellglass.sandboxes.errors import SandboxError
from bellglass.sandboxes.sessions.session import Session
from bellglass.server.settings import Settings
from bellglass.server.user_cache import user_cache

log = logging.getLogger(__name__)

NAMES = (
    *("node", "R", "julia", "gcc", "go", "rustc", "java", "ruby", "php", "perl"),
    *("git", "sqlite3", "jq", "ffmpeg", "make"),
)
"""Programs that are looked for, languages first."""

MAX_NAMED = 10

HOST_PATH = "/usr/bin:/bin"
"""What the embedded backend has of the host's programs."""

ASKED = ("docker",)
"""Backends that are asked. A machine of E2B would cost money."""

LOOK_TIMEOUT_SECONDS = 5

FILE = "programs.json"

MAX_REMEMBERED = 20

LOOK = f"""for name in {" ".join(NAMES)}; do
    command -v $name >/dev/null || continue
    argument=--version; [ $name = go ] && argument=version
    echo $name $(timeout 2 $name $argument 2>&1 </dev/null | head -n 3) &
done; wait"""
"""Prints a line with the name and the version of each that is there."""

_VERSION = re.compile(r"\d{1,5}\.\d{1,5}")


def sentence(settings: Settings) -> str:
    """Return which programs there are, or an empty text if nothing is known."""
    versions = _known(settings)
    named = [f"{name} {versions[name]}".strip() for name in NAMES if name in versions]
    return f"There are: {', '.join(named[:MAX_NAMED])}." if named else ""


async def remember(name: str, settings: Settings, backend: Backend) -> None:
    """Ask a sandbox of the backend `name`, unless it is known what it has."""
    key = _key(name, settings)
    if name not in ASKED or key in _remembered():
        return
    try:
        async with Session.open(backend) as session:
            done = await session.run("bash", {"command": LOOK}, timeout=LOOK_TIMEOUT_SECONDS)
            if done.status == "ok":
                _write(key, _versions(done.stdout.text))
    except* SandboxError:
        log.info("The sandbox could not be asked for its programs")  # the first call says why


def _known(settings: Settings) -> dict[str, str]:
    name = settings.sandbox
    if name == "auto" and sys.platform == "linux":
        name = "embedded"
    key = _key(name, settings)
    known = _remembered().get(key)
    if known is None and name == "embedded":
        known = _of_host()
        _write(key, known)
    return known or {}


def _of_host() -> dict[str, str]:
    try:
        done = subprocess.run(
            ["bash", "-c", LOOK],
            env={"PATH": HOST_PATH, "LC_ALL": "C", "HOME": "/nonexistent"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LOOK_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return _versions(done.stdout.decode("utf-8", "replace"))


def _versions(printed: str) -> dict[str, str]:
    """Return the version of each program, from what LOOK printed."""
    versions = {}
    for line in printed.splitlines():
        name, _, said = line.partition(" ")
        if name in NAMES:
            found = _VERSION.search(said)
            versions[name] = found[0] if found else ""
    return versions


def _key(name: str, settings: Settings) -> str:
    """Return what tells one set of programs from another."""
    if name != "embedded":
        return f"{name} {json.dumps(settings.given_to(name), sort_keys=True)}"
    found = (shutil.which(name, path=HOST_PATH) for name in NAMES)
    stamps = (f"{path} {int(os.stat(path).st_mtime)}" for path in found if path is not None)
    return " ".join([name, *stamps])


def _remembered() -> dict[str, dict[str, str]]:
    """Return what was found before, by key."""
    try:
        known = json.loads((user_cache() / FILE).read_text("utf-8"))
        return {
            key: {name: str(versions[name]) for name in versions} for key, versions in known.items()
        }
    except (OSError, ValueError, AttributeError, TypeError, RuntimeError):
        return {}


def _write(key: str, versions: dict[str, str]) -> None:
    """Remember what was found, if that is possible; without, it is looked for at each start."""
    known = list({**_remembered(), key: versions}.items())
    try:
        file = user_cache() / FILE
        file.parent.mkdir(parents=True, exist_ok=True)
        mine = file.with_suffix(f".{os.getpid()}")
        mine.write_text(json.dumps(dict(known[-MAX_REMEMBERED:])), "utf-8")
        mine.replace(file)
    except (OSError, RuntimeError):
        return

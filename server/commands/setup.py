"""`bellglass setup`: install packages for code in sandboxes, in a virtual environment for them.

It is separate from the server's environment, because sessions can read it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bellglass.sandboxes.setup import package_set
from bellglass.sandboxes.setup.install import SetupFailed, install
from bellglass.server.command_line.feedback import clock
from bellglass.server.command_line.parsing import SettingsCommand
from bellglass.server.console import paint, printable, say
from bellglass.server.failures import CommandError

if TYPE_CHECKING:
    from bellglass.sandboxes.setup.package_set import PackageSet


@click.command(cls=SettingsCommand)
@click.option(
    "--with",
    "added",
    metavar="NAME",
    multiple=True,
    help="Also this package, from now on and for every backend; several times, or with commas.",
)
@click.option(
    "-r",
    "--requirements",
    metavar="FILE",
    multiple=True,
    type=click.Path(),
    help="Also the packages of this requirements file.",
)
@click.option(
    "--wheels",
    metavar="FOLDER",
    type=click.Path(),
    help="Take wheels from this folder, instead of a package index.",
)
@click.option("--upgrade", is_flag=True, help="Bring the packages up to date.")
def command(
    added: tuple[str, ...], requirements: tuple[str, ...], wheels: str | None, upgrade: bool
) -> int:
    """Install numpy, pandas, ... for the code inside."""
    began = time.monotonic()
    try:
        packages = _wanted(added, requirements)
        with clock("Installing packages"):
            environment = install(
                packages,
                tell=lambda line: say(paint("dim", line)),
                wheels=_wheels(wheels),
                upgrade=upgrade,
            )
        package_set.keep(packages)
    except SetupFailed as exc:
        raise CommandError(str(exc)) from exc
    names = ", ".join(packages.required)
    seconds = time.monotonic() - began
    say(paint("green", "Ready") + printable(f": {names} in {environment} ({seconds:.0f} s)"))
    return 0


def _wanted(added: tuple[str, ...], requirements: tuple[str, ...]) -> PackageSet:
    packages = package_set.kept()
    for given in added:
        # A version or an extra may have commas of its own.
        several = not any(character in given for character in "[<>=!~;@")
        names = given.split(",") if several else [given]
        packages = packages.with_added(tuple(name.strip() for name in names if name.strip()))
    for file in requirements:
        packages = packages.with_added(package_set.requirements_in(Path(file).read_text("utf-8")))
    return packages


def _wheels(given: str | None) -> Path | None:
    if given is None:
        return None
    folder = Path(given).resolve()
    if not any(folder.glob("*.whl")):
        raise CommandError(
            f"{folder} is not a directory with wheels; `pip download -d {folder} ...` makes one."
        )
    return folder

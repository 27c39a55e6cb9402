"""`bellglass image`: show or build the image of Docker sessions."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bellglass.server.command_line.feedback import clock
from bellglass.server.command_line.parsing import Invocation, SettingsGroup
from bellglass.server.console import paint, print_error, printable, say
from bellglass.server.failures import INTERRUPTED_EXIT_CODE

if TYPE_CHECKING:
    from docker import DockerClient

    from bellglass.sandboxes.backends.docker.image.inventory import SessionImage

MB = 1000**2


@click.group(cls=SettingsGroup, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> int:
    """Show the images of Docker sessions, or build one."""
    return _show(_host(ctx.obj)) if ctx.invoked_subcommand is None else 0


@command.command()
@click.option("--base", metavar="IMAGE", help="Base image, instead of python:3.13-slim.")
@click.option("--tag", metavar="NAME", help="Name of the new image.")
@click.option(
    "--wheels", type=click.Path(), help="Directory of wheels, instead of a package index."
)
@click.pass_obj
def build(given: Invocation, base: str | None, tag: str | None, wheels: str | None) -> int:
    """Build the image."""
    return _build(_host(given), base, tag, wheels)


def _host(given: Invocation) -> str | None:
    """Return the engine that the settings name."""
    host: str | None = getattr(given.settings.of_backend("docker"), "host", None)
    return host


def _show(host: str | None) -> int:
    """List the images; return 0 if the default one exists."""
    engine = _engine(host)
    if engine is None:
        return 1
    from bellglass.sandboxes.backends.docker.image import IMAGE
    from bellglass.sandboxes.backends.docker.image.inventory import built, find

    wanted = find(engine, IMAGE)
    for image in built(engine):
        say(_line(image))
    if wanted is None:
        say(f"There is no image {IMAGE} yet: `bellglass image build` makes it.")
        return 1
    if not wanted.current:
        say(f"{IMAGE} was not made by this version: `bellglass image build` makes it again.")
    return 0


def _build(host: str | None, base: str | None, tag: str | None, wheels: str | None) -> int:
    """Build an image, and show the progress; return the exit code."""
    from bellglass.sandboxes.backends.docker.image import BASE, IMAGE
    from bellglass.sandboxes.backends.docker.image.context import Recipe

    folder = Path(wheels) if wheels else None
    if folder is not None and not any(folder.glob("*.whl")):
        return _failed(
            f"{folder} is not a directory with wheels; `pip download -d {folder} ...` makes one."
        )
    engine = _engine(host)
    if engine is None:
        return 1
    from bellglass.sandboxes.backends.docker.image.build import BuildFailed, Step
    from bellglass.sandboxes.backends.docker.image.build import build as built
    from bellglass.sandboxes.backends.docker.image.inventory import find

    recipe = Recipe(tag=tag or IMAGE, base=base or BASE, wheels=folder)
    started = time.monotonic()
    try:
        with clock("Building"):
            for shown in built(recipe, engine):
                if isinstance(shown, Step):
                    say(printable(_cropped(f"[{shown.number}/{shown.of}] {shown.instruction}")))
                else:
                    say(paint("dim", _cropped(f"    {shown}")))
        image = find(engine, recipe.tag)
    except BuildFailed as exc:
        return _failed(str(exc))
    except KeyboardInterrupt:
        sys.stderr.write(f"\nbellglass: stopped; {recipe.tag} is unchanged.\n")
        return INTERRUPTED_EXIT_CODE
    finally:
        engine.close()
    if image is None:
        return _failed(f"the engine says that it built {recipe.tag}, but has no such image.")
    say(paint("green", f"{_line(image)}, after {time.monotonic() - started:.0f} s"))
    if recipe.tag != IMAGE:
        say(f"To use it: BELLGLASS_DOCKER_IMAGE={recipe.tag}")
    return 0


def _engine(host: str | None) -> DockerClient | None:
    """Return a client of the engine, or print why there is none."""
    from bellglass.sandboxes.backends.docker.image.client import connect
    from bellglass.sandboxes.errors import SandboxUnavailable

    try:
        with clock("Asking the Docker engine"):
            return connect(host)
    except SandboxUnavailable as exc:
        _failed(exc.reason)
        return None


def _line(image: SessionImage) -> str:
    origin = f"from {image.base}" if image.base else "not built by bellglass"
    return f"{', '.join(image.names)}: {image.size_bytes // MB} MB, {origin}"


def _cropped(line: str) -> str:
    """Return `line` cut to the width of the terminal."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 200
    clean = "".join(character if character.isprintable() else " " for character in line)
    return clean if len(clean) <= width else f"{clean[: width - 1]}…"


def _failed(message: str) -> int:
    print_error(message)
    return 1

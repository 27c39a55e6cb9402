"""`bellglass image`: show or build the image of Docker sessions."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bellglass.server.console import paint, print_error, printable, say
from bellglass.server.failures import INTERRUPTED

if TYPE_CHECKING:
    from docker import DockerClient

    from bellglass.sandboxes.backends.docker.image.inventory import SessionImage
    from bellglass.server.settings import Settings

MB = 1000**2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", parser_class=argparse.ArgumentParser
    )
    build = actions.add_parser("build", help="build it; without ACTION, images are shown")
    build.add_argument("--base", metavar="IMAGE", help="base image, instead of python:3.13-slim")
    build.add_argument("--tag", metavar="NAME", help="name of the new image")
    build.add_argument(
        "--wheels", metavar="FOLDER", help="directory of wheels, instead of a package index"
    )


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Show the images, or build one; return the exit code."""
    if options.action is None:
        return _show()
    return _build(options.base, options.tag, options.wheels)


def _show() -> int:
    """List the images; return 0 if the default one exists."""
    engine = _engine()
    if engine is None:
        return 1
    from bellglass.sandboxes.backends.docker.image import IMAGE
    from bellglass.sandboxes.backends.docker.image.inventory import built, find

    wanted = find(engine, IMAGE)
    for image in built(engine):
        say(_line(image))
    if wanted is None:
        say(f"There is no {IMAGE} yet: `bellglass image build` makes it.")
        return 1
    if not wanted.current:
        say(f"{IMAGE} was not made by this version: `bellglass image build` makes it anew.")
    return 0


def _build(base: str | None, tag: str | None, wheels: str | None) -> int:
    """Build an image, and show the progress; return the exit code."""
    from bellglass.sandboxes.backends.docker.image import BASE, IMAGE
    from bellglass.sandboxes.backends.docker.image.context import Recipe

    folder = Path(wheels) if wheels else None
    if folder is not None and not any(folder.glob("*.whl")):
        return _failed(
            f"{folder} is not a directory with wheels; `pip download -d {folder} ...` makes one."
        )
    engine = _engine()
    if engine is None:
        return 1
    from bellglass.sandboxes.backends.docker.image.build import BuildFailed, Step
    from bellglass.sandboxes.backends.docker.image.build import build as built
    from bellglass.sandboxes.backends.docker.image.inventory import find

    recipe = Recipe(tag=tag or IMAGE, base=base or BASE, wheels=folder)
    started = time.monotonic()
    try:
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
        return INTERRUPTED
    finally:
        engine.close()
    if image is None:
        return _failed(f"the engine says that it built {recipe.tag}, but has no such image.")
    say(paint("green", f"{_line(image)}, after {time.monotonic() - started:.0f} s"))
    if recipe.tag != IMAGE:
        say(f"To use it: BELLGLASS_DOCKER_IMAGE={recipe.tag}")
    return 0


def _engine() -> DockerClient | None:
    """Return a client of the engine, or print why there is none."""
    from bellglass.sandboxes.backends.docker.image.client import connect
    from bellglass.sandboxes.errors import SandboxUnavailable

    try:
        return connect()
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

"""`bellglass version`: print the version."""

import argparse
from importlib.metadata import version

from bellglass.server.console import say
from bellglass.server.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command has no arguments."""


def run(options: argparse.Namespace, settings: Settings) -> int:
    say(f"bellglass {version('bellglass')}")
    return 0

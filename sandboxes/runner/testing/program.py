"""A whole program, run once as its own main program, in a process of its own."""

from __future__ import annotations

import os
import runpy
import socket
import sys
from typing import Any

from bellglass.sandboxes.runner.apart.channel import Channel
from bellglass.sandboxes.runner.apart.coverage import Coverage
from bellglass.sandboxes.runner.relay import packages
from bellglass.sandboxes.runner.testing.failures import Explain


def main(sock: socket.socket, settings: dict[str, Any]) -> None:
    """Run the program in `settings["directory"]` with the standard input that is there."""
    directory = settings["directory"]
    sys.dont_write_bytecode = True
    sys.path.insert(0, directory)
    sys.path.append(os.getcwd())
    sys.path.append(packages.LIBRARY)
    path = os.path.join(directory, "solution.py")
    sys.argv = [path]
    coverage = Coverage(directory, on=settings["coverage"])
    coverage.start()
    explain = Explain(directory)
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit:
        raise
    except BaseException as exc:
        sys.stdout.flush()
        sys.stderr.write(explain(exc) + "\n")
        sys.exit(1)
    finally:
        if settings["coverage"]:
            Channel(sock).send({"coverage": coverage.report()})

"""The command `bellglass`: serve, or read the arguments and run the command that they name.

Without arguments, as most clients start it, it serves at once: reading a command line needs
imports, of which the server's start should be free.
"""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    from bellglass.server.failures import exit_code_of

    given = list(sys.argv[1:] if arguments is None else arguments)
    code = exit_code_of(lambda: _run(given), debug="--debug" in given)
    # Without the interpreter's finalization: there, threads of Rust libraries (E2B's transport and
    # Monty) abort the process one time in a hundred.
    from bellglass.server.shutdown import Stop

    stop = Stop()
    stop.exit_code = code
    stop.now()


def _run(arguments: list[str]) -> int:
    # If our parent has closed stderr, what is written to it is dropped; otherwise another file
    # could get the number of its descriptor.
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if not arguments and "_BELLGLASS_COMPLETE" not in os.environ:
        from bellglass.server.commands.serve import serve
        from bellglass.server.settings import Settings

        return serve(Settings.from_environ())
    from bellglass.server.command_line.app import run

    return run(arguments)


if __name__ == "__main__":
    main()

"""The command `bellglass`: read its arguments, and run the command that they name.

Each command is a module of `commands` with `add_arguments` and `run`. Only the named one is
imported, because serving on stdio must start fast.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

COMMANDS = {
    "demo": "show a short conversation with a real client",
    "doctor": "say which sandboxes work here, and how to mend the others",
    "setup": "prepare numpy, pandas, ... for the code inside",
    "image": "show, or build, the image of Docker sessions",
    "template": "build a template of E2B for sessions",
    "run": "run a program in a sandbox",
    "shell": "show a prompt in a sandbox, of Python or Bash",
    "put": "send a file to a session of a server on HTTP",
    "get": "fetch a file of a session of a server on HTTP",
    "check": "run the contract checks on a backend",
    "install": "write this server, with the flags given, into a client's configuration",
    "uninstall": "take it out again",
    "solve": "solve a task with a model: code written, run, tested, repaired",
    "version": "print the version",
}


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    from bellglass.server.failures import exit_code_of

    code = exit_code_of(lambda: _run(arguments), debug="--debug" in (arguments or sys.argv[1:]))
    # Without the interpreter's finalization: there, threads of Rust libraries (E2B's transport and
    # Monty) abort the process one time in a hundred.
    from bellglass.server.shutdown import Stop

    stop = Stop()
    stop.exit_code = code
    stop.now()


def _run(arguments: Sequence[str] | None) -> int:
    # If our parent has closed stderr, what is written to it is dropped; otherwise another file
    # could get the number of its descriptor.
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    from bellglass.server.settings import Settings, known_settings

    options = _parser().parse_args(arguments)
    options.flags = {
        name: value if isinstance(value, str) else ";".join(value)
        for name in known_settings()
        if (value := getattr(options, name, None)) is not None
    }
    settings = Settings.from_environ(os.environ, options.flags)
    code: int = _module(options.command or "serve").run(options, settings)
    return code


def _module(command: str) -> Any:
    return import_module(f"bellglass.server.commands.{command}")


class _CommandParser(argparse.ArgumentParser):
    """The parser of one command, which gets its arguments on first use."""

    def __init__(self, command: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._command = command

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        _module(self._command).add_arguments(self)
        _add_debug(self)
        return super().parse_known_args(args, namespace)


def _parser() -> argparse.ArgumentParser:
    from bellglass.server.settings import known_settings

    parser = argparse.ArgumentParser(
        prog="bellglass",
        usage="%(prog)s [--SETTING VALUE ...] [COMMAND ...]",
        description="An MCP server that runs a model's code in a sandbox. Without a command: serve "
        "on stdin and stdout, or on --http.",
        epilog="Every flag is also a variable: --max-sessions is BELLGLASS_MAX_SESSIONS.",
        # Otherwise --session of a command is taken for a beginning of --session-scope and others.
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_CommandParser)
    for name, told in COMMANDS.items():
        commands.add_parser(
            name, command=name, help=told, description=f"{told[0].upper()}{told[1:]}."
        )
    _add_debug(parser)
    for setting in known_settings().values():
        if not setting.is_secret:
            parser.add_argument(
                f"--{setting.flag}",
                dest=setting.name,
                action="append" if setting.is_repeated else "store",
                metavar="HOST:PORT" if setting.name == "http" else "VALUE",
                help=f"{setting.info.description} [{setting.variable}]".replace("%", "%%"),
            )
    return parser


def _add_debug(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--debug", action="store_true", help="show where in our code an unexpected error happened"
    )


if __name__ == "__main__":
    main()

"""The command `bellglass`."""

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

from bellglass.server.commands import solve_options
from bellglass.server.console import complain
from bellglass.server.settings import NOT_FLAGS, PREFIX, Settings, SettingsError

DESCRIPTORS = 65_536

# Also in clients.catalogue, which to serve takes no time to import; a test compares them.
CLIENT_NAMES = (
    *("claude-desktop", "claude-code", "vscode", "cursor", "codex", "gemini", "zed"),
    *("continue", "goose", "chatgpt"),
)
CLIENTS = f"one of {', '.join(CLIENT_NAMES)}"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    command = options.pop("command")
    target = options.pop("backend", None)
    upgrade = options.pop("upgrade", False)
    action = options.pop("action", None)
    name = options.pop("name", None)
    client = options.pop("client", None)
    edit = {name: options.pop(name, False) for name in ("project", "dry_run")}
    task = {name: options.pop(name, None) for name in solve_options.NAMES}
    transfer = {name: options.pop(name, None) for name in ("file", "path", "server", "session")}
    recipe = {name: options.pop(name, None) for name in ("base", "tag", "wheels")}
    try:
        flags = {name: value for name, value in options.items() if value is not None}
        settings = Settings.from_environ(os.environ, flags)
    except SettingsError as exc:
        _fail(str(exc))
    match command:
        # Each imports what it needs itself: to serve on stdio is the one that must start fast.
        case None:
            _serve(settings)
        case "version":
            from importlib.metadata import version

            sys.stdout.write(f"bellglass {version('bellglass')}\n")
            code = 0
        case "put" | "get":
            from bellglass.server.commands import transfer as transfers

            move = transfers.put if command == "put" else transfers.get
            names = ("file", "path") if command == "put" else ("path", "file")
            first, second = (transfer[name] for name in names)
            code = move(first, second, transfer["server"], transfer["session"], settings)
        case "demo":
            from bellglass.server.commands.demo import demo

            code = demo()
        case "doctor":
            from bellglass.server.commands.doctor import doctor

            code = doctor(settings)
        case "setup":
            from bellglass.server.commands.setup import setup

            code = setup(upgrade=upgrade)
        case "image":
            from bellglass.server.commands import image

            code = image.show() if action is None else image.build(**recipe)
        case "template":
            from bellglass.server.commands import template

            code = template.build(settings, name, recipe["base"])
        case "solve":
            from bellglass.server.commands.solve import Options, solve

            code = solve(Options(**task), settings, flags)
        case "install":
            from bellglass.server.commands.install import install

            code = install(client, flags, **edit)
        case "uninstall":
            from bellglass.server.commands.install import uninstall

            code = uninstall(client, **edit)
        case "check":
            from bellglass.server.commands.check import check

            code = check(target, settings)
    # Not by an interpreter that ends in order: threads of libraries in Rust, of E2B's transport and
    # of Monty, abort one in a hundred.
    from bellglass.server.shutdown import Stop

    stop = Stop()
    stop.exit_code = code
    stop.now()


def _serve(settings: Settings) -> NoReturn:
    if sys.platform == "win32":
        _fail("on Windows it runs in WSL: install it there, and start it as `wsl bellglass`.")
    # Each is None where who started us has closed it.
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - or its number becomes another file's
    if settings.http is None and (sys.stdin is None or sys.stdout is None):
        _fail("stdin and stdout are closed. An MCP client talks over them; or use --http.")
    # What is imported now stays: to look for garbage in it takes a tenth of the start.
    gc.disable()
    import anyio

    from bellglass.server import logs
    from bellglass.server.app import build_server
    from bellglass.server.shutdown import Stop

    logs.configure(settings.log_level)
    _allow_descriptors()
    server, stop = build_server(settings), Stop()
    if settings.http is None:
        from bellglass.server.stdio.serving import serve_stdio

        run = partial(anyio.run, serve_stdio, server, stop)
    else:
        from bellglass.server.http.serving import serve_http

        run = partial(anyio.run, serve_http, server, settings, stop)
    gc.freeze()
    gc.enable()
    try:
        run()
    except SettingsError as exc:
        _fail(str(exc))
    stop.now()


def _allow_descriptors() -> None:
    """Raise our soft limit: a session takes some four, and they count while they are passed on."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
        if most > soft:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _fail(message: str) -> NoReturn:
    complain(message)
    sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bellglass",
        description="An MCP server that runs a model's code in a sandbox. Without a command: serve "
        "on stdin and stdout, or on --http.",
        epilog="Every flag is also a variable: --max-sessions is BELLGLASS_MAX_SESSIONS.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("demo", help="show a short conversation with a real client")
    commands.add_parser("doctor", help="say which sandboxes work here, and how to mend the others")
    setup = commands.add_parser("setup", help="prepare numpy, pandas, ... for the code inside")
    setup.add_argument("--upgrade", action="store_true", help="bring the packages up to date")
    image = commands.add_parser("image", help="show, or build, the image of Docker sessions")
    actions = image.add_subparsers(dest="action", metavar="ACTION")
    build = actions.add_parser("build", help="build it; without ACTION, images are shown")
    build.add_argument("--base", metavar="IMAGE", help="start from it, not from python:3.13-slim")
    build.add_argument("--tag", metavar="NAME", help="name of what is built")
    build.add_argument("--wheels", metavar="FOLDER", help="packages, instead of an index's")
    template = commands.add_parser("template", help="build a template of E2B for sessions")
    actions = template.add_subparsers(dest="action", metavar="ACTION", required=True)
    build = actions.add_parser("build", help="with our packages and our program inside")
    build.add_argument("--name", metavar="NAME", help="of what is built [bellglass]")
    build.add_argument("--base", metavar="TEMPLATE", help="start from it, not from the configured")
    _add_transfers(commands)
    check = commands.add_parser("check", help="run the contract checks on a backend")
    check.add_argument("backend", help="name of an entry point")
    for name, told in (
        ("install", "write this server, with the flags given, into a client's configuration"),
        ("uninstall", "take it out again"),
    ):
        change = commands.add_parser(name, help=told, description=f"{told.capitalize()}.")
        change.add_argument("client", choices=CLIENT_NAMES, metavar="CLIENT", help=CLIENTS)
        change.add_argument(
            "--project", action="store_true", help="for the project in this folder alone"
        )
        change.add_argument("--dry-run", action="store_true", help="only show the change")
    solve_options.add(commands)
    commands.add_parser("version", help="print the version")
    for name, field in Settings.model_fields.items():
        if name not in NOT_FLAGS:
            parser.add_argument(
                f"--{name.replace('_', '-')}",
                metavar="HOST:PORT" if name == "http" else "VALUE",
                help=f"{field.description} [{PREFIX}{name.upper()}]".replace("%", "%%"),
            )
    return parser


def _add_transfers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    put = commands.add_parser("put", help="send a file to a session of a server on HTTP")
    put.add_argument("file")
    put.add_argument("path", nargs="?", help="in the session; the file's name if left out")
    get = commands.add_parser("get", help="fetch a file of a session of a server on HTTP")
    get.add_argument("path", help="in the session")
    get.add_argument("file", nargs="?", help="to write to; its name there if left out")
    for command in (put, get):
        command.add_argument(
            "--url",
            metavar="URL",
            dest="server",
            default="http://127.0.0.1:8000",
            help="of the server [%(default)s]",
        )
    put.add_argument("--session", metavar="ID", help="a new one is started if left out")
    get.add_argument("--session", metavar="ID", help="session_id, from a result of a tool")


if __name__ == "__main__":
    main()

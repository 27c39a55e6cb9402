"""The command `bellglass` with its commands, read by click."""

from __future__ import annotations

import os

import click

from bellglass.server.command_line.parsing import (
    LazyCommand,
    SettingsGroup,
)
from bellglass.server.command_line.setting_options import COMMON, in_groups, rows, setting_options
from bellglass.server.failures import CommandError
from bellglass.server.settings import known_settings

NAME = "bellglass"
COMPLETE = "_BELLGLASS_COMPLETE"
"""The variable with which the script of a shell asks for completions."""

COMMANDS = {
    "Set up": {
        "setup": "Prepare numpy, pandas, ... for the code inside.",
        "doctor": "Say which backends work here, and how to mend the others.",
        "demo": "Show a short conversation with a real client.",
        "image": "Show, or build, the image of Docker sessions.",
        "template": "Build a template of E2B for sessions.",
        "check": "Run the contract checks on a backend.",
    },
    "Connect clients": {
        "install": "Write this server, with the settings given, into a client's configuration.",
        "uninstall": "Remove this server from a client's configuration.",
    },
    "Run code": {
        "run": "Run a program in a sandbox.",
        "shell": "Show a prompt in a sandbox, of Python or Bash.",
        "solve": "Solve a task with a model: code written, run, tested, repaired.",
    },
    "Files of sessions": {
        "put": "Send a file to a session.",
        "get": "Fetch a file of a session.",
        "ls": "List sessions on this machine, or the files of one.",
        "sessions": "List saved sessions, or delete some.",
        "diff": "Show what a session has changed in its copies of folders.",
        "apply": "Write what a session has changed to the folders of this machine.",
    },
    "This program": {
        "help": "Explain a command, or list all settings: bellglass help settings.",
        "completion": "Print the script that completes commands in bash, zsh or fish.",
        "version": "Print the version.",
    },
}


class UsageProblem(CommandError):
    """The command line cannot be understood."""

    exit_code = 2


class _App(SettingsGroup):
    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))
        with formatter.section("Common settings"):
            formatter.write_dl(rows(COMMON, ctx))
        with formatter.section("Options"):
            formatter.write_dl(self.own_rows(ctx))
        formatter.write_paragraph()
        formatter.write_text(
            f"`bellglass help settings` explains all {len(known_settings())} settings, and "
            "`bellglass COMMAND --help` a command."
        )


@click.group(
    NAME,
    cls=_App,
    invoke_without_command=True,
    options_metavar="[SETTINGS]",
    subcommand_metavar="[COMMAND ...]",
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
@click.version_option(None, "-V", "--version", package_name=NAME, message="%(prog)s %(version)s")
@click.pass_context
def app(ctx: click.Context) -> int:
    """Run a model's code in a sandbox: an MCP server.

    Without a command it serves on stdin and stdout, where an MCP client starts it, or on --http.
    """
    if ctx.invoked_subcommand is not None:
        return 0
    from bellglass.server.commands.serve import serve

    return serve(ctx.obj.settings)


@app.command("help", cls=click.Command)
@click.argument("topic", required=False)
@click.pass_context
def explain(ctx: click.Context, topic: str | None) -> int:
    """Explain a command, or list all settings: bellglass help settings."""
    assert ctx.parent is not None
    if topic is None:
        click.echo(app.get_help(ctx.parent))
    elif topic == "settings":
        click.echo(_settings(ctx))
    else:
        _, command, _ = app.resolve_command(ctx.parent, [topic])
        assert command is not None
        command.make_context(topic, ["--help"], parent=ctx.parent)
    return 0


@app.command(cls=click.Command)
@click.argument("shell", metavar="SHELL", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> int:
    """Print the script that completes commands, settings and their values in your shell.

    \b
    bash: eval "$(bellglass completion bash)"    in ~/.bashrc
    zsh:  eval "$(bellglass completion zsh)"     in ~/.zshrc
    fish: bellglass completion fish >~/.config/fish/completions/bellglass.fish
    """
    from click.shell_completion import get_completion_class

    of_shell = get_completion_class(shell)
    assert of_shell is not None
    click.echo(of_shell(app, {}, NAME, COMPLETE).source())
    return 0


@app.command()
def version() -> int:
    """Print the version."""
    app.make_context(NAME, ["--version"])
    return 0


for _commands in COMMANDS.values():
    for _name, _help in _commands.items():
        if _name not in app.commands:
            app.add_command(LazyCommand(_name, help=_help))


def run(arguments: list[str]) -> int:
    """Do what the arguments say; return the exit code.

    Raises:
        UsageProblem: They cannot be understood.
    """
    if asked := os.environ.get(COMPLETE):
        from click.shell_completion import shell_complete

        return shell_complete(app, {}, NAME, COMPLETE, asked)
    try:
        with app.make_context(NAME, arguments) as ctx:
            code: int = app.invoke(ctx)
            return code
    except click.exceptions.Exit as exc:  # help was printed
        return exc.exit_code
    except click.ClickException as exc:
        where = exc.ctx.command_path if isinstance(exc, click.UsageError) and exc.ctx else NAME
        problem = " ".join(exc.format_message().split())
        raise UsageProblem(f"{problem}\nSee `{where} --help`.") from exc


def _settings(ctx: click.Context) -> str:
    formatter = ctx.make_formatter()
    formatter.write_text(
        "Each setting is an option, a variable and a line of config.toml: --memory-mb 512, "
        "BELLGLASS_MEMORY_MB=512 and memory_mb = 512. An option counts before a variable, and a "
        "variable before the file, which is ~/.config/bellglass/config.toml or that of --config."
    )
    for title, names in in_groups():
        if names:
            with formatter.section(title):
                formatter.write_dl(rows(names, ctx))
    secret = [s.variable for s in known_settings().values() if s.name not in setting_options()]
    with formatter.section("Without an option, because they may be secret"):
        formatter.write_text(", ".join(secret))
    return formatter.getvalue().rstrip("\n")

"""Commands that take settings as options, before and after the command's name."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

import click

from bellglass.server.command_line.feedback import clock
from bellglass.server.command_line.setting_options import setting_options, taken_from
from bellglass.server.settings import Settings

DEBUG = click.Option(
    ["--debug"],
    is_flag=True,
    expose_value=False,
    help="Show where in our code an unexpected error happened.",
)
"""`failures` looks for it, because it must work whatever fails."""


@dataclass
class Invocation:
    """What a command gets beside its own arguments."""

    flags: dict[str, str]
    """The settings that were given as options."""

    @cached_property
    def settings(self) -> Settings:
        """The settings, also of the environment and of config.toml."""
        return Settings.from_environ(os.environ, self.flags)

    @property
    def passed_on(self) -> dict[str, str]:
        """The settings for a server that the command starts; some clients pass no XDG variables."""
        config = self.settings.config
        return {**self.flags, **({"config": config} if config else {})}


class SettingsCommand(click.Command):
    """A command with every setting as an option, which its own help leaves out."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*super().get_params(ctx), DEBUG, *setting_options().values()]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Options"):
            formatter.write_dl(self.own_rows(ctx))
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)
        formatter.write_paragraph()
        formatter.write_text("Every setting is an option, too: see `bellglass help settings`.")

    def own_rows(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Return the help of the command's own options."""
        options = (one for one in super().get_params(ctx) if isinstance(one, click.Option))
        records = [option.get_help_record(ctx) for option in (*options, DEBUG)]
        return [record for record in records if record is not None]

    def invoke(self, ctx: click.Context) -> Any:
        before = ctx.obj.flags if ctx.obj is not None else {}
        given = Invocation({**before, **taken_from(ctx.params)})
        if not isinstance(self, click.Group):
            _ = given.settings  # a wrong setting stops every command
        ctx.obj = given
        return super().invoke(ctx)


class SettingsGroup(SettingsCommand, click.Group):
    """A command with commands of its own."""

    command_class = SettingsCommand


class LazyCommand(click.Command):
    """A command whose module is imported when it is used; until then its name and a line of help.

    The module is one of `commands`, and has the real one as `command`.
    """

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        asked = extra.get("resilient_parsing") or {"-h", "--help"} & set(args)
        with nullcontext() if asked else clock(f"Starting {self.name}"):
            module = import_module(f"bellglass.server.commands.{self.name}")
        command: click.Command = module.command
        return command.make_context(info_name, args, parent, **extra)

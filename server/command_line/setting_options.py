"""The settings as options, which every command takes, and their help in groups."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import click

from bellglass.sandboxes import plugins
from bellglass.server.settings import Setting, known_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COMMON = ("sandbox", "memory_mb", "timeout_seconds", "network", "http", "config", "log_level")
"""Settings that `bellglass --help` shows; `bellglass help settings` shows all."""

SECTIONS = (
    ("Sandbox", ("sandbox", "setup", "config", "folders")),
    ("Sessions", ("session_", "max_sessions", "warm_sessions", "grace_")),
    ("Limits", ("memory_", "max_processes", "background_", "cpu_", "disk_", "output_", "timeout_")),
    ("Network and packages", ("network", "package_")),
    ("HTTP", ("http",)),
    ("Log", ("log_", "trace")),
    ("Tools and results", ("",)),
)
"""Groups of the server's settings, by how their names begin; each backend has one of its own."""

_PREFIX = "setting_"
"""A command may have an option of its own with the name of a setting."""

_METAVARS = {
    **{"_mb": "MIB", "_bytes": "BYTES", "_seconds": "SECONDS", "_url": "URL", "http": "HOST:PORT"},
    **{"_file": "FILE", "config": "FILE", "_dir": "FOLDER", "_cache": "FOLDER"},
}


class Suggestions(click.Choice[str]):
    """Values for help and completion; `Settings` decides which are accepted."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value


@cache
def setting_options() -> dict[str, click.Option]:
    """Return an option for each setting that is not secret."""
    return {
        name: _option(setting)
        for name, setting in known_settings().items()
        if not setting.is_secret
    }


def taken_from(params: dict[str, Any]) -> dict[str, str]:
    """Remove the settings from the parsed parameters of a command, and return those given."""
    taken: dict[str, str] = {}
    for name in setting_options():
        match params.pop(f"{_PREFIX}{name}", None):
            case None | ():
                pass
            case bool(switched):
                taken[name] = str(switched).lower()
            case tuple(several):
                taken[name] = known_settings()[name].separator.join(several)
            case value:
                taken[name] = value
    return taken


def spelt(flags: dict[str, str]) -> list[str]:
    """Return the words of a command line that give these settings."""
    words: list[str] = []
    for name, value in flags.items():
        flag = known_settings()[name].flag
        if setting_options()[name].is_bool_flag:
            words.append(f"--{flag}" if value == "true" else f"--no-{flag}")
        else:
            words += [f"--{flag}", value]
    return words


def rows(names: Iterable[str], ctx: click.Context) -> list[tuple[str, str]]:
    """Return the help of these settings: how each is written, and what it does."""
    found = (setting_options()[name].get_help_record(ctx) for name in names)
    return [row for row in found if row is not None]


def in_groups() -> Iterator[tuple[str, list[str]]]:
    """Yield the title of each group, and the names of its settings."""
    left = {name: known_settings()[name] for name in setting_options()}
    for title, beginnings in SECTIONS:
        names = [
            name
            for name, setting in left.items()
            if setting.backend is None and name.startswith(beginnings)
        ]
        left = {name: setting for name, setting in left.items() if name not in names}
        yield title, names
    for backend in dict.fromkeys(setting.backend for setting in left.values()):
        yield (
            f"Backend {backend}",
            [name for name, setting in left.items() if setting.backend == backend],
        )


def _option(setting: Setting) -> click.Option:
    flag = setting.flag
    annotation = setting.info.annotation
    text = f"{setting.info.description}{_default(setting)}"
    parameter = f"{_PREFIX}{setting.name}"
    if annotation is bool:
        return click.Option(
            [parameter, f"--{flag}/--no-{flag}"], is_flag=True, default=None, help=text
        )
    kind: click.ParamType[Any] = click.Path() if setting.is_path else click.STRING
    choices = _choices(setting)
    return click.Option(
        [parameter, f"--{flag}"],
        type=Suggestions(choices) if choices else kind,
        metavar=None if choices else _metavar(setting.name),
        multiple=get_origin(annotation) is tuple,
        help=text,
    )


def _choices(setting: Setting) -> tuple[str, ...]:
    if setting.name == "sandbox":
        return ("auto", *sorted(plugins.installed(plugins.BACKENDS)))
    annotation = setting.info.annotation
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _metavar(name: str) -> str:
    return next((text for end, text in _METAVARS.items() if name.endswith(end)), "VALUE")


def _default(setting: Setting) -> str:
    default = setting.info.default
    if default in (None, "", ()):
        return ""
    shown = ",".join(default) if isinstance(default, tuple) else str(default).lower()
    return f"  [default: {shown}]"

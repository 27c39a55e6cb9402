"""`bellglass doctor`: report what works on this machine, what does not, and how to fix it."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

import click

from bellglass.server.command_line.feedback import clock
from bellglass.server.command_line.parsing import Invocation, SettingsCommand
from bellglass.server.console import paint, printable, say

if TYPE_CHECKING:
    from bellglass.server.diagnosis import (
        BackendReport,
        FolderReport,
        LimitsReport,
        NetworkReport,
        Report,
    )
    from bellglass.server.settings import Settings

DEFAULT_BACKEND = "embedded"


@click.command(cls=SettingsCommand)
@click.option("--json", "as_json", is_flag=True, help="The same for a program.")
@click.pass_obj
def command(given: Invocation, as_json: bool) -> int:
    """Say which backends work here, and how to mend the others.

    The exit code is 0 if the server can run code here.
    """
    if not as_json:
        say(f"bellglass {version('bellglass')}, mcp {version('mcp')}")
        say(f"Python {platform.python_version()}, {platform.platform()}")
        say()
    with clock("Starting"):  # the import takes half a second
        from bellglass.server.diagnosis import backends, examine, summary

    reports = []
    for name in backends():
        with clock(f"Running code on the backend {name}"):
            reports.append(examine(name, given.settings))
        if not as_json:
            _show_backend(reports[-1], given.settings)
    report = summary(given.settings, reports)
    if as_json:
        # In ASCII, so that control characters for terminals are escaped.
        say(json.dumps(report.model_dump(mode="json"), indent=2))
    else:
        _show_rest(report, given.settings)
    return 0 if report.usable else 1


def _show_backend(backend: BackendReport, settings: Settings) -> None:
    if not backend.works:
        asked_for = backend.settings or backend.name in (settings.sandbox, DEFAULT_BACKEND)
        mark = paint("red", "no ") if asked_for else paint("dim", "-- ")
        optional = "" if asked_for else "not set up, which is optional: "
        say(f"{mark} {backend.name}: {optional}{printable(backend.reason or '')}")
        _show_settings(backend)
        return
    found = [f"Python {backend.python}"]
    for name, found_version in backend.packages.items():
        found.append(f"{name} {found_version}" if found_version is not None else f"no {name}")
    if backend.completed_by:
        found[-1] += f" (`{backend.completed_by}` installs what is missing)"
    told = printable(", ".join(found))
    say(f"{paint('green', 'yes')} {backend.name}: {told}, after {backend.first_run_ms} ms")
    for finding in backend.findings:
        mark = paint("green", "yes") if finding.holds else paint("yellow", "-  ")
        say(f"    {mark} {printable(finding.what)}: {printable(finding.detail)}")
    for protection, why in backend.waivers.items():
        say(f"    {paint('yellow', '-  ')} no proof of {protection}: {printable(why)}")
    _show_settings(backend)


def _show_settings(backend: BackendReport) -> None:
    for variable, value in backend.settings.items():
        say(f"    {variable}={printable(value)}")


def _show_rest(report: Report, settings: Settings) -> None:
    say()
    _show_limits(report.limits)
    _show_network(report.network)
    _show_folders(report.folders)
    say()
    if report.usable:
        say(paint("green", f"Code runs on the {report.usable} backend."))
        return
    others = [backend.name for backend in report.backends if backend.works]
    what = (
        "No backend works here"
        if settings.sandbox == "auto"
        else f"{settings.sandbox} does not work here"
    )
    would = f" These would: {', '.join(others)}." if others else ""
    say(paint("red", f"{what}, so the server will refuse to run code.{would}"))


def _show_limits(limits: LimitsReport) -> None:
    from bellglass.sandboxes.sessions.durations import duration

    say("Limits of a session:")
    say(
        f"    memory {limits.memory_mib} MiB, processes {limits.processes}, "
        f"CPU time of a call {limits.cpu_seconds} s"
    )
    say(
        f"    files {limits.disk_mib} MiB in at most {limits.files:,} files, "
        f"/tmp {limits.tmp_mib} MiB"
    )
    say(
        f"    a call {limits.timeout_seconds:g} s unless it asks for more, "
        f"at most {limits.max_timeout_seconds:g} s"
    )
    say(
        f"    deleted {duration(limits.idle_seconds)} after its last call, "
        f"at the latest {duration(limits.age_seconds)} after its first"
    )


def _show_network(network: NetworkReport) -> None:
    say(f"Network: {network.mode}")
    for detail in network.details:
        say(f"    {printable(detail)}")


def _show_folders(folders: list[FolderReport]) -> None:
    if folders:
        say("Folders of this machine that sessions see:")
    for folder in folders:
        what = f"{folder.hidden} names are hidden"
        if folder.problem is not None:
            what = f"cannot be lent now: {folder.problem}"
        say(f"    {printable(folder.path)} at {folder.target}, {folder.mode}; {printable(what)}")

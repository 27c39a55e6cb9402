"""Run tests on a piece of code, and send the results.

This process never runs the code: it compares what cases return, and supervises the processes that
run the code. Only it can report, and it is not dumpable, like every job that runs no foreign code.

Its messages: `collected` with the names of cases and tests; `tests` that have finished, by their
positions in that list, and the one that `started`; `problem` if the run as a whole failed;
`coverage`, `warnings`; `asserts` of a module without tests; `finished` with the exit status of
pytest. The server makes the verdict from them.
"""

from __future__ import annotations

import ast
import glob
import os
import secrets
import shutil
import signal
import tempfile
import warnings
from typing import Any

from bellglass.sandboxes.common.jobs import Job, JobShell
from bellglass.sandboxes.common.notebook.as_python import as_module
from bellglass.tools.run_tests.inside import cases, sources
from bellglass.tools.run_tests.inside.child import start_ours
from bellglass.tools.run_tests.inside.lent_project import LentProject
from bellglass.tools.run_tests.inside.lines import Lines
from bellglass.tools.run_tests.inside.pytest_run import PytestRun
from bellglass.tools.run_tests.inside.record import Record, Send

TEMPORARY = "pytest-of-*/pytest-*"
"""The folder in which pytest makes folders for tests, and keeps those of the last three runs."""

MAX_COVERAGE_BYTES = 1024**2

MAX_UNCALLED_NAMES = 8


def run(arguments: dict[str, Any], send: Send, shell: JobShell) -> None:
    """Run the cases, then the tests that are given, or without either those in the code itself.

    Python is started as `shell` would start it.
    """
    # By default the signal would end the job at once, and nothing would be restored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Nobody reads the output of pytest; only progress is sent.
    progress = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    sources.restore()
    directory = tempfile.mkdtemp(prefix="tests-", dir="/tmp")
    temporary = os.path.join(tempfile.gettempdir(), TEMPORARY)
    before = set(glob.glob(temporary))
    try:
        _Run(arguments, directory, send, progress, shell).run()
    except OSError as exc:
        send({"problem": f"The tests could not be run in {os.getcwd()}: {exc}"})
    except KeyboardInterrupt:
        pass  # the time is up, which has been reported
    finally:
        sources.restore()
        for made in {directory, *glob.glob(temporary)} - before:
            shutil.rmtree(made, ignore_errors=True)


class _Run:
    def __init__(
        self, arguments: dict[str, Any], directory: str, send: Send, progress: int, shell: JobShell
    ) -> None:
        self._arguments = arguments
        self._send = send
        self._shell = shell
        self._record = Record(send, progress)
        self._directory = directory
        self._uncovered = False
        project = arguments.get("project")
        self._lent = LentProject(**project) if project else None
        self._settings = {
            "coverage": f"{directory}/coverage" if arguments.get("coverage") else None,
            **{name: arguments.get(name) for name in ("select", "stop", "test_timeout")},
        }

    def run(self) -> None:
        try:
            status = self._run_all()
        finally:
            self._record.flush()
        if self._settings["coverage"] and not self._uncovered:
            self._send_coverage()
        if status >= 0:
            self._send({"finished": status})

    def _run_all(self) -> int:
        """Run cases and tests; return the worst status of pytest, -1 if it did not finish."""
        given, tests = self._arguments.get("cases") or [], self._arguments.get("tests")
        paths = self._arguments.get("paths") or []
        if code := self._arguments.get("code"):
            sources.put(sources.CODE, as_module(code))
        status = 0
        if given:
            cases.run(given, self._settings, self._record, self._shell)
        if tests is not None:
            # Later than the cases, whose code must not read what is expected.
            sources.put(sources.TESTS, as_module(tests))
        ours = [sources.TESTS] if tests is not None else [sources.CODE]
        for files, is_project in ((ours, False), (paths, True)):
            wanted = files if is_project or tests is not None else not given and not paths
            if wanted and not (self._settings["stop"] and self._record.any_failed):
                status = _worse(status, self._pytest(files, is_project=is_project))
        return status

    def _pytest(self, files: list[str], *, is_project: bool) -> int:
        """Run pytest; return its status, -1 if there is none."""
        options = [f"-k{self._settings['select']}"] if self._settings["select"] else []
        options += ["-x"] if self._settings["stop"] else []
        lent = self._lent if is_project else None
        if not is_project or lent is not None:
            # Of the code nothing stays, so nothing of what is known of it either; and a lent folder
            # may be read-only.
            options += ["-o", f"cache_dir={self._directory}/cache"]
        settings = {**self._settings, "paths": is_project, "arguments": [*options, *files]}
        if lent is not None and (problem := lent.problem()):
            self._send({"problem": problem})
            return 4
        python = lent.interpreter() if lent is not None else None
        done = self._run_pytest(settings, lent, python)
        if done.missing and python is not None and lent is not None and lent.packages() is not None:
            done = self._run_pytest(settings, lent, None)  # its environment has no pytest
        if done.missing:
            self._send({"missing": True})
            return 4
        if done.uncovered:
            self._uncovered = True
            self._send({"uncovered": True})
        if done.warnings:
            self._send({"warnings": done.warnings})
        if done.status == 5 and not is_project:
            self._send(_asserts(self._arguments.get("tests") or self._arguments["code"]))
        if done.status in (3, 4) and (said := done.said()):
            self._send({"said": said})
        return -1 if done.status is None else done.status

    def _run_pytest(
        self, settings: dict[str, Any], lent: LentProject | None, python: str | None
    ) -> PytestRun:
        """Run pytest once, for a lent project in its folder, and with its `python` or packages."""
        settings = {**settings, "python": python, "project": None}
        workspace = os.getcwd()
        if lent is not None:
            packages = lent.packages() if python is None else None
            settings["project"] = {**lent._asdict(), "packages": packages}
            os.chdir(lent.folder)
        done = PytestRun(settings, self._record, self._shell)
        try:
            done.run()
        finally:
            os.chdir(workspace)
        return done

    def _send_coverage(self) -> None:
        token = secrets.token_hex(16)
        child = start_ours(self._shell, "measuring", {**self._settings, "token": token})
        lines, found = Lines(token, MAX_COVERAGE_BYTES), []
        try:
            while data := child.socket.recv(1 << 16):
                found += lines.take(data)
        except OSError:
            pass
        finally:
            child.end()
        self._send({"coverage": found[0]["coverage"]} if found else {"uncovered": True})


def _asserts(source: str) -> dict[str, Any]:
    """Count the asserts of a module that pytest has imported, and name functions with others."""
    ran, uncalled = 0, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the parser
        tree = ast.parse(as_module(source))
    for statement in tree.body:
        count = sum(isinstance(node, ast.Assert) for node in ast.walk(statement))
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            uncalled += [statement.name] if count else []
        elif not isinstance(statement, ast.ClassDef) and not _names_itself(statement):
            ran += count
    return {"asserts": ran, "uncalled": uncalled[:MAX_UNCALLED_NAMES]}


def _names_itself(statement: ast.stmt) -> bool:
    """Return whether it reads `__name__`, as what runs in the main program only does."""
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(statement))


def _worse(one: int, other: int) -> int:
    """Return the worse of two exit statuses; -1, of a run that did not finish, is the worst."""
    return min(one, other) if min(one, other) < 0 else max(one, other)


JOB = Job(run, writes=True, in_shell=True, clean_up=sources.restore)

"""`bellglass shell`: an interactive prompt in a sandbox."""

import ast
import codeop
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import ExitStack

import click

from bellglass.server.command_line.feedback import clock
from bellglass.server.command_line.local_session import LocalSession
from bellglass.server.command_line.output import CallOutput, show_displays, show_words, write
from bellglass.server.command_line.parsing import Invocation, SettingsCommand
from bellglass.server.commands.run import limit, prepare, timeout_option
from bellglass.server.failures import CommandError

LEAVING = ("exit", "quit", "exit()", "quit()")
SYNTAX_CHECK_TIMEOUT_SECONDS = 5

_UNFINISHED = ("unexpected end of file", "looking for matching", "delimited by end-of-file")
"""Parts of the messages of `bash -n` on incomplete code."""


@click.command(cls=SettingsCommand)
@click.option("--bash", is_flag=True, help="Bash instead of Python.")
@timeout_option
@click.pass_obj
def command(given: Invocation, bash: bool, timeout: float | None) -> int:
    """Show a prompt in a sandbox, of Python or Bash."""
    prepare(given.settings)
    talks = sys.stdin.isatty()
    if talks:
        import readline  # noqa: F401 - gives `input` its editing
    with ExitStack() as stack:
        with clock("Starting"):
            session = stack.enter_context(LocalSession.open(given.settings))
        tool, name, prompts, is_complete = (
            ("execute_bash", "command", ("$ ", "> "), _is_complete_bash)
            if bash
            else ("execute_python", "code", (">>> ", "... "), is_complete_python())
        )
        if talks:
            print_words(f"{'Bash' if bash else 'Python'} in a sandbox. Ctrl-D ends it.")
        while True:
            try:
                code = _entered(prompts if talks else ("", ""), is_complete)
            except KeyboardInterrupt:
                print_words("")  # as in Python's own prompt, the input is discarded
                continue
            if code is None or code.strip() in LEAVING:
                return 0
            if code.strip():
                _run(session, tool, {name: code, **limit(timeout)})


def print_words(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _entered(prompts: tuple[str, str], is_complete: Callable[[str], bool]) -> str | None:
    """Return the input when it is complete, or None at the end of input."""
    lines: list[str] = []
    while True:
        try:
            lines.append(input(prompts[bool(lines)]))
        except EOFError:
            return "\n".join(lines) if lines else None
        code = "\n".join(lines)
        if is_complete(code):
            return code


def is_complete_python() -> Callable[[str], bool]:
    """Return a function that tells whether Python code is complete, as its own prompt does."""
    compiler = codeop.CommandCompiler()
    compiler.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

    def is_complete(code: str) -> bool:
        if code.lstrip().startswith(("!", "%", "?")):
            return not code.startswith("%%") or code.endswith("\n")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return compiler(code, "<input>", "single") is not None
            except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
                return True  # the sandbox reports the error

    return is_complete


def _is_complete_bash(code: str) -> bool:
    """Tell whether Bash code is complete, with the Bash of this machine; without Bash, always."""
    bash = shutil.which("bash")
    if bash is None:
        return True
    if code.endswith("\\"):
        return False
    checked = subprocess.run(
        [bash, "-n", "-c", code],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SYNTAX_CHECK_TIMEOUT_SECONDS,
        env={"LC_ALL": "C"},
        check=False,
    )
    return not any(sign in checked.stderr for sign in _UNFINISHED)


def _run(session: LocalSession, tool: str, arguments: dict[str, object]) -> None:
    output = CallOutput()
    try:
        result = session.call(tool, arguments, output.show)
    except CommandError as exc:
        print_words(f"bellglass: {exc}")
        return
    if result is None:
        output.end_line()
        print_words("Interrupted.")
        return
    if (execution := session.execution) is not None:
        output.complete(session, execution)
        output.end_line()
        show_displays(execution, None)
        if execution.value is not None:
            write(sys.stdout, f"{execution.value}\n")
    show_words(result)

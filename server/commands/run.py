"""`bellglass run FILE`: run a program in a sandbox, in the same way as a client's call."""

import shlex
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from bellglass.sandboxes.execution import Execution
from bellglass.sandboxes.frame_models import Stream
from bellglass.server import logs
from bellglass.server.command_line.feedback import clock
from bellglass.server.command_line.local_session import LocalSession, text_of
from bellglass.server.command_line.output import CallOutput, keep_files, show_displays, show_words
from bellglass.server.command_line.parsing import Invocation, SettingsCommand
from bellglass.server.failures import INTERRUPTED_EXIT_CODE, CommandError
from bellglass.server.settings import Settings

NOT_RUN_EXIT_CODE = 125
TIMED_OUT_EXIT_CODE = 124
"""The exit code that `timeout` uses, too."""

EXAMPLES = """\b
Examples:
  bellglass run script.py --flag 1
  bellglass run --data sales.csv --out results report.py sales.csv
  echo 'print(6 * 7)' | bellglass run -
  bellglass --network packages run --bash install-and-test.sh

The exit code is that of the program; 124 at its time limit, 125 if it was not run at all. Output
goes to stdout and stderr, and what bellglass says of it to stderr. The program has no stdin."""


class NotRun(CommandError):
    """The program was not run."""

    exit_code = NOT_RUN_EXIT_CODE


def timeout_option(function: Callable[..., int]) -> Callable[..., int]:
    return click.option(
        "--timeout", type=float, metavar="SECONDS", help="Time limit of a call [from the settings]."
    )(function)


# What follows FILE is the program's.
@click.command(
    cls=SettingsCommand, epilog=EXAMPLES, context_settings={"allow_interspersed_args": False}
)
@click.option("--bash", is_flag=True, help="Run it with Bash; by default decided by .sh or #!.")
@timeout_option
@click.option("--data", multiple=True, type=click.Path(), help="Put a file beside the program.")
@click.option(
    "--out", type=click.Path(), help="Save figures, and files that it makes or changes, here."
)
@click.argument("program", metavar="FILE", type=click.Path())
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def command(
    given: Invocation,
    program: str,
    arguments: tuple[str, ...],
    bash: bool,
    timeout: float | None,
    data: tuple[str, ...],
    out: str | None,
) -> int:
    """Run the program in FILE in a sandbox; - reads it from stdin."""
    code = _read(program)
    name = "-" if program == "-" else Path(program).name
    folder = Path(out) if out else None
    prepare(given.settings)
    with ExitStack() as until_output, LocalSession.open(given.settings) as session:
        until_output.enter_context(clock(f"Running {name}"))
        for path in map(Path, data):
            with path.open("rb") as file:
                session.put(path.name, file)
        call: dict[str, Any]
        if bash or _is_bash(name, code):
            # On the first line of the program, so that line numbers stay the same.
            tool, call = "execute_bash", {"command": f"set -- {shlex.join(arguments)}; {code}"}
        else:
            _set_arguments(session, [name, *arguments])
            tool, call = "execute_python", {"code": code}
        output = CallOutput()

        def show(piece: Stream) -> None:
            until_output.close()
            output.show(piece)

        result = session.call(tool, {**call, **limit(timeout)}, show)
        until_output.close()
        if result is None:
            raise KeyboardInterrupt
        if session.execution is None:
            raise NotRun(text_of(result))
        output.complete(session, session.execution)
        output.end_line()
        show_displays(session.execution, folder)
        show_words(result, "Exited with code")
        if folder is not None:
            keep_files(session, session.execution, folder)
        return exit_code(session.execution)


def _read(program: str) -> str:
    try:
        data = sys.stdin.buffer.read() if program == "-" else Path(program).read_bytes()
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise NotRun(f"{program} is not UTF-8 text.") from exc
    except OSError as exc:
        raise NotRun(f"{program}: {exc.strerror}.") from exc


def _is_bash(name: str, code: str) -> bool:
    first = code.partition("\n")[0]
    return name.endswith((".sh", ".bash")) or (
        first.startswith("#!") and "sh" in first and "python" not in first
    )


def _set_arguments(session: LocalSession, arguments: list[str]) -> None:
    code = f"import sys; sys.argv[:] = {arguments!r}; del sys; __file__ = {arguments[0]!r}"
    result = session.call("execute_python", {"code": code}, lambda stream: None)
    if result is None:
        raise KeyboardInterrupt
    execution = session.execution
    if execution is None:
        raise NotRun(text_of(result))
    if execution.status != "ok" and len(arguments) > 1:
        raise NotRun("this backend passes no arguments to programs.")


def prepare(settings: Settings) -> None:
    """Log only warnings, unless a level is set; shut down cleanly on signals."""
    chosen = "log_level" in settings.model_fields_set
    logs.configure(settings.log_level if chosen else "warning", settings.trace)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))


def limit(timeout: float | None) -> dict[str, float]:
    return {} if timeout is None else {"timeout": timeout}


def exit_code(execution: Execution) -> int:
    """Return the exit code for a shell."""
    match execution.status:
        case "ok" | "running":
            return 0
        case "timeout":
            return TIMED_OUT_EXIT_CODE
        case "cancelled":
            return INTERRUPTED_EXIT_CODE
    if execution.signal is not None and execution.signal in signal.Signals.__members__:
        return 128 + signal.Signals[execution.signal]
    if execution.status == "oom":
        return 128 + signal.SIGKILL
    # The operating system keeps only 8 bits.
    return 1 if execution.exit_code is None else execution.exit_code & 0xFF

"""`bellglass run FILE`: run a program in a sandbox, in the same way as a client's call."""

import argparse
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

from bellglass.sandboxes.execution import Execution
from bellglass.server import logs
from bellglass.server.commands.output import CallOutput, keep_files, show_displays, show_words
from bellglass.server.failures import INTERRUPTED, CommandError
from bellglass.server.local_session import LocalSession, text_of
from bellglass.server.settings import Settings

NOT_RUN = 125
TIMED_OUT = 124
"""The exit code that `timeout` uses, too."""

EXAMPLES = """examples:
  bellglass run script.py --flag 1
  bellglass run --data sales.csv --out results report.py sales.csv
  echo 'print(6 * 7)' | bellglass run -
  bellglass --network packages run --bash install-and-test.sh

The exit code is that of the program; 124 at its time limit, 125 if it was not run at all. Output
goes to stdout and stderr, and what bellglass says of it to stderr. The program has no stdin."""


class NotRun(CommandError):
    """The program was not run."""

    exit_code = NOT_RUN


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--bash", action="store_true", help="run it with Bash; by default decided by .sh or #!"
    )
    add_timeout(parser)
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="FILE",
        help="put a file beside the program; may be repeated",
    )
    parser.add_argument(
        "--out", metavar="FOLDER", help="save figures, and files that it makes or changes, here"
    )
    parser.add_argument("program", metavar="FILE", help="the program; - reads it from stdin")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the program")


def add_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="time limit of a call [from the settings]"
    )


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run the program; return its exit code."""
    code = _read(options.program)
    name = "-" if options.program == "-" else Path(options.program).name
    bash = options.bash or _is_bash(name, code)
    folder = Path(options.out) if options.out else None
    prepare(settings)
    with LocalSession.open(settings) as session:
        for path in map(Path, options.data):
            with path.open("rb") as file:
                session.put(path.name, file)
        if bash:
            # On the first line of the program, so that line numbers stay the same.
            words = shlex.join(options.arguments)
            tool, arguments = "execute_bash", {"command": f"set -- {words}; {code}"}
        else:
            _set_arguments(session, [name, *options.arguments])
            tool, arguments = "execute_python", {"code": code}
        output = CallOutput()
        result = session.call(tool, {**arguments, **limit(options)}, output.show)
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
        raise NotRun("this sandbox has no arguments for programs.")


def prepare(settings: Settings) -> None:
    """Log only warnings, unless a level is set; shut down cleanly on signals."""
    chosen = "log_level" in settings.model_fields_set
    logs.configure(settings.log_level if chosen else "warning", settings.trace)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))


def limit(options: argparse.Namespace) -> dict[str, Any]:
    return {} if options.timeout is None else {"timeout": options.timeout}


def exit_code(execution: Execution) -> int:
    """Return the exit code for a shell."""
    match execution.status:
        case "ok" | "running":
            return 0
        case "timeout":
            return TIMED_OUT
        case "cancelled":
            return INTERRUPTED
    if execution.signal is not None and execution.signal in signal.Signals.__members__:
        return 128 + signal.Signals[execution.signal]
    if execution.status == "oom":
        return 128 + signal.SIGKILL
    # The operating system keeps only 8 bits.
    return 1 if execution.exit_code is None else execution.exit_code & 0xFF

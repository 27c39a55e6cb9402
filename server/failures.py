"""How a command ends: with an exit code, and at most one line on stderr, never a traceback."""

from collections.abc import Callable

from bellglass.server.console import complain

INTERRUPTED = 130
PIPE_CLOSED = 141
"""As a shell says of a program that SIGINT or SIGPIPE has ended."""


class CommandError(Exception):
    """A command cannot do what was asked; the text is one line for the person at the terminal."""

    exit_code = 1


def exit_code_of(run: Callable[[], int], *, debug: bool) -> int:
    """Run a command and return its exit code, whatever happens in it."""
    try:
        return run()
    except SystemExit as exc:  # of the parser, which has said why
        return exc.code if isinstance(exc.code, int) else 2
    except BaseException as exc:
        if debug:
            import traceback

            traceback.print_exception(exc)
        return _told(innermost(exc))


def _told(exc: BaseException) -> int:
    from bellglass.server.settings import SettingsError

    match exc:
        case KeyboardInterrupt():
            complain("interrupted.")
            return INTERRUPTED
        case BrokenPipeError():
            return PIPE_CLOSED  # who read it has seen enough
        case SettingsError():
            complain(str(exc))
            return 2
        case CommandError():
            complain(str(exc))
            return exc.exit_code
        case OSError() if exc.strerror:
            text = f"{exc.filename}: {exc.strerror}" if exc.filename else exc.strerror
        case _:
            text = f"{type(exc).__name__}: {exc}"
    complain(f"{' '.join(text.split())[:500]} (--debug shows where)")
    return 1


def innermost(failure: BaseException) -> BaseException:
    """Return what a group of a task group was raised for."""
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure

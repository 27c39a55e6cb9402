"""The exit of a command: an exit code and at most one line on stderr, never a traceback."""

from collections.abc import Callable

from bellglass.server.console import print_error

INTERRUPTED_EXIT_CODE = 130
PIPE_CLOSED_EXIT_CODE = 141
"""The exit codes of shells for programs that SIGINT or SIGPIPE has ended."""


class CommandError(Exception):
    """A command failed; the text is one line for the person at the terminal."""

    exit_code = 1


def exit_code_of(run: Callable[[], int], *, debug: bool) -> int:
    """Run a command and return its exit code, whatever it raises."""
    try:
        return run()
    except SystemExit as exc:  # from the parser, which has printed the reason
        return exc.code if isinstance(exc.code, int) else 2
    except BaseException as exc:
        if debug:
            import traceback

            traceback.print_exception(exc)
        return _told(innermost(exc))


def _told(exc: BaseException) -> int:
    from bellglass.sandboxes.setup.package_set import NotARequirement
    from bellglass.server.settings import SettingsError

    match exc:
        case KeyboardInterrupt():
            print_error("interrupted.")
            return INTERRUPTED_EXIT_CODE
        case BrokenPipeError():
            return PIPE_CLOSED_EXIT_CODE  # the reader of our output has seen enough
        case SettingsError() | NotARequirement():
            print_error(str(exc))
            return 2
        case CommandError():
            print_error(str(exc))
            return exc.exit_code
        case OSError() if exc.strerror:
            text = f"{exc.filename}: {exc.strerror}" if exc.filename else exc.strerror
        case _:
            text = f"{type(exc).__name__}: {exc}"
    print_error(f"{' '.join(text.split())[:500]} (--debug shows where)")
    return 1


def innermost(failure: BaseException) -> BaseException:
    """Return the only exception in a group that a task group raised."""
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure

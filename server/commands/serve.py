"""`bellglass` without a command: serve on stdin and stdout, or over HTTP."""

import gc
import os
import shutil
import sys
from functools import partial
from importlib.metadata import version

from bellglass.sandboxes.folders.folder import PLACEHOLDER
from bellglass.server.failures import CommandError
from bellglass.server.settings import Settings

MAX_DESCRIPTORS = 65_536


class CannotServe(CommandError):
    """The server cannot start with these settings."""

    exit_code = 2


def serve(settings: Settings) -> int:
    """Serve until the client disconnects or a signal arrives."""
    if sys.platform == "win32":
        raise CannotServe(
            "on Windows it runs in WSL: install it there, and start it as `wsl bellglass`."
        )
    python = settings.given_to("embedded").get("BELLGLASS_PYTHON")
    if python is not None and shutil.which(os.path.expanduser(python)) is None:
        raise CannotServe(
            f"BELLGLASS_PYTHON={python!r} is not a program. Unset it to use the "
            "Python that `bellglass setup` made."
        )
    for folder in settings.folders:
        if PLACEHOLDER in folder.path:
            raise CannotServe(
                f"the client has not filled in {folder.path} of BELLGLASS_FOLDERS. Write the path."
            )
    if settings.save_to is not None and settings.http is not None:
        raise CannotServe(
            "BELLGLASS_SAVE_TO is for servers on stdio: over HTTP, use `bellglass get`."
        )
    # Each is None if the parent process has closed it.
    if settings.http is None and (sys.stdin is None or sys.stdout is None):
        raise CannotServe(
            "stdin or stdout is closed, and an MCP client talks over them. "
            "Use --http, or start bellglass from a client."
        )
    if settings.http is None and sys.stdin.isatty():
        sys.stderr.write(
            f"bellglass {version('bellglass')}, an MCP server: waiting for a client on stdin. "
            "A person may want `bellglass doctor` or `bellglass --help`; Ctrl-C ends it.\n"
        )
    # Imported objects are permanent; to collect garbage among them takes a tenth of the start-up.
    gc.disable()
    import anyio

    from bellglass.server import logs
    from bellglass.server.app import build_server
    from bellglass.server.shutdown import Stop
    from bellglass.tools.listing import ToolUnavailable

    logs.configure(settings.log_level, settings.trace)
    _allow_descriptors()
    stop = Stop()
    try:
        server = build_server(settings, prepare=True, store=settings.session_store())
    except ToolUnavailable as exc:
        raise CannotServe(f"BELLGLASS_EXTRA_TOOLS: {exc}") from exc
    if settings.http is None:
        from bellglass.server.stdio.serving import serve_stdio

        until_stopped = partial(anyio.run, serve_stdio, server, stop)
    else:
        from bellglass.server.http.serving import serve_http

        until_stopped = partial(anyio.run, serve_http, server, settings, stop)
    gc.freeze()
    gc.enable()
    until_stopped()
    return stop.exit_code


def _allow_descriptors() -> None:
    """Raise the soft limit of descriptors: a session takes about four, and more at its launch."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
        if most > soft:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))

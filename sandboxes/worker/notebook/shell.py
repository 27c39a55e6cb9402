"""IPython's shell on the namespace of a session.

It runs every call from the first on that needs it. We replace only what touches its environment:
displays go to our renderer, errors to our explanations, commands run without a terminal. It starts
no thread and writes no history, so that the worker can be forked at any time.
"""

from __future__ import annotations

import asyncio
import atexit
import linecache
import os
import shutil
import sys
import tempfile
import types
import warnings
from collections.abc import Callable
from importlib import import_module, invalidate_caches
from subprocess import CalledProcessError
from typing import Any

from IPython.core.error import StdinNotImplementedError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from bellglass.sandboxes.common.notebook.in_place import InPlace
from bellglass.sandboxes.worker.display.renderer import Renderer
from bellglass.sandboxes.worker.explaining.describe import line_of
from bellglass.sandboxes.worker.notebook import commands
from bellglass.sandboxes.worker.notebook.compiler import Compiler
from bellglass.sandboxes.worker.notebook.publishing import Formatter, Hook, Publisher

_REPORTS = ("showtraceback", "showsyntaxerror", "showindentationerror")
_RUNS = ("run_code", "run_ast_nodes", "run_cell_async", "_run_cell")
"""IPython's methods that report an error, and those that report the error of a cell."""

_CANCEL_TIMEOUT_SECONDS = 2.0

_UNDERSCORES = ("_", "__", "___")


class Shell(InteractiveShell):
    """The one shell of a session; `get_ipython()` returns it."""

    def __init__(
        self, module: types.ModuleType, renderer: Renderer, run_in_loop: Callable[[Any], Any]
    ) -> None:
        """`module` is `__main__`; `run_in_loop` runs a coroutine on the session's event loop."""
        self.renderer = renderer
        self.value: str | None = None
        """The value of the call's last line, if it is text."""
        before = {name: vars(module)[name] for name in _UNDERSCORES if name in vars(module)}
        super().__init__(
            user_module=module,
            # IPython needs a folder for `%store` and `%bookmark`, outside of the workspace.
            ipython_dir=tempfile.mkdtemp(prefix="ipython-"),
            config=Config({"HistoryManager": {"enabled": False}}),
            colors="nocolor",
            loop_runner=run_in_loop,
            input_transformer_manager=InPlace(),
            compiler_class=Compiler,
            display_pub_class=Publisher,
            displayhook_class=Hook,
        )
        atexit.unregister(self.atexit_operations)
        vars(module).update(before)
        for name in _UNDERSCORES:
            setattr(self.displayhook, name, vars(module)[name])
        os.environ.setdefault("SHELL", shutil.which("bash") or "/bin/sh")
        self.set_hook("show_in_pager", _print_page)
        self.register_magic_function(self._pip, "line", "pip")
        self.extension_manager.load_extension("storemagic")

    def init_user_ns(self) -> None:
        super().init_user_ns()
        for name in ("exit", "quit", "open"):  # Python's own are used
            self.user_ns.pop(name, None)
            self.user_ns_hidden.pop(name, None)

    def init_builtins(self) -> None:
        super().init_builtins()
        for name in ("exit", "quit"):
            self.builtin_trap.auto_builtins.pop(name, None)

    def init_virtualenv(self) -> None:
        """Leave the path alone: `common/packages.py` sets it."""

    def init_display_formatter(self) -> None:
        self.display_formatter = Formatter(parent=self)

    # --- running

    def execute(self, code: str, file: str) -> str | None:
        """Run the code of a call; return its last value as text, unless it is shown otherwise.

        Raises:
            BaseException: The code raised it.
        """
        self.compile.file = file
        self.value = None
        try:
            result = self.run_cell(code, store_history=True)
        finally:
            self._end_script_threads()
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            self._recall(code, file, line_of(error, file))
            raise error
        return self.value

    def _recall(self, code: str, file: str, line: int | None) -> None:
        """Have an error show the line as it was given, if IPython has transformed it."""
        given = code.splitlines(keepends=True)
        run = linecache.getlines(file)
        if line is None or line > min(len(given), len(run)):
            return
        if given[line - 1].rstrip() != run[line - 1].rstrip():
            linecache.cache[file] = (len(code), None, given, file)

    def run_cell(self, raw_cell: str, *arguments: Any, **options: Any) -> Any:
        self.compile.nested += 1
        try:
            if self.is_nested:
                raw_cell = self.compile.in_place(raw_cell)
            return super().run_cell(raw_cell, *arguments, **options)
        finally:
            self.compile.nested -= 1

    @property
    def is_nested(self) -> bool:
        """Whether code runs another cell, as `%%capture` does."""
        return bool(self.compile.nested > 1)

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> Any:
        outer = self.compile.body
        self.compile.body = cell, self.compile.line()
        try:
            return super().run_cell_magic(magic_name, line, cell)
        finally:
            self.compile.body = outer

    def _tee(self, channel: str) -> Any:
        """Keep no second copy of what is printed."""
        return _NOTHING

    def _end_script_threads(self) -> None:
        """End the thread that `%%bash` leaves running: a fork would not include it."""
        scripts = self.magics_manager.registry.get("ScriptMagics")
        if scripts is not None and scripts.event_loop is not None:
            ended = asyncio.run_coroutine_threadsafe(_cancel_all(), scripts.event_loop)
            ended.result(_CANCEL_TIMEOUT_SECONDS)
            if hasattr(scripts, "stop_event_loop"):
                scripts.stop_event_loop()
            else:
                scripts.event_loop.call_soon_threadsafe(scripts.event_loop.stop)
                scripts.event_loop = None

    # --- errors

    def showtraceback(self, *arguments: Any, **options: Any) -> None:
        if not self._is_of_call():
            super().showtraceback(*arguments, **options)

    def showsyntaxerror(self, *arguments: Any, **options: Any) -> None:
        if not self._is_of_call():
            super().showsyntaxerror(*arguments, **options)

    def _is_of_call(self) -> bool:
        """Tell if the error to be shown is that of the call itself, which `execute` raises."""
        frame: Any = sys._getframe(2)
        while frame.f_code.co_name in _REPORTS:
            frame = frame.f_back
        if self.is_nested or frame.f_code.co_name not in _RUNS:
            return False
        warnings.filterwarnings("ignore", "To exit: use")  # it would follow every exit
        return True

    def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
        # Written to the real stderr: `%%capture` may have redirected Python's.
        if sys.__stderr__ is not None:
            sys.__stderr__.write("\n".join(stb) + "\n")

    def _format_exception_for_storage(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Keep no tracebacks: the history is never written."""
        return {}

    # --- environment

    def system(self, cmd: str) -> None:
        """Run a shell command; its output is that of the call."""
        code = commands.run(self.var_expand(cmd, depth=1))
        self.user_ns["_exit_code"] = code
        if code and getattr(self, "system_raise_on_error", False):
            raise CalledProcessError(code, cmd)

    system_piped = system_raw = system

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
        return super().getoutput(commands.own_pip(cmd), split=split, depth=depth + 1)

    def _pip(self, line: str) -> None:
        """Install packages for this session: %pip install NAME."""
        self.user_ns["_exit_code"] = commands.run(f"pip {line}")
        invalidate_caches()

    def enable_gui(self, gui: str | None = None) -> None:
        """Do nothing: there is no screen."""

    def enable_matplotlib(self, gui: str | None = None) -> Any:
        if gui not in (None, "inline", "agg", "auto"):
            sys.stderr.write(f"[There is no screen for %matplotlib {gui}: figures are pictures.]\n")
        found = super().enable_matplotlib("inline")
        # Figures are shown at the end of a call by worker.py, with or without IPython.
        flush = import_module("matplotlib_inline.backend_inline").flush_figures
        if flush in self.events.callbacks["post_execute"]:
            self.events.unregister("post_execute", flush)
        return found

    def set_next_input(self, s: str, replace: bool = False) -> None:
        """Print what a notebook would put into the next cell."""
        sys.stdout.write(f"{s}\n")

    def ask_yes_no(self, prompt: str, default: Any = None, interrupt: Any = None) -> bool:
        raise StdinNotImplementedError("nobody is there to answer")


async def _cancel_all() -> None:
    """Cancel the tasks of `%%bash --bg`: its processes end with the call."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _print_page(shell: Any, data: Any, start: int, screen_lines: int) -> None:
    text = data["text/plain"] if isinstance(data, dict) else str(data)
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


class _Nothing:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


_NOTHING = _Nothing()

"""Hooks that redirect what libraries show to our renderer; they would look for a notebook.

One more library is told that inotify is missing here: otherwise it fails instead of checking its
files from time to time.
"""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable
from typing import Any

from bellglass.sandboxes.worker import spawning
from bellglass.sandboxes.worker.display import figures, fonts
from bellglass.sandboxes.worker.display.import_hooks import ImportHook

EMPTY = (
    "the figure that is saved is empty: show(), and the end of a call, close what was drawn. Call "
    "savefig() before show(), or keep the figure and call its own."
)


def install(
    display: Callable[..., None],
    show_figures: Callable[[], None],
    open_shell: Callable[[], object],
) -> None:
    """Hook into libraries that are imported already, and into others when they are imported."""

    def pyplot(module: Any) -> None:
        # pyplot sets a `__signature__` on the function, which a method does not allow.
        @functools.wraps(module.show)
        def show(*arguments: object, **options: object) -> None:
            show_figures()

        module.show = show
        save = module.savefig

        @functools.wraps(save)
        def savefig(*arguments: Any, **options: Any) -> Any:
            if figures.is_empty(module.gcf()):
                warnings.warn(EMPTY, stacklevel=2)
            return save(*arguments, **options)

        module.savefig = savefig

    def plotly(module: Any) -> None:
        module.BaseFigure.show = lambda self, *arguments, **options: display(self)

    def ipython(module: Any) -> None:
        # Without a shell, IPython's own display() only prints.
        open_shell()

    def observers(module: Any) -> None:
        polling = importlib.import_module("watchdog.observers.polling")
        module.Observer = polling.PollingObserver

    ImportHook.begin(
        {
            "multiprocessing.spawn": spawning.prepare,
            "multiprocessing.forkserver": spawning.restart_server,
            "multiprocessing.resource_tracker": spawning.restart_tracker,
            "watchdog.observers": observers,
            "matplotlib.pyplot": pyplot,
            "matplotlib.figure": fonts.hook_savefig,
            "plotly.basedatatypes": plotly,
            "IPython": ipython,
        }
    )

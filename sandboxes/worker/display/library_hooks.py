"""Ways of libraries to show something, led to us: by themselves they would look for a notebook.

And one library that has to be told that inotify does not exist here, or it fails instead of looking
at its files now and then.
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
    """Take over what shows: of libraries that are imported, and once others are."""

    def pyplot(module: Any) -> None:
        # pyplot gives it a signature of its own, which a method would not take.
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
        # Its own display() only prints where it finds no shell.
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
            "matplotlib.figure": fonts.lend_to_files,
            "plotly.basedatatypes": plotly,
            "IPython": ipython,
        }
    )

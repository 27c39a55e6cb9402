"""Ways of libraries to show something, led to us: by themselves they would look for a notebook.

And one library that has to be told that inotify does not exist here, or it fails instead of looking
at its files now and then.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from bellglass.sandboxes.runner.display.watch import Watch


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

    def plotly(module: Any) -> None:
        module.BaseFigure.show = lambda self, *arguments, **options: display(self)

    def ipython(module: Any) -> None:
        # Its own display() only prints where it finds no shell.
        open_shell()

    def observers(module: Any) -> None:
        polling = importlib.import_module("watchdog.observers.polling")
        module.Observer = polling.PollingObserver

    Watch.begin(
        {
            "watchdog.observers": observers,
            "matplotlib.pyplot": pyplot,
            "plotly.basedatatypes": plotly,
            "IPython": ipython,
        }
    )

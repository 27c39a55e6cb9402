"""Run pytest as `python -m pytest` does, with a plugin of ours.

The tested code can take over all of this process: its reports are worth as much as those of pytest.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from typing import Any

from bellglass.tools.run_tests.inside.lent_project import use_packages
from bellglass.tools.run_tests.inside.lines import sender
from bellglass.tools.run_tests.inside.measuring import Measure


def main(fd: int, settings: dict[str, Any], forget: Callable[[], None]) -> None:
    """Run pytest with the arguments in `settings`, and report over `fd`."""
    send = sender(fd, settings["token"])
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = os.getcwd()  # as `python -m` sets it
    if not settings["paths"]:
        sys.dont_write_bytecode = True
    use_packages(settings)
    try:
        import pytest
    except ImportError as exc:
        if exc.name != "pytest":
            raise
        send({"missing": True})
        return
    from bellglass.tools.run_tests.inside.events import Events, Interrupts
    from bellglass.tools.run_tests.inside.foul_play import Originals, blind_equalities

    forget()
    _be_main("pytest.__main__", settings["arguments"])
    before = Originals(pytest)
    measure = Measure(settings["coverage"])
    if measure.missing:
        send({"uncovered": True})
    plugins: list[object] = [Events(send, settings)]
    if settings["test_timeout"] is not None:
        plugins.append(Interrupts(send, settings))
    status = int(pytest.main(settings["arguments"], plugins=plugins))
    measure.save()
    send({"finished": status, "warnings": [*before.replaced(), *blind_equalities()]})
    sys.exit(status)


def _be_main(name: str, arguments: list[str]) -> None:
    """Set `__main__` and the command line to what they are under `python -m`."""
    spec = importlib.util.find_spec(name)
    file = "" if spec is None else str(spec.origin)
    vars(sys.modules["__main__"]).update(
        __spec__=spec, __file__=file, __package__=name.rpartition(".")[0]
    )
    sys.argv[:] = [file, *arguments]
    if hasattr(sys, "orig_argv"):  # since Python 3.10
        sys.orig_argv[1:] = ["-m", "pytest", *arguments]

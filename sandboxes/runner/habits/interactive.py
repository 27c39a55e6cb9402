"""What `get_ipython()` returns: as much of IPython's shell as code in the wild uses."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from bellglass.sandboxes.runner.habits import commands, magics
from bellglass.sandboxes.runner.habits.fields import filled_in


class Events:
    """Libraries register for the end of a call; they are not needed here."""

    def register(self, event: str, function: Callable[..., Any]) -> None:
        pass

    unregister = register


class InteractiveShell:
    """Commands and magics, in the namespace of the code."""

    def __init__(
        self,
        names: dict[str, Any],
        evaluate: Callable[[str], Any],
        display: Callable[..., None],
    ) -> None:
        """`evaluate` runs code in the namespace and returns its last value."""
        self.user_ns = names
        self.events = Events()
        self.config: dict[str, Any] = {}
        self._evaluate = evaluate
        self._display = display

    def system(self, command: str) -> None:
        """Run a shell command, with what it prints in the output of the call."""
        text = filled_in(command, self.user_ns)
        code = commands.run(text)
        self.user_ns["_exit_code"] = code
        if code:
            how = f"exited with code {code}" if code > 0 else f"was ended by signal {-code}"
            sys.stderr.write(f"[the command {how}]\n")

    def getoutput(self, command: str, split: bool = True) -> Any:
        """Run a shell command, and return what it prints."""
        found, code = commands.output_of(filled_in(command, self.user_ns))
        self.user_ns["_exit_code"] = code
        return found if split else found.n

    def run_line_magic(self, magic_name: str, line: str, _stack_depth: int = 1) -> Any:
        return magics.of_line(self, magic_name, line)

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> Any:
        return magics.of_cell(self, magic_name, line, cell)

    def magic(self, text: str) -> Any:
        name, _, line = text.lstrip("%").partition(" ")
        return self.run_line_magic(name, line)

    def run_cell(self, raw_cell: str, *arguments: Any, **options: Any) -> Any:
        """Run code in the namespace; return its last value."""
        return self._evaluate(raw_cell)

    def ev(self, expression: str) -> Any:
        return eval(expression, self.user_ns)

    def push(self, variables: dict[str, Any], interactive: bool = True) -> None:
        self.user_ns.update(variables)

    def own_names(self) -> list[str]:
        """Return the names that the code itself has defined."""
        return sorted(
            name
            for name, value in self.user_ns.items()
            if not name.startswith("_") and type(value).__name__ != "module"
        )

    def show_markup(self, kind: str, source: str) -> None:
        self._display({kind: source}, raw=True)

    def set_next_input(self, text: str, replace: bool = False) -> None:
        sys.stdout.write(f"{text}\n")

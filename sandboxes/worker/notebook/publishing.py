"""IPython's display hooks, which send what IPython shows to our renderer."""

from __future__ import annotations

import sys
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.formatters import DisplayFormatter

from bellglass.sandboxes.worker.display.renderer import ITSELF


class Formatter(DisplayFormatter):
    """Leaves what our renderer shows better from the object itself: tables, figures."""

    def format(self, obj: Any, include: Any = None, exclude: Any = None) -> Any:
        ours = isinstance(self.parent.display_pub, Publisher) and not include and not exclude
        if ours and self.parent.renderer.knows(obj):
            return {ITSELF: obj}, {}
        return super().format(obj, include, exclude)


class Publisher(DisplayPublisher):
    """The target of `display()`."""

    def publish(
        self,
        data: dict[str, Any],
        metadata: Any = None,
        *arguments: Any,
        transient: dict[str, Any] | None = None,
        update: bool = False,
        **options: Any,
    ) -> None:
        name = (transient or {}).get("display_id")
        if name is not None:
            self.shell.renderer.named(str(name), data, update=update)
        elif (text := self.shell.renderer.bundle(data)) is not None:
            sys.stdout.write(f"{text}\n")

    def clear_output(self, wait: bool = False) -> None:
        self.shell.renderer.clear(wait=wait)


class Hook(DisplayHook):
    """The target of a line's value. The text of the last value is kept for the result."""

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: dict[str, Any], md_dict: Any = None) -> None:
        shell = self.shell
        text = shell.renderer.bundle(format_dict)
        if text is None:
            return
        if shell.is_nested or shell.ast_node_interactivity not in ("last_expr", "last"):
            sys.stdout.write(f"{text}\n")
        else:
            shell.value = text

    def log_output(self, format_dict: dict[str, Any]) -> None:
        """Keep no second copy of what was shown."""

"""Classes that say how a text or some bytes are to be shown, as `IPython.display` has them."""

from __future__ import annotations

import builtins
import json
from typing import Any


class DisplayObject:
    """Something to show: given as such, or as the name of a file."""

    def __init__(self, data: Any = None, url: Any = None, filename: Any = None, **options: Any):
        if url is not None:
            raise ValueError("There is no network here: pass data or filename.")
        if filename is None and isinstance(data, str) and self._is_name(data):
            data, filename = None, data
        if filename is not None:
            with open(filename, "rb") as file:
                data = file.read()
        self.data = data

    @staticmethod
    def _is_name(data: str) -> bool:
        return False

    def _text(self) -> str:
        data = self.data
        return data.decode("utf-8", "replace") if isinstance(data, bytes) else str(data)

    def __repr__(self) -> str:
        return f"<IPython.core.display.{type(self).__name__} object>"


class HTML(DisplayObject):
    def _repr_html_(self) -> str:
        return self._text()


class Markdown(DisplayObject):
    def _repr_markdown_(self) -> str:
        return self._text()


class Latex(DisplayObject):
    def _repr_latex_(self) -> str:
        return self._text()


class Math(DisplayObject):
    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self._text().strip('$')}$"


class SVG(DisplayObject):
    @staticmethod
    def _is_name(data: str) -> bool:
        return not data.lstrip().startswith("<")

    def _repr_svg_(self) -> str:
        return self._text()


class JSON(DisplayObject):
    def _repr_json_(self) -> Any:
        return json.loads(self._text()) if isinstance(self.data, (str, bytes)) else self.data


class Pretty(DisplayObject):
    def __repr__(self) -> str:
        return self._text()


class Code(Pretty):
    pass


class Image(DisplayObject):
    @staticmethod
    def _is_name(data: str) -> bool:
        return True

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        kind = "image/jpeg" if bytes(self.data[:2]) == b"\xff\xd8" else "image/png"
        return {kind: self.data}


def clear_output(wait: bool = False) -> None:
    """Nothing: what was printed is part of the result."""


def names() -> dict[str, Any]:
    """Return what `IPython.display` offers."""
    kinds = (DisplayObject, HTML, Markdown, Latex, Math, SVG, JSON, Pretty, Code, Image)
    found = {kind.__name__: kind for kind in kinds}
    given = {name: getattr(builtins, name) for name in ("display", "get_ipython")}
    return {**found, **given, "clear_output": clear_output}

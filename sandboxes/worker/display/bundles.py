"""The bundle of an object: what its `_repr_*_` methods return, which notebooks show."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.common.text import short
from bellglass.sandboxes.worker.explaining.guard import guarded
from bellglass.sandboxes.worker.explaining.values import class_name

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.execution import PictureType, RichType

METHOD_TIMEOUT_SECONDS = 10.0
"""For one method: drawing can take long, and a method may never return."""

METHODS: dict[PictureType | RichType, str] = {
    "image/png": "_repr_png_",
    "image/jpeg": "_repr_jpeg_",
    "text/markdown": "_repr_markdown_",
    "text/latex": "_repr_latex_",
    "text/html": "_repr_html_",
    "image/svg+xml": "_repr_svg_",
    "application/json": "_repr_json_",
}
"""Maps a method to its kind, in the order in which a model understands the kinds best."""

SHOW, BUNDLE = "_ipython_display_", "_repr_mimebundle_"

_mro_of = type.__dict__["__mro__"].__get__
_dict_of = type.__dict__["__dict__"].__get__


class BundleResult:
    """The result of asking an object: its bundle, and the methods that failed."""

    def __init__(self) -> None:
        self.bundle: dict[str, Any] = {}
        self.faults: list[str] = []
        self.shown = False
        """Whether it has shown itself, by `_ipython_display_`."""


def is_rich(value: Any) -> bool:
    """Tell if the class of `value` has one of the methods, without running any of its code."""
    for base in _mro_of(type(value)):
        held = _dict_of(base)
        if any(name in held for name in (SHOW, BUNDLE, *METHODS.values())):
            return True
    return False


def bundle_of(value: Any) -> BundleResult:
    """Call the methods of `value`, one kind after the other.

    It stops at the first picture or text: each may take long.
    """
    result = BundleResult()
    if isinstance(value, type):
        return result  # its methods are for its instances
    if _call(value, SHOW, result, lambda method: method() or True):
        result.shown = True
        return result
    given = _call(value, BUNDLE, result, lambda method: method(include=None, exclude=None))
    if type(given) is tuple and given:
        given = given[0]
    if isinstance(given, dict):
        result.bundle = {str(kind): data for kind, data in list(given.items())[:20]}
    for kind, name in METHODS.items():
        if any(known in result.bundle for known in METHODS):
            break
        data = _call(value, name, result)
        if type(data) is tuple and data:
            data = data[0]  # the rest is metadata
        if data is not None:
            result.bundle[kind] = data
    return result


def _call(
    value: Any,
    name: str,
    result: BundleResult,
    call: Callable[[Any], Any] = lambda method: method(),
) -> Any:
    if not any(name in _dict_of(base) for base in _mro_of(type(value))):
        return None

    def fault(exc: BaseException) -> None:
        result.faults.append(f"{name} of {class_name(value)} failed: {_reason(exc)}")

    return guarded(lambda: call(getattr(value, name)), fault, METHOD_TIMEOUT_SECONDS)


def _reason(exc: BaseException) -> str:
    text = guarded(lambda: short(str(exc), 200), lambda failure: "")
    return f"{class_name(exc)}: {text}" if text else class_name(exc)


def as_bytes(data: Any) -> bytes:
    """Return the bytes of a picture, which may be given in base64.

    Raises:
        ValueError: It is no picture.
    """
    if isinstance(data, str):
        return base64.b64decode(data)
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise ValueError("no bytes")


def as_text(kind: str, data: Any) -> str:
    """Return markup as one text.

    Raises:
        ValueError: It is no text.
    """
    if kind == "application/json" and not isinstance(data, str):
        return json.dumps(data, ensure_ascii=False, default=lambda thing: short(str(thing), 200))
    if isinstance(data, str):
        return str.__str__(data)
    if isinstance(data, bytes):
        return data.decode("utf-8", "replace")
    raise ValueError("no text")

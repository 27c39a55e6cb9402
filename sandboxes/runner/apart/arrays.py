"""Arrays and tables of numpy and pandas by value: their numbers as they lie in memory."""

from __future__ import annotations

import base64
import sys
from importlib import import_module
from typing import Any

PLAIN = "biufcSUmM"
"""Kinds of dtype that hold no Python objects."""


def is_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, (numpy.ndarray, numpy.generic)):
        return False
    exact = type(value) is numpy.ndarray or isinstance(value, numpy.generic)
    return bool(exact and value.dtype.kind in PLAIN and value.dtype.fields is None)


def encoded(value: Any) -> list[Any]:
    numpy: Any = import_module("numpy")

    content = numpy.ascontiguousarray(value)
    scalar = isinstance(value, numpy.generic)
    text = base64.b64encode(content.tobytes()).decode()
    return [content.dtype.str, None if scalar else list(value.shape), text]


def decoded(dtype: str, shape: list[int] | None, text: str) -> Any:
    numpy: Any = import_module("numpy")

    kind = numpy.dtype(str(dtype))
    if kind.kind not in PLAIN or kind.fields is not None:
        raise ValueError(f"an array of {dtype}")
    array = numpy.frombuffer(base64.b64decode(text), dtype=kind).copy()
    return array.reshape(shape) if shape is not None else array[0]

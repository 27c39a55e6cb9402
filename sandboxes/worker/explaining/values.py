"""Short texts for values, without running code of their classes, which may hang or print."""

from __future__ import annotations

import sys
import types
from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Any

from bellglass.sandboxes.common.text import short
from bellglass.sandboxes.worker.explaining.source import is_own

MAX_STRING_CHARACTERS = 80
"""Characters of a string that are shown."""

MAX_ITEMS = 6
"""Items of a collection, or attributes of an object, that are shown."""

MAX_DEPTH = 3

MAX_VALUE_CHARACTERS = 200
"""Characters of one value."""

MAX_INT_BITS = 200

_name_of = type.__dict__["__name__"].__get__
_mro_of = type.__dict__["__mro__"].__get__
_arguments_of = vars(BaseException)["args"].__get__

FUNCTIONS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodWrapperType,
)


def shown(value: Any, depth: int = MAX_DEPTH) -> str:
    """Return `value` as text of at most MAX_VALUE_CHARACTERS."""
    text = _shown(value, depth)
    return text if len(text) <= MAX_VALUE_CHARACTERS else f"{text[: MAX_VALUE_CHARACTERS - 2]} …"


def class_name(value: Any) -> str:
    """Return the name of the class of `value`, which a metaclass cannot falsify."""
    return short(_name_of(type(value)), 60)


def _shown(value: Any, depth: int) -> str:
    kind = type(value)
    if value is None or kind in (bool, float, complex, range) or value is Ellipsis:
        return repr(value)
    if isinstance_of(value, int):
        number = int.__index__(value)
        big = number.bit_length() > MAX_INT_BITS
        text = f"<integer of {number.bit_length():,} bits>" if big else int.__repr__(number)
        return _labelled(value, int, text)
    if isinstance_of(value, (str, bytes, bytearray)):
        return _string(value)
    if isinstance_of(value, (list, tuple, set, frozenset, dict, deque)):
        return _collection(value, depth)
    if isinstance(kind, type) and issubclass(kind, type):
        return f"<class {short(_name_of(value), 60)}>"
    if kind is types.ModuleType:
        return f"<module {short(str(dict.get(vars(value), '__name__')), 60)}>"
    if kind in FUNCTIONS:
        return f"<function {signature(value)}>"
    return array(value) or _object(value, depth)


def isinstance_of(value: Any, classes: Any) -> bool:
    """Tell if `value` is an instance by its class alone: `__class__` can be a property."""
    return issubclass(type(value), classes)


def _labelled(value: Any, base: type, text: str) -> str:
    """Return `text`, preceded by the class name if the class is the user's."""
    return text if type(value) is base else f"{class_name(value)} {text}"


def _string(value: Any) -> str:
    base = next(base for base in (str, bytes, bytearray) if isinstance_of(value, base))
    length = base.__len__(value)
    text = repr(base.__getitem__(value, slice(0, MAX_STRING_CHARACTERS)))
    if length > MAX_STRING_CHARACTERS:
        text += f" … {length:,} in all"
    return _labelled(value, base, text)


def _collection(value: Any, depth: int) -> str:
    bases = (list, tuple, set, frozenset, dict, deque)
    base: Any = next(base for base in bases if isinstance_of(value, base))
    length = base.__len__(value)
    brackets = {list: "[]", tuple: "()", deque: "[]"}.get(base, "{}")
    opening, closing = brackets[0], brackets[1]
    if depth <= 0:
        return f"{opening}…{closing}"
    if base is dict:
        pairs = islice(dict.items(value), MAX_ITEMS)
        parts = [f"{_shown(key, depth - 1)}: {_shown(item, depth - 1)}" for key, item in pairs]
    else:
        parts = [_shown(item, depth - 1) for item in islice(base.__iter__(value), MAX_ITEMS)]
    if length > len(parts):
        parts.append(f"… {length:,} in all")
    if not parts and base in (set, frozenset):
        return f"{class_name(value)}()"
    comma = "," if base is tuple and length == 1 else ""
    text = f"{opening}{', '.join(parts)}{comma}{closing}"
    return text if type(value) in (list, tuple, set, dict) else f"{class_name(value)} {text}"


def signature(function: Any) -> str:
    """Return name and parameters of a function, as far as no foreign code has to run."""
    if type(function) is types.MethodType:
        function = function.__func__
    if type(function) is not types.FunctionType:
        name = getattr(function, "__name__", "") if type(function) in FUNCTIONS else ""
        return short(name if type(name) is str else "", 60)
    return f"{short(function.__name__, 60)}({', '.join(parameters(function)[:12])})"


def parameters(function: types.FunctionType) -> list[str]:
    """Return the names of the parameters, in order, with `*` and `**`."""
    code = function.__code__
    plain = code.co_argcount
    named = plain + code.co_kwonlyargcount
    names = list(code.co_varnames)
    listed = names[:plain]
    if code.co_flags & 0x04:  # CO_VARARGS
        listed.append(f"*{names[named]}")
    listed += names[plain:named]
    if code.co_flags & 0x08:  # CO_VARKEYWORDS
        listed.append(f"**{names[named + bool(code.co_flags & 0x04)]}")
    return listed


def array(value: Any) -> str:
    """Return the essentials of an array or a table: shape, type, columns."""
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    kind = type(value)
    try:
        if numpy is not None and kind is vars(numpy).get("ndarray"):
            numbers = value.size <= MAX_ITEMS and value.dtype.kind in "biufc"
            text = f"array of {value.dtype}, shape {value.shape}"
            return f"{text}: {value.tolist()}" if numbers else text
        if numpy is not None and issubclass(kind, vars(numpy)["generic"]):
            return f"{class_name(value)}({value.item()!r})" if value.dtype.kind in "biufc" else ""
        if pandas is not None and kind is vars(pandas).get("DataFrame"):
            rows = value.shape[0]
            return f"DataFrame of {rows:,} rows, columns {_names(value.columns)}"
        if pandas is not None and kind is vars(pandas).get("Series"):
            index = _names(value.index)
            return f"Series of {value.dtype}, {value.shape[0]:,} values, index {index}"
    except Exception:
        pass  # another class with the same name
    return ""


def _names(index: Any) -> str:
    return shown(index[: MAX_ITEMS + 1].tolist(), 1)


def attributes(value: Any) -> dict[str, Any]:
    """Return the attributes that an object itself holds, without any `__getattr__`."""
    if type(value) is types.ModuleType:
        return vars(value)
    for base in _mro_of(type(value)):
        descriptor = type.__dict__["__dict__"].__get__(base).get("__dict__")
        if type(descriptor) is types.GetSetDescriptorType:
            held = descriptor.__get__(value)
            return held if type(held) is dict else {}
    return {}


def class_attributes(value: Any) -> dict[str, Any]:
    """Return what the class of an object, or the class itself, has: methods and the like."""
    found: dict[str, Any] = {}
    cls = value if isinstance_of(value, type) else type(value)
    for base in reversed(_mro_of(cls)):
        found.update(type.__dict__["__dict__"].__get__(base))
    return found


def _is_of_the_user(cls: type) -> bool:
    """Tell if a class was defined in the user's code: fields of others say little."""
    module = type.__dict__["__dict__"].__get__(cls).get("__module__")
    if type(module) is not str:
        return False
    if module == "__main__":
        return True
    found = sys.modules.get(module)
    file = attributes(found).get("__file__") if type(found) is types.ModuleType else None
    return type(file) is str and is_own(file)


def _object(value: Any, depth: int) -> str:
    name = class_name(value)
    if isinstance_of(value, BaseException):
        return f"{name}{_collection(_arguments_of(value), depth)}"
    held = {key: item for key, item in attributes(value).items() if type(key) is str}
    public: Iterable[tuple[str, Any]] = (
        (key, item) for key, item in held.items() if not key.startswith("__")
    )
    if not held or depth < MAX_DEPTH - 1 or not _is_of_the_user(type(value)):
        return f"<{name}>"
    parts = [
        f"{short(key, 40)}={_shown(item, depth - 1)}" for key, item in islice(public, MAX_ITEMS)
    ]
    return f"{name}({', '.join(parts)}{', …' if len(held) > len(parts) else ''})"

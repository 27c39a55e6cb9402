"""The variables of a session by value, one by one: one that cannot be kept costs only itself."""

from __future__ import annotations

import io
import json
import pickle
import re
import signal
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

try:
    # It is shipped beside this module, see `bundle`.
    from bellglass.sandboxes.saving.inside import cloudpickle  # type: ignore[attr-defined]
except ImportError:
    cloudpickle = None

SECONDS = 10
"""For one variable: 100 MB take a tenth of a second."""

_OURS = re.compile(r"_{1,3}|__\w+__|_i{1,3}|_i\d+|_\d+|_[iod]h|In|Out|exit|quit|get_ipython")
"""Names that the interpreter, or IPython, sets."""

Namespace = dict[str, Any]

_Base: Any = pickle.Pickler if cloudpickle is None else cloudpickle.Pickler


class _Pickler(_Base):  # type: ignore[misc]
    """Keeps functions of the session without its variables, which are kept by themselves."""

    def __init__(self, file: Any, namespace: Namespace, on_buffer: Callable[..., Any]) -> None:
        super().__init__(file, protocol=5, buffer_callback=on_buffer)
        self._namespace = namespace
        self._globals = {"__name__": "__main__"}

    def reducer_override(self, obj: Any) -> Any:
        if cloudpickle is None:
            return NotImplemented
        if isinstance(obj, types.FunctionType) and obj.__globals__ is self._namespace:
            bare = types.FunctionType(
                obj.__code__, self._globals, obj.__name__, obj.__defaults__, obj.__closure__
            )
            for name in ("__kwdefaults__", "__annotations__", "__doc__", "__module__"):
                setattr(bare, name, getattr(obj, name))
            bare.__qualname__ = obj.__qualname__
            bare.__dict__.update(obj.__dict__)
            obj = bare
        return super().reducer_override(obj)


class _Unpickler(pickle.Unpickler):
    """Makes functions of the session with its variables as their globals."""

    def __init__(self, file: Any, buffers: list[bytearray], namespace: Namespace) -> None:
        super().__init__(file, buffers=buffers)
        self._namespace = namespace

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        return self._make_function if name == "_make_function" else found

    def _make_function(
        self, code: Any, names: Namespace, name: str, defaults: Any, closure: Any
    ) -> types.FunctionType:
        if names.get("__name__") == "__main__":
            names = self._namespace
        else:
            names["__builtins__"] = __builtins__
        return types.FunctionType(code, names, name, defaults, closure)


class Value(NamedTuple):
    """A value in bytes, and the names that it has."""

    names: list[str]
    kind: str
    parts: list[memoryview]


class Lost(NamedTuple):
    """A variable that is not kept."""

    name: str
    kind: str
    reason: str


class _Timeout(BaseException):
    pass


class _Full(Exception):
    pass


class _Buffer(io.BytesIO):
    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self._left = max_bytes

    def write(self, data: Any) -> int:
        self.take(data)
        return super().write(data)

    def take(self, data: Any) -> None:
        self._left -= memoryview(data).nbytes
        if self._left < 0:
            raise _Full


def modules(namespace: Namespace) -> dict[str, str]:
    """Return the modules that have a name at the top level."""
    return {
        name: value.__name__
        for name, value in namespace.items()
        if type(value) is types.ModuleType and not _OURS.fullmatch(name)
    }


Begin = Callable[["list[str]"], bool]
"""Notes that a value with these names is next; tells if it is to be tried."""


def values(
    namespace: Namespace, max_bytes: Callable[[], int], begin: Begin
) -> Iterator[Value | Lost]:
    """Yield each value with its names, or why it is not kept."""
    names: dict[int, list[str]] = {}
    found = {name: value for name, value in namespace.items() if not _OURS.fullmatch(name)}
    for name, value in found.items():
        if type(value) is not types.ModuleType:
            names.setdefault(id(value), []).append(name)
    for same in names.values():
        value = found[same[0]]
        kind = type(value)
        known = kind.__qualname__ if kind.__module__ == "builtins" else _path(kind)
        if not begin(same):
            yield from (Lost(name, known, "saving it ended the process") for name in same)
            continue
        try:
            with bounded_time():
                parts = _pickled(value, namespace, max_bytes())
        except BaseException as exc:
            for name in same:
                yield Lost(name, known, _reason(exc))
        else:
            yield Value(same, known, parts)


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}".replace("__main__.", "")


def _pickled(value: object, namespace: Namespace, max_bytes: int) -> list[memoryview]:
    buffers: list[memoryview] = []
    main = _Buffer(max_bytes)

    def on_buffer(buffer: pickle.PickleBuffer) -> bool:
        try:
            raw = buffer.raw()
        except BufferError:
            return True  # not contiguous: it goes into the pickle
        main.take(raw)
        buffers.append(raw)
        return False

    _Pickler(main, namespace, on_buffer).dump(value)
    return [main.getbuffer(), *buffers]


def _reason(exc: BaseException) -> str:
    if isinstance(exc, _Timeout):
        return f"it took longer than {SECONDS} s"
    if isinstance(exc, _Full):
        return "it is too large"
    if isinstance(exc, (TypeError, pickle.PicklingError)):
        return ""  # its type says it: it cannot be written down
    try:
        text = str(exc)
    except BaseException:
        text = ""
    return f"{type(exc).__name__}: {text}"[:120] if text else type(exc).__name__


@contextmanager
def bounded_time() -> Iterator[None]:
    """Raise an exception in what takes too long."""

    def end(*_: object) -> None:
        raise _Timeout

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def load(path: str, namespace: Namespace, begin: Begin) -> list[Lost]:
    """Load the value in a file; return what of it is lost."""
    with open(path, "rb") as file:
        header = json.loads(file.readline())
        names, kind = header["names"], header["kind"]
        if not begin(names):
            return [Lost(name, kind, "loading it ended the process") for name in names]
        parts = [bytearray(size) for size in header["sizes"]]
        for part in parts:
            file.readinto(part)
    try:
        with bounded_time():
            value = _Unpickler(io.BytesIO(parts[0]), parts[1:], namespace).load()
    except BaseException as exc:
        return [Lost(name, kind, _reason(exc)) for name in names]
    namespace.update(dict.fromkeys(names, value))
    return []

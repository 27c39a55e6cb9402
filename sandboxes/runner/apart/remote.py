"""Stand-ins for objects, classes and exceptions of the other process.

A class there becomes a class here with the same name, the same special methods and, as far as they
are exceptions or plain data, the same bases: `isinstance`, `except` and `raises` work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.runner.apart.specials import ASYNC, JUDGING, SPECIALS
from bellglass.sandboxes.runner.apart.values import PLAIN_BASES

if TYPE_CHECKING:
    from collections.abc import Callable

    from bellglass.sandboxes.runner.apart.peer import Peer

HOME, CLASS = "_bellglass_home", "_bellglass_class"

PASSED = frozenset({"__name__", "__qualname__", "__doc__", "__defaults__", "__annotations__"})
"""Names with underscores around that a stand-in asks for. Others are for the machinery here:
__test__ would make a test of it, __class__ would let it pass for anything."""


class Home:
    """Where the original is: its handle in a process, and how to find it in the next one."""

    __slots__ = ("count", "generation", "handle", "path", "peer")

    def __init__(self, peer: Peer, handle: int) -> None:
        self.peer = peer
        self.handle = handle
        self.generation = peer.generation
        self.path: tuple[str, str] | None = None
        self.count = 0


def home_of(value: Any) -> Home | None:
    """Return where the original of a stand-in is; None of anything else."""
    if isinstance(value, RemoteMeta):
        return vars(value).get(CLASS)
    if isinstance(value, BaseException):
        return getattr(value, "__dict__", {}).get(HOME)
    if isinstance(type(value), RemoteMeta):
        try:
            home: Home = object.__getattribute__(value, HOME)
        except AttributeError:
            return None  # made here, of a class that is a stand-in
        return home
    return None


def _needed(value: Any) -> Home:
    home = home_of(value)
    if home is None:
        raise AttributeError(f"{type(value).__name__} has no original")
    return home


def _wanted(name: str) -> None:
    if name.startswith(("__", "_bellglass", "_pytest", "pytest")) and name not in PASSED:
        raise AttributeError(name)


class RemoteMeta(type):
    """The class of stand-ins for classes."""

    __test__ = False

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        return _needed(cls).peer.request("call", cls, *arguments, **named)

    def __getattr__(cls, name: str) -> Any:
        _wanted(name)
        return _needed(cls).peer.request("get", cls, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        if name == CLASS or name.startswith("__"):
            type.__setattr__(cls, name, value)
        else:
            _needed(cls).peer.request("set", cls, name, value)
            if name in vars(cls):
                type.__delattr__(cls, name)  # a stub of what has been replaced

    def __instancecheck__(cls, value: Any) -> bool:
        if type.__instancecheck__(cls, value):
            return True
        home = vars(cls).get(CLASS)
        if home is None or "virtual" not in vars(cls).get("_bellglass_traits", ()):
            return False
        if isinstance(value, BaseException) and not isinstance(type(value), RemoteMeta):
            return False  # a failed assertion is not for the code to claim
        return home.peer.request("instance", cls, value) is True

    def __getitem__(cls, key: Any) -> Any:
        return _needed(cls).peer.request("item", cls, key)

    def __iter__(cls) -> Any:
        return iter(_needed(cls).peer.request("items", cls))

    def __len__(cls) -> int:
        return int(_needed(cls).peer.request("length", cls))

    def __contains__(cls, value: Any) -> bool:
        return any(item is value or item == value for item in cls)

    def __bool__(cls) -> bool:
        return True

    def __repr__(cls) -> str:
        return f"<class '{cls.__module__}.{cls.__qualname__}'>"


class RemoteObject(metaclass=RemoteMeta):
    """What every stand-in for an object can do."""

    __test__ = False

    def __getattr__(self, name: str) -> Any:
        _wanted(name)
        return _needed(self).peer.request("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _needed(self).peer.request("set", self, name, value)

    def __delattr__(self, name: str) -> None:
        _needed(self).peer.request("delete", self, name)

    def __copy__(self) -> Any:
        return _needed(self).peer.request("special", self, "__copy__")

    def __deepcopy__(self, memo: Any) -> Any:
        return _needed(self).peer.request("special", self, "__deepcopy__")

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(f"{type(self).__name__} lives in the process of the code: not picklable")

    def __del__(self) -> None:
        try:
            home: Home = object.__getattribute__(self, HOME)
            home.peer.release(home)
        except Exception:  # half made, or at the end of all
            pass


class RemoteFunction(RemoteObject):
    """A function or method of the other process."""

    def __call__(self, /, *arguments: Any, **named: Any) -> Any:
        return _needed(self).peer.request("call", self, *arguments, **named)

    def __repr__(self) -> str:
        return f"<function {self.__name__}>"


class RemoteError(metaclass=RemoteMeta):
    """What the stand-ins for exceptions add to the exceptions that they derive from."""

    __getattr__ = RemoteObject.__getattr__

    def __str__(self) -> str:
        return str(vars(self).get("_bellglass_text", ""))


def set_home(value: Any, home: Home) -> None:
    object.__setattr__(value, HOME, home)


def make_class(peer: Peer, about: dict[str, Any], bases: tuple[type, ...]) -> RemoteMeta:
    """Return a class that stands for the one that is described."""
    plain = next((b for base in bases for b in base.__mro__ if b in PLAIN_BASES), None)
    error = any(issubclass(base, BaseException) for base in bases)
    namespace: dict[str, Any] = {
        "__module__": str(about["module"]),
        "__qualname__": str(about["qualname"]),
        "__doc__": about.get("doc"),
        "_bellglass_traits": tuple(about["traits"]),
    }
    for name in about["methods"]:
        if not name.startswith(("__", "_bellglass", "_pytest", "pytest")):
            namespace[name] = _method(name)
    for name in about["special"]:
        if name == "unhashable":
            namespace["__hash__"] = None
        elif name in SPECIALS and not (error and name in ("__str__", "__repr__")):
            namespace[name] = _special(name, plain)
    root: type = RemoteError if error else RemoteObject
    whole = bases if any(issubclass(base, root) for base in bases) else (root, *bases)
    name = str(about["name"])
    try:
        return RemoteMeta(name, whole, namespace)
    except TypeError:  # bases that do not fit together without what they are over there
        simple = next((base for base in bases if issubclass(base, BaseException)), None)
        return RemoteMeta(name, (root, simple) if simple else (root,), namespace)


def _method(name: str) -> Callable[..., Any]:
    def method(self: Any, /, *arguments: Any, **named: Any) -> Any:
        home = home_of(self)
        if home is None:
            raise TypeError(f"{name}() needs an object of the code")
        return home.peer.request("method", self, name, *arguments, **named)

    method.__name__ = method.__qualname__ = name
    return method


def _special(name: str, plain: type | None) -> Callable[..., Any]:
    if name in ASYNC:

        async def awaited(self: Any, /, *arguments: Any) -> Any:
            return _needed(self).peer.request("async", self, name, *arguments)

        return awaited

    def special(self: Any, /, *arguments: Any, **named: Any) -> Any:
        peer = _needed(self).peer
        if name in JUDGING and not peer.may_judge(self, arguments[0] if arguments else None):
            return _without(peer, self, name, plain, arguments)
        if name == "__exit__":
            return peer.leave(self, *arguments)
        return peer.request("special", self, name, *arguments, **named)

    special.__name__ = special.__qualname__ = name
    return special


def _without(peer: Peer, value: Any, name: str, plain: type | None, arguments: Any) -> Any:
    """Answer for an object whose own word is not taken: by its plain data, or not at all."""
    if value is arguments[0] and name in ("__eq__", "__ne__"):
        return name == "__eq__"
    if plain is not None and hasattr(plain, name):
        return getattr(plain, name)(value, *arguments)
    if "container" in type(value)._bellglass_traits:
        content = peer.request("plain", value)
        return SPECIALS[name](content, *arguments)
    if name == "__contains__":
        return any(item is arguments[0] or item == arguments[0] for item in iter(value))
    return NotImplemented

"""The process of the tests: what it asks of the code, and what it lets the code ask.

Whatever the code says is an answer to be judged. It gets hold of nothing here but what a test
hands to it, and of that only what it needs: calls, and attributes without an underscore.
"""

from __future__ import annotations

import contextlib
import functools
import select
import sys
import types
from typing import Any, NoReturn

from bellglass.sandboxes.runner.apart import reach
from bellglass.sandboxes.runner.apart.channel import Channel
from bellglass.sandboxes.runner.apart.child import Child, told
from bellglass.sandboxes.runner.apart.modules import Modules
from bellglass.sandboxes.runner.apart.peer import Peer
from bellglass.sandboxes.runner.apart.remote import Home, RemoteMeta, home_of
from bellglass.sandboxes.runner.apart.surroundings import Surroundings
from bellglass.sandboxes.runner.apart.values import PLAIN_BASES


class CodeGone(BaseException):
    """The process of the code is not there to answer. No test's `except Exception` catches it."""

    __module__ = "builtins"


class NotHandedOver(BaseException):
    """A value cannot go from one process to the other. No test may take it for the code's error."""

    __module__ = "builtins"


START_SECONDS = 20.0
"""For a fresh Python to say that it is ready; a busy machine takes some tenths."""

NEVER_SILENT = (AssertionError, KeyboardInterrupt, NotHandedOver)


class SuiteSide(Peer):
    """Starts the process of the code when it is first needed, and again after it is gone."""

    __test__ = False
    cannot: type[BaseException] = NotHandedOver
    code_gone: type[BaseException] = CodeGone

    def __init__(self, settings: dict[str, Any], imports: set[str], raised: set[str]) -> None:
        """`imports` are the modules that the tests name, `raised` the exceptions they raise."""
        super().__init__("t", None)
        self.modules = Modules(self, imports)
        self.judged: set[str] = set()
        """Classes of the code that had a say in what the running test compares."""
        self.refused: set[str] = set()
        """Those whose say was not taken."""
        self.before_start: Any = lambda: None
        self.test_module = ""
        self._settings = settings
        self._raised = raised
        self._child: Child | None = None
        self._surroundings = Surroundings(careful=True)
        self._reached: set[Any] = set()
        self._classes: dict[tuple[str, str], Any] = {}
        self._swallowed: list[BaseException] = []
        self.gone: str | None = None
        """How the process of the code ended, if it did in the running test."""

    # --- the process

    def start(self) -> None:
        """Start the process of the code if there is none, and wait until it can be asked.

        Raises:
            CodeGone: It ended before that.
        """
        if self._child is not None:
            return
        self.before_start()
        self.generation += 1
        self._start_over()
        try:
            self._child = child = Child("apart.code_side", self._settings)
        except OSError as exc:
            self._lost(f"no process could be started for the code ({exc.strerror})")
        relays = {child.out: _relay("stdout"), child.err: _relay("stderr")}
        self.channel = Channel(child.socket, relays)
        self._surroundings.start_over()
        if not select.select([child.socket], [], [], START_SECONDS)[0]:
            self._lost(f"the process for the code was not ready after {START_SECONDS:.0f} s")
        try:
            self.channel.receive()
        except (EOFError, OSError, ValueError, RecursionError):
            self._lost()

    def start_again(self) -> None:
        """Start it if it is gone since an earlier test, as the test that follows may need it.

        Else that test would be charged for the time. That it failed is kept in `gone`.
        """
        if self.generation:
            with contextlib.suppress(CodeGone):
                self.start()

    def stop(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None

    def _lost(self, reason: str | None = None) -> NoReturn:
        if self._child is not None:
            if reason is None:
                reason = f"the code ended its process ({told(self._child.wait())})"
                assert self.channel is not None
                self.channel.drain()
            self.stop()
        self.gone = self.gone or reason or "the process of the code had ended"
        raise self.code_gone(self.gone)

    def new_test(self) -> None:
        """Forget what belongs to the test that has ended."""
        self.judged, self.refused, self.gone = set(), set(), None
        self._swallowed = []
        self.forget_errors()

    def pending(self) -> BaseException | None:
        """Return a failed assertion of a callback that the code kept from the test."""
        return self._swallowed[0] if self._swallowed else None

    # --- asking

    def request(self, op: str, on: Any, *arguments: Any, **named: Any) -> Any:
        self.start()
        for value in (on, *arguments, *named.values()):
            home = home_of(value)
            if home is not None and home.generation not in (self.generation, -1):
                self._revive(value, home)
        return super().request(op, on, *arguments, **named)

    def _exchange(self, op: str, on: Any, arguments: Any, named: dict[str, Any]) -> Any:
        try:
            return super()._exchange(op, on, arguments, named)
        except (EOFError, OSError):
            pass
        except (ValueError, RecursionError) as exc:
            self._lost(f"the code broke the connection to the tests ({exc})")
        self._lost()

    def _read(self, reply: Any) -> tuple[BaseException | None, Any]:
        try:
            return super()._read(reply)
        except Exception as exc:  # of anything that the code made up
            reason = f"{type(exc).__name__}: {exc}"[:200]
        self._lost(f"the code answered with what is no value ({reason})")

    def _revive(self, value: Any, home: Home) -> None:
        """Find in the present process what a name of a module stood for in the last one."""
        if home.path is None:
            raise self.code_gone("this object went with the process of the code that it was in")
        again = self.request("get", self.modules.get(home.path[0]), home.path[1])
        found = home_of(again)
        if found is None:
            raise self.code_gone(f"{home.path[1]} is something else in the new process of the code")
        home.handle, home.generation = found.handle, found.generation
        home.count, found.count = found.count, 0  # the new stand-in ends here
        if again is not value:
            self._remember(home.handle, value)

    def _alive(self, home: Home) -> int:
        if home.generation != self.generation:
            raise TypeError("an object went with the process of the code that it was in")
        return home.handle

    # --- being asked

    def _target(self, message: Any) -> Any:
        if message is None:
            return None
        if not isinstance(message, list) or message[0] != "Y":
            raise TypeError("the code asked for what it was not given")
        return super()._target(message)

    def perform(self, op: str, on: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
        if op == "input":
            return input(*arguments)  # as the test has patched it, perhaps
        if op == "read":
            return getattr(sys.stdin, "readline" if arguments[0] == "readline" else "read")(
                arguments[1]
            )
        if op == "call":
            reach.may_call(on, self.test_module)
        else:
            reach.may_touch(op, on, str(arguments[0]), self.test_module)
        return super().perform(op, on, arguments, named)

    def may_lend(self, value: Any) -> None:
        reach.may_lend(value, self.test_module)

    def named(self, value: Any) -> list[Any] | None:
        return reach.named(value, self.test_module)

    def _module(self, value: types.ModuleType) -> list[Any]:
        if value.__name__ == self.test_module:
            raise TypeError("the module of the tests cannot be handed to the code")
        return super()._module(value)

    # --- what came back

    def module(self, name: str) -> Any:
        return self.modules.get(name)

    def reached(self, module: str, name: str, value: Any) -> None:
        """The tests have taken `name` from a module of the code: they know what it is."""
        home = home_of(value)
        if home is not None and home.path is None:
            home.path = (module, name)
        if isinstance(value, RemoteMeta) and name[:1].isupper():
            self._reached.add(value)

    def known_class(self, about: dict[str, Any]) -> Any:
        key = (str(about["module"]), str(about["qualname"]))
        kind = self._classes.get(key)
        home = None if kind is None else home_of(kind)
        if home is not None and home.generation != self.generation:
            return kind  # of the process before: what the tests hold goes on to mean this
        self._classes.pop(key, None)
        return None

    def _class_for(self, handle: int, about: dict[str, Any]) -> Any:
        before = self.known_class(about)
        path = home_of(before).path if before is not None else None  # type: ignore[union-attr]
        kind = super()._class_for(handle, about)
        home = home_of(kind)
        assert home is not None
        home.path = path
        self._classes[(kind.__module__, kind.__qualname__)] = kind
        return kind

    def may_judge(self, value: Any, operand: Any) -> bool:
        """Tell if what the code says of `value` and `operand` is to be taken.

        Given the expected value to compare with, any object could say that it is equal. So only
        those may whose class the tests name: that class is what they test.
        """
        kind = type(value)
        named = any(base in self._reached for base in kind.__mro__)
        remote = isinstance(type(operand), RemoteMeta) and not isinstance(operand, PLAIN_BASES)
        if remote and (named or type(operand) is kind):
            return True
        (self.judged if named else self.refused).add(kind.__name__)
        return named

    def leave(self, value: Any, *arguments: Any) -> Any:
        """Leave a `with` block of the code: what the test found wrong is not for it to silence."""
        said = self.request("special", value, "__exit__", *arguments[:2], None)
        kind = arguments[0]
        if kind is None:
            return said
        own = getattr(arguments[1], "_bellglass_trace", None) is None
        known = {base.__name__ for base in kind.__mro__} & self._raised
        return bool(said) and own and bool(known) and not issubclass(kind, NEVER_SILENT)

    def dressed(self, value: Any) -> Any:
        """Return generators and coroutines as real ones: libraries look at their type."""
        name = type(value).__qualname__
        if type(value).__module__ == "builtins" and name in ("generator", "coroutine"):
            return _generated(value) if name == "generator" else self._awaitable(value)
        return value

    async def _awaitable(self, value: Any) -> Any:
        return self.request("await", value)

    def error_class(self, kind: Any) -> Any:
        kind = super().error_class(kind)
        if kind in (KeyboardInterrupt, GeneratorExit):
            return CodeInterrupted  # of the code's doing: it must not end the run
        return kind

    def _note_raised(self, exc: BaseException) -> None:
        if isinstance(exc, NEVER_SILENT) and getattr(exc, "_bellglass_trace", None) is None:
            self._swallowed.append(exc)

    def _came_back(self, exc: BaseException) -> None:
        self._swallowed = [kept for kept in self._swallowed if kept is not exc]

    def _state(self) -> Any:
        return {**super()._state(), **self._surroundings.changes()}

    def _take_state(self, message: Any) -> None:
        super()._take_state(message)
        self._surroundings.apply(message)


class CodeInterrupted(RuntimeError):
    """The code raised KeyboardInterrupt."""


def _generated(remote: Any) -> Any:
    """Return a generator that stands for one of the code."""
    sent: Any = None
    step = remote.__next__
    while True:
        try:
            item = step() if sent is None else remote.send(sent)
        except StopIteration as exc:
            return exc.value
        try:
            sent = yield item
            step = remote.__next__
        except GeneratorExit:
            remote.close()
            raise
        except BaseException as exc:
            sent, step = None, functools.partial(remote.throw, exc)


def _relay(name: str) -> Any:
    def write(data: bytes) -> None:
        if data:
            getattr(sys, name).write(data.decode("utf-8", "replace"))

    return write

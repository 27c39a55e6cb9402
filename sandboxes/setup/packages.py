"""What a server knows of the packages in its sandboxes, and how it says so to a model.

A text names a package only if it was found, or will be there: a model that is told of one which is
not there plans with it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bellglass.sandboxes.setup.environments import base_python, installed, prepared
from bellglass.sandboxes.setup.package_set import DEFAULT, PackageSet, name_of, normalized

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_NAMED = 14
"""Packages of the default set that a manual names; those of an operator come besides."""

MAX_ADDED_NAMED = 10

_AWAITED = 4


class Packages:
    """The packages of the sandboxes of one server; this one knows nothing, as of an image."""

    def __init__(self) -> None:
        self.wanted = PackageSet()
        self.failure: str | None = None
        """Why they could not be installed."""
        self._python: str | None = None
        self._began: float | None = None

    @classmethod
    def of(cls, python: str, wanted: PackageSet) -> Packages:
        """Return what is known of sandboxes on this machine that run `python`."""
        self = cls()
        self._python = python
        self.wanted = wanted
        return self

    def expect(self) -> None:
        """Note that an installation of the wanted set begins."""
        self._began = time.monotonic()

    @property
    def known(self) -> bool:
        """Whether the packages of sandboxes are on this machine."""
        return self._python is not None

    @property
    def awaited(self) -> bool:
        """Whether they are being installed."""
        return self._began is not None and self.failure is None and not prepared(self.wanted)

    def manual(self) -> str:
        """Return a sentence for the manual of a tool, which is read before every conversation."""
        if self._python is None:
            return "`pip list` names the packages that are installed."
        found = self.found()
        named = self._named(found)
        if self.awaited:
            coming = ", ".join([name for name in DEFAULT if name not in found][:_AWAITED])
            also = f"Installed: {', '.join(named)}. " if named else ""
            return f"{also}{coming} and others are being installed, which takes about a minute."
        return f"Installed: {', '.join(named)}." if named else "Only the standard library is there."

    def found(self) -> frozenset[str]:
        """Return the packages that were found, none where that is not known."""
        return frozenset(installed(self._python)) if self._python is not None else frozenset()

    def _named(self, there: Iterable[str]) -> list[str]:
        there = set(there)
        own = [name_of(requirement) for requirement in self.wanted.added]
        default = [name for name in DEFAULT if name in there and name not in own]
        added = [name for name in own if name in there]
        return default[:MAX_NAMED] + added[:MAX_ADDED_NAMED]

    def missing(self, package: str) -> str | None:
        """Return what to do about a package of the set that is missing; None for any other."""
        wanted = map(name_of, self.wanted.required)
        if self._python is None or normalized(package) not in wanted:
            return None
        if self.failure is not None:
            return (
                f"{package} is not installed: {self.failure} The user can run `bellglass setup`; "
                "until then only the standard library is there."
            )
        if self._began is None:
            return (
                f"{package} is not installed. Ask the user to run `bellglass setup` once on the "
                "machine of this server."
            )
        if self.awaited:
            seconds = time.monotonic() - self._began
            return (
                f"{package} is being installed, for {seconds:.0f} s so far; it takes about a "
                "minute. Plain Python works now. Import it again then: this session will have it."
            )
        if self._python == base_python():
            return f"{package} has just been installed: import it again."
        return f"{package} has been installed, and is there when the server is started again."

"""Which versions of the SDK are installed, and whether they will do.

It is two packages, released weekly, each on its own. `pyproject.toml` bounds them by their next
major version, because others install us beside their own; so what is there is looked at too.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, requires, version

NAMES = ("e2b", "e2b-code-interpreter")

Pair = tuple[str, ...]

TESTED: Pair = ("2.63.0", "2.11.5")
"""With which every test is run."""

TESTED_OLD: Pair = ("2.50.0", "2.10.0")
"""For engines that speak only version 1 of the API: `.ci/run` tries it on the double."""

_OLDEST: Pair = ("2.50", "2.10")
"""Before: 2.38 and 2.39 of `e2b` break every execution, and none was tried."""

_TOO_NEW = "3"


def installed() -> str:
    """Return the versions that are installed, for a person."""
    return ", ".join(f"{name} {_version(name) or 'is missing'}" for name in NAMES)


def is_tested() -> bool:
    return _pair() in (TESTED, TESTED_OLD)


def command(pair: Pair) -> str:
    """Return the command that installs `pair`."""
    wanted = (f'"{name}=={number}"' for name, number in zip(NAMES, pair, strict=True))
    return f"pip install {' '.join(wanted)}"


def objection() -> str | None:
    """Say why what is installed will not do, and what to install; None if nothing is known."""
    reason = _reason()
    if reason is None:
        return None
    return (
        f"the installed SDK is not supported ({installed()}): {reason}. "
        f"Install the pair that was tested: {command(TESTED)}, or for an engine that speaks only "
        f"version 1 of the API: {command(TESTED_OLD)}."
    )


def _reason() -> str | None:
    # The SDK itself needs it.
    from packaging.requirements import Requirement
    from packaging.version import InvalidVersion, Version

    pair = _pair()
    for name, number, oldest in zip(NAMES, pair, _OLDEST, strict=True):
        try:
            if number is None:
                return f"{name} is missing"
            if Version(number) < Version(oldest):
                return f"{name} before {oldest} is known to fail"
            if Version(number) >= Version(_TOO_NEW):
                return f"{name} {_TOO_NEW} has another interface"
        except InvalidVersion:
            return f"{name} has no readable version"
    needs = (Requirement(text) for text in requires(NAMES[1]) or ())
    for need in needs:
        if need.name == NAMES[0] and not need.specifier.contains(str(pair[0]), prereleases=True):
            return f"{NAMES[1]} {pair[1]} needs {need}"
    return None


def _pair() -> tuple[str | None, ...]:
    return tuple(_version(name) for name in NAMES)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None

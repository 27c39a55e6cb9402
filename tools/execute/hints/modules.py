"""Hints about missing modules: which package provides them, and what exists instead.

Only packages known here are recommended: somebody may have published a harmful one under a name
that models invent.
"""

from __future__ import annotations

import difflib
import re

from bellglass.sandboxes.common.distributions import DISTRIBUTIONS
from bellglass.tools.execute.hints.networks import CANNOT_INSTALL, INSTALLS

INSTEAD = {
    "aiohttp": "there is no network to use it on",
    "bs4": "html.parser and xml.etree are there",
    "cv2": "numpy and matplotlib.image can do some of it",
    "dateutil": "datetime.fromisoformat, strptime and pandas.to_datetime are there",
    "dotenv": "os.environ is there",
    "httpx": "there is no network to use it on",
    "nest_asyncio": "asyncio.run and top-level await work here without it",
    "openpyxl": "write CSV instead",
    "polars": "pandas is there",
    "pyarrow": "write CSV or JSON instead",
    "requests": "there is no network to use it on",
    "scipy": "numpy, statistics and math are there",
    "seaborn": "matplotlib is there",
    "sklearn": "numpy.linalg.lstsq and numpy.polyfit are there",
    "sympy": "fractions, decimal and numpy are there",
    "tqdm": "leave it out",
    "xlsxwriter": "write CSV instead",
    "yaml": "json and tomllib are there",
}
"""Alternatives where nothing can be installed."""

_NEVER_NEEDED = ("nest_asyncio",)

SET_UP = frozenset(
    ("numpy", "pandas", "matplotlib", "pytest", "coverage", "IPython", "jinja2", "tabulate", "lxml")
)
"""Modules that `bellglass setup` and the image install."""

_NOT_SET_UP = (
    "{0} is not installed in this sandbox. The operator of this server can install it, with numpy, "
    "pandas and matplotlib, once and for all: bellglass setup."
)
_UNKNOWN = "{0} is not a known package: check the name{1}."
_INSTALL = "install it: execute_bash with `pip install {0}`, then import it again."

_REQUIRED = (
    re.compile(r"`Import ([\w.]{1,60})` failed"),
    re.compile(r"Missing optional dependency '([\w.-]{1,60})'"),
    re.compile(r"accessor requires ([\w.-]{1,60})"),
    re.compile(r"Unable to find a usable engine; tried using: '([\w.-]{1,60})'"),
)


def required(message: str) -> str | None:
    """Return the module that a library reports as required."""
    found = (pattern.search(message[:1_000]) for pattern in _REQUIRED)
    return next((match[1].lower() for match in found if match), None)


def missing_module(module: str, near: list[str], network: str) -> str:
    """Return what to do about a missing module; `near`: existing modules with similar names."""
    top = module.partition(".")[0][:60]
    if top in _NEVER_NEEDED:
        return f"{INSTEAD[top]}."
    if top in DISTRIBUTIONS:
        return _of_package(top, network)
    if near:
        return did_you_mean(near)
    if close := difflib.get_close_matches(top, DISTRIBUTIONS, n=1, cutoff=0.85):
        return f"{did_you_mean(close)} If so: {_of_package(close[0], network)}"
    return _UNKNOWN.format(top, " before you install it" if network in INSTALLS else "")


def _of_package(top: str, network: str) -> str:
    package = DISTRIBUTIONS[top]
    if network in INSTALLS:
        return _INSTALL.format(package)
    if top in SET_UP:
        return _NOT_SET_UP.format(package)
    instead = f"; {INSTEAD[top]}" if top in INSTEAD else ""
    return f"{package} is not installed, {CANNOT_INSTALL[network].format(instead)}"


def did_you_mean(near: list[str]) -> str:
    return f"did you mean {' or '.join(near)}?"

"""Hints about missing modules: which package provides them, and what exists instead.

Only packages known here are recommended: somebody may have published a harmful one under a name
that models invent.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, NamedTuple

from bellglass.sandboxes.common.distributions import DISTRIBUTIONS
from bellglass.tools.execute.hints.networks import CANNOT_INSTALL, INSTALLS

if TYPE_CHECKING:
    from bellglass.sandboxes.setup.packages import Packages

INSTEAD = {
    "aiohttp": "there is no network to use it on",
    "bs4": "html.parser and xml.etree are there",
    "dateutil": "datetime.fromisoformat and strptime are there",
    "dotenv": "os.environ is there",
    "httpx": "there is no network to use it on",
    "nest_asyncio": "asyncio.run and top-level await work here without it",
    "openpyxl": "write CSV instead",
    "pyarrow": "write CSV or JSON instead",
    "requests": "there is no network to use it on",
    "scipy": "statistics and math are there",
    "sympy": "fractions and decimal are there",
    "tqdm": "leave it out",
    "xlsxwriter": "write CSV instead",
    "yaml": "json and tomllib are there",
}
"""Alternatives where nothing can be installed, of the standard library."""

WITH_A_PACKAGE = {
    "cv2": ("pillow", "PIL, scipy.ndimage and matplotlib.image can do some of it"),
    "dask": ("pandas", "pandas reads a file in parts with chunksize"),
    "duckdb": ("pandas", "pandas and sqlite3 are there"),
    "polars": ("pandas", "pandas is there"),
    "plotly": ("matplotlib", "matplotlib is there"),
    "skimage": ("scipy", "scipy.ndimage and PIL are there"),
    "statsmodels": ("scipy", "scipy.stats and numpy.linalg.lstsq are there"),
    "xgboost": ("scikit-learn", "sklearn.ensemble is there"),
    "lightgbm": ("scikit-learn", "sklearn.ensemble is there"),
    "xlsxwriter": ("openpyxl", "openpyxl is there"),
}
"""Alternatives by another package, which are told only if it was found."""

_NEVER_NEEDED = ("nest_asyncio",)

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


class Supply(NamedTuple):
    """Where a missing package may come from."""

    network: str
    """What sessions may reach, as the setting names it."""
    packages: Packages


def missing_module(module: str, near: list[str], supply: Supply) -> str:
    """Return what to do about a missing module; `near`: existing modules with similar names."""
    top = module.partition(".")[0][:60]
    if top in _NEVER_NEEDED:
        return f"{INSTEAD[top]}."
    if top in DISTRIBUTIONS:
        return _of_package(top, supply)
    if near:
        return did_you_mean(near)
    if close := difflib.get_close_matches(top, DISTRIBUTIONS, n=1, cutoff=0.85):
        return f"{did_you_mean(close)} If so: {_of_package(close[0], supply)}"
    return _UNKNOWN.format(top, " before you install it" if supply.network in INSTALLS else "")


def _of_package(top: str, supply: Supply) -> str:
    package = DISTRIBUTIONS[top]
    network, packages = supply
    if (told := packages.missing(package)) is not None and packages.awaited:
        return told
    if network in INSTALLS:
        return _INSTALL.format(package)
    if told is not None:
        return told
    other, alternative = WITH_A_PACKAGE.get(top, ("", ""))
    if other not in packages.found():
        alternative = INSTEAD.get(top, "")
    instead = f"; {alternative}" if alternative else ""
    return f"{package} is not installed, {CANNOT_INSTALL[network].format(instead)}"


def did_you_mean(near: list[str]) -> str:
    return f"did you mean {' or '.join(near)}?"

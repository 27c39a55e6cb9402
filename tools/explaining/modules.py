"""Modules that models import: what brings them, what there is in their place."""

from __future__ import annotations

from bellglass.sandboxes.runner.checking.distributions import OTHER_NAMES

INSTALLED = "the standard library, numpy, pandas, matplotlib and pytest"

INSTEAD = {
    "PIL": "matplotlib.image reads and writes PNG",
    "aiohttp": "there is no network to use it on",
    "bs4": "html.parser and xml.etree are there",
    "cv2": "numpy and matplotlib.image can do some of it",
    "dateutil": "datetime.fromisoformat, strptime and pandas.to_datetime are there",
    "dotenv": "os.environ is there",
    "httpx": "there is no network to use it on",
    "jsonschema": "check the fields by hand",
    "keras": "numpy is there",
    "lxml": "html.parser and xml.etree are there",
    "openpyxl": "write CSV instead",
    "plotly": "matplotlib is there",
    "polars": "pandas is there",
    "pydantic": "dataclasses are there",
    "requests": "there is no network to use it on",
    "scipy": "numpy, statistics and math are there",
    "seaborn": "matplotlib is there",
    "sklearn": "numpy.linalg.lstsq and polyfit are there",
    "sympy": "fractions, decimal and numpy are there",
    "tabulate": "pandas' to_string and f-strings are there",
    "tensorflow": "numpy is there",
    "torch": "numpy is there",
    "tqdm": "leave it out",
    "xlsxwriter": "write CSV instead",
    "yaml": "json and tomllib are there",
}
"""What to use where nothing can be installed."""

RENAMED = {
    "ConfigParser": "configparser",
    "HTMLParser": "html.parser",
    "Queue": "queue",
    "StringIO": "io.StringIO",
    "Tkinter": "tkinter",
    "__builtin__": "builtins",
    "cPickle": "pickle",
    "cStringIO": "io.StringIO",
    "cookielib": "http.cookiejar",
    "distutils": "shutil, sysconfig or setuptools",
    "httplib": "http.client",
    "imp": "importlib",
    "thread": "threading",
    "urllib2": "urllib.request",
    "urlparse": "urllib.parse",
}
"""Modules of older Pythons, and where their content went."""


def distribution_of(module: str) -> str:
    """Return the name of the package that brings a module, as far as it is known."""
    top = module.partition(".")[0]
    return OTHER_NAMES.get(top, top)


def missing_module(module: str, near: list[str]) -> str:
    """Return what to do about a module that is not there."""
    top = module.partition(".")[0]
    if top in RENAMED:
        return f"{top} is gone from Python 3: use {RENAMED[top]}."
    if near and top not in OTHER_NAMES and top not in INSTEAD:
        return f"did you mean {' or '.join(near)}? Nothing can be installed here."
    name = distribution_of(module)
    package = f" (package {name})" if name != top else ""
    instead = f": {INSTEAD[top]}" if top in INSTEAD else f". There are {INSTALLED}"
    told = f"{top}{package} is not installed, and without network pip cannot get it{instead}."
    return f"{told} (To let it: BELLGLASS_NETWORK=packages, the operator's to set.)"

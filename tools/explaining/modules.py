"""Modules that models import: what brings them, what there is in their place."""

from __future__ import annotations

import sys

INSTALLED = "the standard library, numpy, pandas, matplotlib and pytest"

DISTRIBUTIONS = {
    "Crypto": "pycryptodome",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "PyMuPDF",
    "git": "GitPython",
    "github": "PyGithub",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "magic": "python-magic",
    "mpl_toolkits": "matplotlib",
    "multipart": "python-multipart",
    "nacl": "PyNaCl",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "telegram": "python-telegram-bot",
    "usb": "pyusb",
    "websocket": "websocket-client",
    "win32api": "pywin32",
    "wx": "wxPython",
    "yaml": "PyYAML",
    "zmq": "pyzmq",
}
"""Import names that are not the name of their distribution."""

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

ALIASES = {
    "DataFrame": "from pandas import DataFrame",
    "np": "import numpy as np",
    "pd": "import pandas as pd",
    "plt": "import matplotlib.pyplot as plt",
}

ORIGINS = {
    "collections": "Counter OrderedDict defaultdict deque namedtuple",
    "collections.abc": "Callable Iterable Iterator Mapping Sequence",
    "contextlib": "contextmanager suppress",
    "dataclasses": "dataclass field",
    "datetime": "timedelta timezone",
    "decimal": "Decimal",
    "enum": "Enum IntEnum",
    "fractions": "Fraction",
    "functools": "cache lru_cache partial reduce wraps",
    "itertools": "accumulate chain combinations groupby islice permutations product zip_longest",
    "math": "ceil floor gcd isclose log pi prod sqrt",
    "pathlib": "Path",
    "pprint": "pprint",
    "random": "choice randint shuffle",
    "statistics": "mean median stdev",
    "time": "perf_counter sleep",
    "typing": "Any Dict List Literal NamedTuple Optional Protocol Tuple TypeVar TypedDict Union",
}
"""Names that code uses without importing them, by the module that they are of."""


def distribution_of(module: str) -> str:
    """Return the name of the package that brings a module, as far as it is known."""
    top = module.partition(".")[0]
    return DISTRIBUTIONS.get(top, top)


def import_of(name: str) -> str | None:
    """Return the import that makes a well-known name known, or None."""
    if name in ALIASES:
        return ALIASES[name]
    for module, names in ORIGINS.items():
        if name in names.split():
            return f"from {module} import {name}"
    return f"import {name}" if name in sys.stdlib_module_names else None


def missing_module(module: str, near: list[str]) -> str:
    """Return what to do about a module that is not there."""
    top = module.partition(".")[0]
    if top in RENAMED:
        return f"{top} is gone from Python 3: use {RENAMED[top]}."
    if near and top not in DISTRIBUTIONS and top not in INSTEAD:
        return f"did you mean {' or '.join(near)}? Nothing can be installed here."
    name = distribution_of(module)
    package = f" (package {name})" if name != top else ""
    instead = f": {INSTEAD[top]}" if top in INSTEAD else f". There are {INSTALLED}"
    return f"{top}{package} is not installed, and without network pip cannot get it{instead}."

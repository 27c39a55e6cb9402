"""The imports of well-known names, for code that uses them without importing them."""

from __future__ import annotations

import sys

ALIASES = {
    "DataFrame": "from pandas import DataFrame",
    "np": "import numpy as np",
    "nn": "from torch import nn",
    "pd": "import pandas as pd",
    "plt": "import matplotlib.pyplot as plt",
    "sns": "import seaborn as sns",
    "tf": "import tensorflow as tf",
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
"""Names that code often uses without importing them, by the module that defines them."""


def import_of(name: str) -> str | None:
    """Return the import statement that defines a well-known name, or None."""
    if name in ALIASES:
        return ALIASES[name]
    for module, names in ORIGINS.items():
        if name in names.split():
            return f"from {module} import {name}"
    return f"import {name}" if name in getattr(sys, "stdlib_module_names", ()) else None

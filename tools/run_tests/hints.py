"""Hints for tests that could not run as they were written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bellglass.tools.results import TestRun

MAX_LISTED_NAMES = 8
MAX_COMPARED_NAMES = 500
"""Names in the code that are compared with a missing one."""
MAX_MESSAGES = 20
MAX_MESSAGE_CHARACTERS = 4_000
MAX_CODE_CHARACTERS = 100_000
"""Characters of the code, and of its tests, that are examined."""

# Bounded, because the texts are of any length, and hostile.
_DEFINED = re.compile(
    r"^(?:(?:async {1,5})?def|class) {1,5}(\w{1,100})"
    r"|^(\w{1,100})(?: ?:[^=\n]{1,100})? {0,5}=(?!=)",
    re.MULTILINE,
)
_UNKNOWN = re.compile(r"NameError: name '(\w{1,100})' is not defined")
_NO_MODULE = re.compile(r"ModuleNotFoundError: No module named '(\w{1,100})'")
_NOT_IN_CODE = re.compile(
    r"cannot import name '(\w{1,100})' from (partially initialized module )?'solution'"
)
_FIXTURE = re.compile(r"fixture '(\w{1,100})' not found")

ITSELF = "the tests are part of the code here: leave out the import of `solution`."
ASYNC = (
    "pytest has no plugin for async tests here: install pytest-asyncio if packages are allowed, "
    "write `def test_...(): asyncio.run(...)`, or use unittest.IsolatedAsyncioTestCase."
)
PLUGINS = "no installed plugin has this fixture; monkeypatch and unittest.mock are available."


def hints_on(run: TestRun, code: str, tests: str) -> list[str]:
    """Return how to repair `tests`, or where to put them, without repetitions."""
    said = [test.message or "" for test in run.tests if test.outcome in ("failed", "error")]
    if not said:
        return []
    defined = _DEFINED.findall(code[:MAX_CODE_CHARACTERS])
    names = list(dict.fromkeys(first or second for first, second in defined))[:MAX_COMPARED_NAMES]
    tests = tests[:MAX_CODE_CHARACTERS]
    texts = dict.fromkeys(text[:MAX_MESSAGE_CHARACTERS] for text in said[:MAX_MESSAGES])
    hints = (hint for text in texts for hint in _hints(text, names, tests))
    return list(dict.fromkeys(hints))[:5]


def _hints(text: str, names: list[str], tests: str) -> Iterator[str]:
    if (found := _UNKNOWN.search(text)) and tests and found[1] in names:
        name = found[1]
        yield f"{name} is in the code, so the tests import it: `from solution import {name}`."
    if found := _NO_MODULE.search(text):
        taken = re.search(rf"^ *from +{found[1]} +import +\(?(\w+)", tests, re.MULTILINE)
        if taken and taken[1] in names:
            yield f"the code is the module solution: `from solution import {taken[1]}`."
    if found := _NOT_IN_CODE.search(text):
        yield ITSELF if found[2] else _instead(found[1], names)
    if "async def functions are not natively supported" in text:
        yield ASYNC
    if _FIXTURE.search(text):
        yield PLUGINS


def _instead(wanted: str, names: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.6)
    if near:
        return f"the code has no {wanted}: did you mean {near[0]}?"
    listed = ", ".join(list(dict.fromkeys(names))[:MAX_LISTED_NAMES]) or "nothing that has a name"
    return f"the code has no {wanted}; it has {listed}."

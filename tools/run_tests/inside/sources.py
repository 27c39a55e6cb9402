"""Put the code and its tests into the working directory, where plain pytest would find them.

Files of the session with the same names are moved aside and restored afterwards: by this job, or,
if it was killed, by process 1 or by the next run.
"""

from __future__ import annotations

import glob
import os
import shutil

CODE = "solution.py"
TESTS = "test_solution.py"
PACKAGE = "solution"
"""A folder that Python would import in place of the code."""

ASIDE = ".run_tests"
NONE = ".none"
"""Marks, beside the files moved aside, that there was no file with this name."""


def put(name: str, text: str) -> None:
    """Write a source file; a file of the session with its name is moved aside.

    Raises:
        OSError: It cannot be written.
    """
    for taken in (name, PACKAGE) if name == CODE else (name,):
        os.makedirs(ASIDE, exist_ok=True)
        if os.path.lexists(taken):
            os.rename(taken, os.path.join(ASIDE, taken))
        elif taken == name:
            os.symlink(name, os.path.join(ASIDE, name + NONE))
    _forget_compiled()
    # Never written in place: the file may be a link, or be read while it is written.
    with open(name, "xb") as file:
        file.write(text.encode("utf-8", "replace"))


def restore() -> None:
    """Restore what was moved aside, and remove what was written in its place."""
    if not os.path.isdir(ASIDE) or os.path.islink(ASIDE):
        return
    for name in (CODE, TESTS, PACKAGE):
        aside = os.path.join(ASIDE, name)
        try:
            if os.path.lexists(aside):
                os.rename(aside, name)
            elif os.path.lexists(aside + NONE):
                os.unlink(name)
        except OSError:
            continue
    _forget_compiled()
    shutil.rmtree(ASIDE, ignore_errors=True)


def _forget_compiled() -> None:
    """Remove compiled files: size and time alone may not distinguish them from older ones."""
    for name in (CODE, TESTS):
        for path in glob.glob(f"__pycache__/{name[:-3]}.*.pyc"):
            try:
                os.unlink(path)
            except OSError:
                pass
    try:
        os.rmdir("__pycache__")
    except OSError:
        pass

"""What a test needs of the machine and may not find there."""

from __future__ import annotations

import os
import shutil

import pytest


def need(program: str, package: str) -> None:
    """Skip a test where a program is missing, which is reported; in CI that is a failure."""
    if shutil.which(program) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{package} is not installed, and in CI it has to be")
        pytest.skip(f"{package} is not installed")

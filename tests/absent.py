"""Requirements of a test that the machine may lack."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

from bellglass.sandboxes.backends.docker.image import IMAGE
from bellglass.sandboxes.backends.docker.image.client import connect
from bellglass.sandboxes.errors import SandboxUnavailable


def absent(what: str) -> NoReturn:
    """Skip a test, which is reported; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}, and in CI it has to be")
    pytest.skip(what)


def need(program: str, package: str) -> None:
    """Skip where a program is missing."""
    if shutil.which(program) is None:
        absent(f"{package} is not installed")


def need_engine() -> None:
    """Skip where no Docker engine answers, or has not the image of sessions."""
    try:
        engine = connect()
    except SandboxUnavailable:
        absent("a Docker engine is not there")
    with engine.api:
        there = engine.images.list(name=IMAGE)
    if not there:
        absent(f"the image {IMAGE} is not there")

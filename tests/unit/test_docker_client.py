"""Reaching a Docker engine that is not there."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from bellglass.sandboxes.backends.docker.image.client import connect
from bellglass.sandboxes.errors import SandboxUnavailable

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("there", [False, True], ids=["no socket", "nobody listens"])
def test_an_engine_that_is_not_there_leaves_no_socket_open(tmp_path: Path, there: bool) -> None:
    path = tmp_path / "docker.sock"
    if there:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    connect_once(path)  # what is imported by it opens files
    before = os.listdir("/proc/self/fd")

    refused = connect_once(path)

    assert os.listdir("/proc/self/fd") == before, refused.traceback


def connect_once(path: Path) -> pytest.ExceptionInfo[SandboxUnavailable]:
    with pytest.raises(SandboxUnavailable, match="Docker engine") as refused:
        connect(f"unix://{path}")
    return refused

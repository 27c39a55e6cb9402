"""The ways of serving HTTP that docs/http.md shows, as they stand."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from protocol.support import COMMAND, environment
from readme.blocks import block

if TYPE_CHECKING:
    from collections.abc import Generator

PATH = f"{Path(COMMAND).parent}{os.pathsep}{os.environ['PATH']}"


@contextmanager
def served(script: str, directory: Path) -> Generator[int]:
    """Run a block that serves HTTP, on any free port, and yield the port."""
    script = re.sub(r"(--http \S+):8000", r"\1:0", script)
    process = subprocess.Popen(
        ["sh", "-e", "-c", script],
        cwd=directory,
        env=environment({"PATH": PATH}),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if match := re.search(r"Serving on http://\S+:(\d+)", line):
                port = int(match[1])
                _await_listening(port)
                yield port
                return
        raise AssertionError("It does not serve.")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
        process.stderr.close()


def _await_listening(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def _status(port: int, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(
        "POST",
        "/mcp",
        '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",'
        '"capabilities":{},"clientInfo":{"name":"test","version":"1"}}}',
        {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **headers,
        },
    )
    status = connection.getresponse().status
    connection.close()
    return status


def test_local_http_serves_programs_and_no_web_page(tmp_path: Path) -> None:
    with served(block("http-local"), tmp_path) as port:
        assert _status(port, {}) == 200
        assert _status(port, {"Origin": "https://evil.example"}) == 403


def test_public_http_wants_the_token(tmp_path: Path) -> None:
    with served(block("http-public"), tmp_path) as port:
        host = {"Host": "tools.example.org"}
        token = (tmp_path / "token").read_text().strip()

        assert _status(port, host) == 401
        assert _status(port, {**host, "Authorization": f"Bearer {token}"}) == 200

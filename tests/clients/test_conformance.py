"""The conformance suite of the protocol, in both revisions, with its fixtures on our server."""

import re
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from clients.conftest import Applications
from protocol.support import environment

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]

SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"

LOGGING = "we declare no logging: our log is the operator's, and the newest protocol deprecates it"
WATCHED = "files of sessions can be watched and nothing else; it wants test://watched-resource"
INPUT = "tasks of ours never ask the client for anything"

EXPECTED = {
    "2025-11-25": {
        "logging-set-level": LOGGING,
        "tools-call-with-logging": LOGGING,
        "resources-subscribe": WATCHED,
        "resources-unsubscribe": WATCHED,
        "json-schema-2020-12": "it wants a tool with keywords that Gemini and OpenAI refuse",
        "server-sse-polling": "streams cannot be resumed: results stay in the session",
    },
    "2026-07-28": {
        "json-schema-2020-12": "it wants a tool with keywords that Gemini and OpenAI refuse",
        "http-custom-header-server-validation": "no tool of ours has x-mcp-header",
        "tasks-mrtr-input": INPUT,
        "tasks-mrtr-composition": INPUT,
        "tasks-required-task-error": "no tool of ours can only be called as a task",
    },
}
"""Scenarios that fail, and why."""

PASSED = {"2025-11-25": 70, "2026-07-28": 171}


@pytest.fixture
def url() -> Iterator[str]:
    """Serve, and return the address."""
    with subprocess.Popen(
        [sys.executable, "-m", "clients.conformance_server"],
        cwd=Path(__file__).parents[1],
        env=environment({}),
        stderr=subprocess.PIPE,
    ) as server:
        assert server.stderr is not None
        try:
            assert select.select([server.stderr], [], [], 60)[0], "the server said nothing"
            found = re.search(r"http://\S+", server.stderr.readline().decode())
            assert found is not None
            yield found[0]
        finally:
            server.terminate()


@pytest.mark.parametrize("revision", EXPECTED)
def test_only_what_we_do_not_offer_fails(
    revision: str, url: str, applications: Applications
) -> None:
    applications.install(SUITE)
    command = ("conformance", "server", "--url", url, "--requirements", revision)

    done = subprocess.run(
        command,
        env=environment(applications.environment),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    failed = set(re.findall(r"^✗ ([\w-]+): ", done.stdout, re.MULTILINE))
    assert failed == set(EXPECTED[revision]), done.stdout[-5_000:]
    total = re.search(r"^Total: (\d+) passed", done.stdout, re.MULTILINE)
    assert total is not None
    assert int(total[1]) >= PASSED[revision]

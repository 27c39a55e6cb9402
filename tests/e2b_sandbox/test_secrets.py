"""The destinations of requests, and the places where the key must not appear."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from e2b_double import KEY, Fault
from e2b_sandbox.support import on, python, session_on

from bellglass.sandboxes.backends.e2b.endpoint import Endpoint
from bellglass.sandboxes.errors import SandboxUnavailable

if TYPE_CHECKING:
    from e2b_double import Double

CODE = """
import os, subprocess
seen = [dict(os.environ), open('/proc/self/environ', 'rb').read(),
        subprocess.run(['env'], capture_output=True).stdout]
for name in os.listdir('/proc'):
    if name.isdigit():
        for file in ('environ', 'cmdline'):
            try:
                seen.append(open(f'/proc/{name}/{file}', 'rb').read())
            except OSError:
                pass
print(seen)
"""


async def test_the_key_and_the_tokens_of_machines_are_nowhere(
    double: Double, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    refused = Fault("POST /v2/sandboxes", status=401, message=f"no such key {KEY}")
    double.engine.faults.add(refused)
    async with session_on(double, headers="X-Secret: an-other-secret") as session:
        with pytest.raises(SandboxUnavailable) as refusal:
            await python(session, "1")
        execution = await python(session, CODE)
        [machine] = double.engine.machines.values()
        backend = on(double)
        findings = await backend.diagnose()
        told = [str(refusal.value), repr(refusal.value.__cause__), execution.model_dump_json()]
        told += [caplog.text, repr(backend.endpoint), str(findings), str(backend.metadata)]
        told += [str(session.metadata), str(machine.request)]

    assert machine.token
    for text in told:
        for secret in (KEY, machine.token, "an-other-secret"):
            assert secret not in text


async def test_no_request_goes_to_another_host(
    double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The variables of the SDK, of which one may be left over from something else.
    for name in ("E2B_DOMAIN", "E2B_API_URL", "E2B_SANDBOX_URL"):
        monkeypatch.setenv(name, "https://elsewhere.invalid")
    monkeypatch.setenv("E2B_DEBUG", "true")
    double.engine.domain = "elsewhere.invalid"
    async with session_on(double) as session:
        assert (await python(session, "6 * 7")).value == "42"

    [machine] = double.engine.made_by_key.values()
    hosts = {headers["host"] for headers in double.engine.faults.headers}
    assert hosts == {double.url.removeprefix("http://")}
    assert double.engine.faults.count("*") >= 5
    assert machine.state == "gone"
    assert peers() == {"127.0.0.1"}


def peers() -> set[str]:
    """The addresses that this process is connected to; connections are kept for a while."""
    mine = {os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()}
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            address = bytes.fromhex(fields[2].partition(":")[0])
            if f"socket:[{fields[9]}]" in mine and any(address):
                found.add(".".join(str(byte) for byte in address[::-1]))
    return found


async def test_a_machine_at_a_domain_that_was_not_asked_for_is_refused(double: Double) -> None:
    double.engine.domain = "elsewhere.invalid"
    async with session_on(double, domain="e2b.example", sandbox_url=None) as session:
        with pytest.raises(SandboxUnavailable, match=r"elsewhere\.invalid"):
            await python(session, "1")

    assert double.engine.machines == {}
    assert double.engine.faults.count("POST /process*") == 0


@pytest.mark.parametrize(
    ("domain", "at", "serves"),
    [
        ("e2b.app", None, True),
        ("e2b.app", "e2b.app", True),
        ("e2b.app", "e2b.dev", True),
        ("e2b.app", "evil.example", False),
        ("e2b.app", "evil-e2b.app", False),
        ("my.example", "my.example", True),
        ("my.example", "eu.my.example", True),
        ("my.example", "e2b.app", False),
        ("my.example", "my.example.evil", False),
    ],
)
def test_a_sandbox_has_to_be_at_the_domain(domain: str, at: str | None, serves: bool) -> None:
    assert Endpoint(key="k", domain=domain).serves(at) is serves

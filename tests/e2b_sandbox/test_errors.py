"""Errors of an engine, and the errors that we make of them."""

from __future__ import annotations

import time

import anyio
import connectrpc.errors
import httpx
import pytest
from connectrpc.code import Code
from e2b_code_interpreter import (
    AuthenticationException,
    CommandExitException,
    InvalidArgumentException,
    NotFoundException,
    RateLimitException,
    SandboxException,
    SandboxNotFoundException,
    SandboxNotRunningException,
    SandboxUnreachableException,
    ServiceBusyException,
    TimeoutException,
)
from e2b_double import KEY, Double, Fault
from e2b_sandbox.support import LIMITS, on, python, session_on

from bellglass.sandboxes.backends.e2b import E2BBackend
from bellglass.sandboxes.backends.e2b.errors import ADVICE, Kind, from_exception, kind_of
from bellglass.sandboxes.backends.e2b.program import starting
from bellglass.sandboxes.errors import SandboxUnavailable

CREATE = "POST /v2/sandboxes"

TABLE: list[tuple[Exception, Kind]] = [
    (SandboxNotFoundException("404"), "gone"),
    (SandboxNotRunningException("The sandbox was not found"), "gone"),
    (NotFoundException("process not found"), "gone"),
    (SandboxUnreachableException("port is not open"), "unreachable"),
    (SandboxException("409: still transitioning", status_code=409), "changing"),
    (SandboxException("400: bad", status_code=400), "request"),
    (SandboxException("403: no", status_code=403), "auth"),
    (SandboxException("405: no", status_code=405), "old"),
    (SandboxException("500: oops", status_code=500), "unknown"),
    (SandboxException("502: oops", status_code=502), "unreachable"),
    (InvalidArgumentException("no such user"), "request"),
    (AuthenticationException("401"), "auth"),
    (RateLimitException("429: Rate limit exceeded"), "rate"),
    (RateLimitException("maximum number of concurrent E2B sandboxes"), "quota"),
    (ServiceBusyException("503"), "busy"),
    (TimeoutException("deadline"), "timeout"),
    (TimeoutException("502: This error is likely due to sandbox timeout"), "away"),
    (httpx.ConnectError("refused"), "unreachable"),
    (httpx.ReadError("reset"), "unreachable"),
    (httpx.ReadTimeout("slow"), "timeout"),
    (httpx.ConnectTimeout("slow"), "timeout"),
    (httpx.RemoteProtocolError("cut"), "unreachable"),
    (connectrpc.errors.ConnectError(Code.UNAVAILABLE, "reset"), "unreachable"),
    (ConnectionRefusedError("refused"), "unreachable"),
    (TimeoutError(), "timeout"),
    (KeyError("sandboxID"), "unknown"),
    (CommandExitException(stdout="", stderr="", exit_code=1, error="1"), "unknown"),
]


@pytest.mark.parametrize(("exc", "kind"), TABLE, ids=lambda value: f"{value!r:.60}")
def test_errors_are_told_apart(exc: Exception, kind: Kind) -> None:
    assert kind_of(exc) == kind
    assert str(from_exception(exc, "do it", ())).endswith(ADVICE[kind])


def test_what_an_engine_says_is_cut_cleaned_and_without_the_key() -> None:
    said = f"\x1b[31m no {KEY}\n\ud800" + "x" * 10_000
    text = str(from_exception(SandboxException(said), "do it", (KEY,)))

    assert KEY not in text
    assert len(text) < 600
    assert text.isprintable()


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (401, "invalid key", "E2B_API_KEY"),
        (400, "Timeout cannot be greater than 1 hours", "refused the request"),
        (404, "template 'x' not found", "there is no template"),
        (409, "idempotency_in_progress", "a few seconds"),
        (429, "too many requests", "BELLGLASS_E2B_MAX_CREATES_PER_SECOND"),
        (429, "maximum number of concurrent E2B sandboxes (20)", "BELLGLASS_E2B_MAX_SANDBOXES"),
        (500, "oops", "Try again"),
        (502, "bad gateway", "cannot be reached"),
        (503, "no node", "no room"),
    ],
)
async def test_a_refused_sandbox_says_what_to_do(
    double: Double, status: int, message: str, expected: str
) -> None:
    double.engine.faults.add(
        Fault(CREATE, status=status, message=message, headers={"Retry-After": "0"}, times=9)
    )
    async with session_on(double) as session:
        with pytest.raises(SandboxUnavailable, match=expected), anyio.fail_after(60):
            await python(session, "1")
        double.engine.faults.waiting.clear()
        assert (await python(session, "6 * 7")).value == "42"

    assert double.engine.faults.count(CREATE) <= 5


@pytest.mark.parametrize("status", [429, 502, 503])
async def test_a_refusal_for_a_moment_is_waited_out_as_the_engine_asks(
    double: Double, status: int
) -> None:
    double.engine.faults.add(Fault(CREATE, status=status, headers={"Retry-After": "1"}))
    async with session_on(double) as session:
        started = time.monotonic()
        assert (await python(session, "6 * 7")).value == "42"

    assert time.monotonic() - started > 1
    assert double.engine.faults.count(CREATE) == 2
    assert double.engine.made == 1


async def test_an_engine_that_nobody_runs_is_told_within_seconds() -> None:
    backend = on_nothing()
    with pytest.raises(SandboxUnavailable, match="cannot be reached"), anyio.fail_after(60):
        async with backend.connect("a" * 32):
            pass
    with anyio.fail_after(60):
        await backend.aclose()


def on_nothing() -> E2BBackend:
    nowhere = "http://127.0.0.1:9"  # discard: nobody listens there
    return E2BBackend(LIMITS, key=KEY, api_url=nowhere, sandbox_url=nowhere)


@pytest.mark.parametrize("old", ["e2b", "404", "405"])
async def test_an_old_engine_is_recognised_and_the_sdk_for_it_named(old: str) -> None:
    with Double(old=old) as double:
        async with session_on(double) as session:
            with pytest.raises(SandboxUnavailable, match=r'"e2b==2\.50\.0"'):
                await python(session, "1")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, "<html>no</html>", "E2B_API_KEY"),
        (404, "404 page not found", "BELLGLASS_E2B_API_URL"),
        (503, "<html>no backend</html>", "no room"),
        (200, "<html>welcome</html>", "does not have E2B's API"),
    ],
)
async def test_what_is_not_said_in_json_is_understood(
    double: Double, status: int, body: str, expected: str
) -> None:
    fault = Fault("GET /v2/sandboxes", status=status, body=body, times=9)
    double.engine.faults.add(fault)
    with pytest.raises(SandboxUnavailable, match=expected):
        await on(double).start()


async def test_an_engine_that_answers_nonsense_is_told(double: Double) -> None:
    double.engine.nonsense = True
    async with session_on(double) as session:
        with pytest.raises(SandboxUnavailable, match="unknown"):
            await python(session, "1")


async def test_a_template_without_python_is_told(double: Double) -> None:
    double.engine.path = "/nonexistent"
    async with session_on(double) as session:
        with pytest.raises(SandboxUnavailable, match="needs a python3 that a login shell finds"):
            await python(session, "1")

    assert double.engine.machines == {}


async def test_a_template_without_bash_is_told(double: Double) -> None:
    double.engine.lacking = ("/bin/bash",)
    async with session_on(double) as session:
        with pytest.raises(SandboxUnavailable, match="needs Bash, as /bin/bash"):
            await python(session, "1")


async def test_a_profile_that_asks_for_a_line_does_no_harm(
    double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "NUDGE_INTERVAL_SECONDS", 0.2)
    double.engine.profile = "read -r answer"
    async with session_on(double) as session:
        assert (await python(session, "print(2)")).stdout.text == "2\n"


async def test_a_profile_that_reads_everything_is_hinted_at(
    double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "NUDGE_INTERVAL_SECONDS", 0.1)
    monkeypatch.setattr(starting, "START_TIMEOUT_SECONDS", 0.5)
    double.engine.profile = "cat"
    async with session_on(double) as session:
        with pytest.raises(SandboxUnavailable, match="a login profile of Bash, wait for input"):
            await python(session, "1")

    assert double.engine.machines == {}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"key": None}, "E2B_API_KEY"),
        ({"key": "two words"}, "one line"),
        ({"key": "schl\u00fcssel"}, "one line"),
        ({"domain": "https://e2b.app"}, "not a host name"),
        ({"api_url": "localhost:3000"}, "not an http or https URL"),
        ({"sandbox_url": "ftp://x"}, "not an http or https URL"),
        ({"headers": "Authorization"}, "of the form"),
        ({"headers": "A: b\r\nC: d"}, "of the form"),
    ],
)
def test_a_setting_that_cannot_be_used_is_told(options: dict[str, str], expected: str) -> None:
    with pytest.raises(SandboxUnavailable, match=expected):
        E2BBackend(LIMITS, **{"key": KEY, **options})  # type: ignore[arg-type]


async def test_the_headers_of_the_settings_are_sent(double: Double) -> None:
    async with session_on(double, headers="X-Team: a, X-Region: b c") as session:
        await python(session, "1")

    sent = double.engine.faults.headers[0]
    assert (sent["x-team"], sent["x-region"]) == ("a", "b c")


async def test_a_call_that_hangs_is_given_up(
    double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "bellglass.sandboxes.backends.e2b.machines.machine.CREATE_TIMEOUT_SECONDS", 1.0
    )
    double.engine.faults.add(Fault(CREATE, delay=30))
    async with session_on(double) as session:
        with (
            anyio.fail_after(60),
            pytest.raises(SandboxUnavailable, match="did not answer in time"),
        ):
            await python(session, "1")

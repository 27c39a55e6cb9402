"""Web pages of a listed origin: preflights of their browser, and what they may read."""

from collections.abc import AsyncGenerator, Generator

import httpx2
import pytest
from protocol.support import INITIALIZE, TOKEN, http_server

PAGE = "https://app.example"
ALLOWED = "access-control-allow-origin"


@pytest.fixture(scope="module")
def url() -> Generator[str]:
    with http_server(BELLGLASS_HTTP_TOKEN=TOKEN, BELLGLASS_HTTP_ORIGINS=PAGE) as (_, url):
        yield url


@pytest.fixture
async def http(url: str) -> AsyncGenerator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=url.removesuffix("/mcp"), timeout=30) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("/mcp", "POST", "authorization, content-type, mcp-protocol-version, mcp-session-id"),
        ("/mcp", "DELETE", "authorization, mcp-session-id"),
        ("/files/new/a.txt", "POST", "authorization, content-type"),
        ("/files/0/a.txt", "PUT", "authorization, content-range, if-match"),
        ("/files/0/a.txt", "GET", "authorization, range"),
    ],
)
async def test_preflight_of_a_listed_page_is_answered(
    path: str, method: str, headers: str, http: httpx2.AsyncClient
) -> None:
    asked = {
        "origin": PAGE,
        "access-control-request-method": method,
        "access-control-request-headers": headers,
    }
    answer = await http.options(path, headers=asked)

    assert answer.status_code == 200
    assert answer.headers[ALLOWED] == PAGE
    assert method in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
    assert set(headers.split(", ")) <= set(allowed)
    assert "access-control-allow-credentials" not in answer.headers
    assert "mcp-session-id" not in answer.headers  # no connection was opened for it


async def test_listed_page_reads_its_session_its_files_and_what_was_refused(
    http: httpx2.AsyncClient,
) -> None:
    page = {"origin": PAGE, "authorization": f"Bearer {TOKEN}"}
    accept = {"accept": "application/json, text/event-stream"}
    begun = await http.post("/mcp", json=INITIALIZE, headers={**page, **accept})
    made = await http.post("/files/new/a.txt", content=b"abc", headers=page)
    read = await http.get(made.headers["location"], headers={**page, "range": "bytes=1-1"})
    refused = await http.post("/mcp", json=INITIALIZE, headers={"origin": PAGE})

    assert (begun.status_code, made.status_code, read.content) == (200, 201, b"b")
    assert refused.status_code == 401
    for answer in (begun, made, read, refused):
        assert answer.headers[ALLOWED] == PAGE
        assert "Mcp-Session-Id" in answer.headers["access-control-expose-headers"]


async def test_page_of_another_origin_gets_no_header_of_cors(http: httpx2.AsyncClient) -> None:
    asked = {"access-control-request-method": "POST", "authorization": f"Bearer {TOKEN}"}
    for origin in ("https://evil.example", "https://app.example.evil", "null"):
        for path in ("/mcp", "/files/new/a.txt", "/health"):
            for method in ("OPTIONS", "POST", "GET"):
                answer = await http.request(method, path, headers={**asked, "origin": origin})

                assert answer.status_code == 403
                assert not [one for one in answer.headers if one.startswith("access-control")]

"""A server that people look at, and a browser in which a host frames its page."""

import os
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.extension import advertise
from mcp.client.streamable_http import streamable_http_client
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp.types import TextResourceContents
from protocol.support import http_server
from view.browser import Browser

VIEW = "ui://bellglass/execution"

HOST: dict[str, Any] = {"downloadFile": {}, "serverResources": {}}
"""What a host can do that can do all that the page may ask."""


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def server() -> Generator[str]:
    with http_server() as (_, url):
        yield url


class Seen:
    """Calls of tools, each shown in the page as it would be in a host."""

    def __init__(self, client: Client, browser: Browser, page: str, name: str) -> None:
        self.client = client
        self.browser = browser
        self.name = name
        self._page = page

    def open(self, theme: str) -> None:
        """Frame the page anew, before any call."""
        self.browser.show(self._page, theme=theme, **HOST)

    async def call(
        self,
        tool: str,
        arguments: dict[str, Any],
        *,
        theme: str = "light",
        **record: Any,
    ) -> dict[str, Any]:
        """Call a tool and show its result, with what is given added to the record of it."""
        self.open(theme)
        self.browser.tell("ui/notifications/tool-input", {"arguments": arguments})
        answer = await self.client.call_tool(tool, arguments)
        result: dict[str, Any] = answer.model_dump(mode="json", by_alias=True, exclude_none=True)
        if record:
            result["_meta"]["bellglass/execution"].update(record)
        self.browser.tell("ui/notifications/tool-result", result)
        self.browser.wait_until(
            "document.querySelector('header') && !document.querySelector('header.busy')"
        )
        self.browser.in_view(
            "Promise.allSettled([...document.images].map((image) => image.decode()))"
        )
        if folder := os.environ.get("BELLGLASS_TEST_SCREENSHOTS"):
            self.browser.screenshot(Path(folder) / f"{self.name}-{theme}.png")
        return result

    def text(self, selector: str) -> str:
        """Return what stands in the first node of the page that matches."""
        text: str = self.browser.in_view(f"document.querySelector({selector!r})?.innerText ?? ''")
        return text

    def texts(self, selector: str) -> list[str]:
        texts: list[str] = self.browser.in_view(
            f"[...document.querySelectorAll({selector!r})].map((found) => found.innerText)"
        )
        return texts


@pytest.fixture
async def seen(
    server: str, browser: Browser, request: pytest.FixtureRequest
) -> AsyncGenerator[Seen]:
    able = advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})
    async with Client(streamable_http_client(server), extensions=[able]) as client:
        (page,) = (await client.read_resource(VIEW)).contents
        assert isinstance(page, TextResourceContents)
        yield Seen(client, browser, page.text, request.node.name)

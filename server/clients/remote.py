"""The entry of a server that is reached by its URL, in the form of each client."""

from typing import Any

from bellglass.server.clients.catalogue import CALL_TIMEOUT_SECONDS, NAME

KEYS = frozenset(
    (
        *("command", "cmd", "args", "env", "envs", "type", "url", "uri", "httpUrl"),
        *("headers", "http_headers", "requestOptions"),
    )
)
"""Keys that say how a server is started or reached: an entry has those of one way only."""


class NoRemoteForm(Exception):
    """The client's configuration has no form for a URL; the text says what to do instead."""


def entry_of(client: str, url: str, token: str | None, name: str = NAME) -> dict[str, Any]:
    """Return the entry, in the client's format, with the token where the client keeps headers.

    Raises:
        NoRemoteForm: The client has none.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    match client:
        case "claude-code" | "vscode":
            return {"type": "http", "url": url, **_given("headers", headers)}
        case "cursor" | "zed":
            return {"url": url, **_given("headers", headers)}
        case "gemini":
            return {"httpUrl": url, **_given("headers", headers)}
        case "codex":
            timeout = {"tool_timeout_sec": CALL_TIMEOUT_SECONDS}
            return {"url": url, **_given("http_headers", headers), **timeout}
        case "continue":
            options = {"headers": headers} if headers else {}
            return {
                "name": name,
                "type": "streamable-http",
                "url": url,
                **_given("requestOptions", options),
            }
        case "goose":
            return {
                "name": name,
                "type": "streamable_http",
                "uri": url,
                **_given("headers", headers),
                "enabled": True,
                "timeout": CALL_TIMEOUT_SECONDS,
            }
    raise NoRemoteForm(
        f"{client} has no URLs in its configuration. Add {url} as a connector in its settings, or "
        "install without --http and --url: then it starts a server of its own."
    )


def _given(key: str, value: dict[str, Any]) -> dict[str, Any]:
    return {key: value} if value else {}

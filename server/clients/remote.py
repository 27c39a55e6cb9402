"""The entry of a server that is reached by its URL, in the form of each client."""

from typing import Any, NamedTuple

from bellglass.server.clients.catalogue import CALL_TIMEOUT_SECONDS, NAME

KEYS = frozenset(
    (
        *("command", "cmd", "args", "env", "envs", "type", "url", "uri", "httpUrl"),
        *("headers", "http_headers", "bearer_token_env_var", "requestOptions"),
    )
)
"""Keys that say how a server is started or reached: an entry has those of one way only."""


class NoRemoteForm(Exception):
    """The client's configuration has no form for a URL; the text says what to do instead."""


TOKEN_VARIABLE = "BELLGLASS_HTTP_TOKEN"

_REFERENCES = {
    "vscode": "${input:NAME-token}",
    "cursor": f"${{env:{TOKEN_VARIABLE}}}",
    "gemini": f"${{{TOKEN_VARIABLE}}}",
    "claude-code": f"${{{TOKEN_VARIABLE}}}",
}
"""What stands for the token in a header, for clients that put a secret there themselves."""


class RemoteEntry(NamedTuple):
    """The entry, and what goes with it."""

    entry: dict[str, Any]
    edits: dict[tuple[str, str], dict[str, Any]]
    """More entries of the file, by section and name."""
    in_clear: bool
    """Whether the file has the token itself."""
    advice: str
    """Where the client takes the token from."""


def remote_entry(
    client: str, url: str, token: str | None, *, name: str = NAME, project: bool = False
) -> RemoteEntry:
    """Return the entry in the client's format, without the token where the client allows that.

    Raises:
        NoRemoteForm: The client has no form for a URL, or none without the token for a shared file.
    """
    if not token:
        return RemoteEntry(_entry(client, url, None, name), {}, False, "")
    from_variable = f"It reads the token from the variable {TOKEN_VARIABLE}: set it for it."
    if client == "codex":  # it refuses a token in the file
        entry = _entry(client, url, None, name) | {"bearer_token_env_var": TOKEN_VARIABLE}
        return RemoteEntry(entry, {}, False, from_variable)
    reference = _REFERENCES.get(client)
    if client == "claude-code" and not project:
        reference = None  # its documentation promises references for the files of projects only
    if reference is None:
        if project:
            raise NoRemoteForm("the file of a project is shared, a token is not: leave one out.")
        return RemoteEntry(_entry(client, url, token, name), {}, True, "")
    entry = _entry(client, url, reference.replace("NAME", name), name)
    if client != "vscode":
        return RemoteEntry(entry, {}, False, from_variable)
    asked = {
        "type": "promptString",
        "id": f"{name}-token",
        "description": f"Token of {name}",
        "password": True,
    }
    advice = "It asks for the token at the first start, and keeps it in its secret storage."
    return RemoteEntry(entry, {("inputs", f"{name}-token"): asked}, False, advice)


def _entry(client: str, url: str, token: str | None, name: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    match client:
        case "claude-code" | "vscode":
            return {"type": "http", "url": url, **_given("headers", headers)}
        case "cursor" | "zed":
            return {"url": url, **_given("headers", headers)}
        case "gemini":
            return {"httpUrl": url, **_given("headers", headers)}
        case "codex":
            return {"url": url, "tool_timeout_sec": CALL_TIMEOUT_SECONDS}
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

"""Editing of configurations: what is asked for is changed, and not a character besides."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellglass.server.cli import CLIENT_NAMES
from bellglass.server.clients import jsonc, toml_table
from bellglass.server.clients.catalogue import CLIENTS
from bellglass.server.clients.errors import CannotEdit

ENTRY: dict[str, Any] = {"command": "/opt/bellglass", "args": ["--sandbox", "docker"]}

WITH_COMMENTS = """\
{
  // mine
  "mcpServers": {
    "other": { "command": "x" }, // "keep": "this" }
  },
  "url": "http://a//b,}", /* and
  this */
}
"""

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)
roots = st.dictionaries(st.text(max_size=8), values, max_size=4)
sections = st.dictionaries(
    st.text(max_size=8), st.dictionaries(st.text(max_size=5), values), max_size=3
)


@given(roots, sections | st.none(), st.sampled_from([None, 2, "\t"]), st.booleans())
def test_json_says_the_same_besides(
    root: dict[str, Any], section: dict[str, Any] | None, indent: Any, comments: bool
) -> None:
    before = {**root, **({"servers": section} if section is not None else {})}
    text = json.dumps(before, indent=indent)
    if comments and indent:
        text = "\n".join(f"{line} // {{,}}" for line in text.split("\n"))

    after = jsonc.with_entry(text, "servers", "bellglass", ENTRY)

    servers = {**(section or {}), "bellglass": ENTRY}
    assert jsonc.parse(after) == {**before, "servers": servers}
    servers.pop("bellglass")
    assert jsonc.parse(jsonc.without_entry(after, "servers", "bellglass")) == {
        **before,
        "servers": servers,
    }


def test_json_keeps_comments_commas_and_form() -> None:
    after = jsonc.with_entry(WITH_COMMENTS, "mcpServers", "bellglass", {"command": "b"})

    added = '    "bellglass": {\n      "command": "b"\n    }\n'
    head, _, tail = after.partition(added)
    assert head + tail == WITH_COMMENTS
    assert jsonc.without_entry(after, "mcpServers", "bellglass") == WITH_COMMENTS.replace(
        '"x" }, //', '"x" } //'
    )


def test_toml_keeps_every_other_line() -> None:
    before = 'model = "o9" # mine\n\n[mcp_servers.other]\ncommand = "x"\n'

    after = toml_table.with_entry(before, "mcp_servers", "bellglass", ENTRY)
    twice = toml_table.with_entry(after, "mcp_servers", "bellglass", {"command": 'a"\\b'})

    assert after.startswith(before)
    assert toml_table.parse(twice)["mcp_servers"]["bellglass"] == {"command": 'a"\\b'}
    assert toml_table.without_entry(twice, "mcp_servers", "bellglass").rstrip() == before.rstrip()


@pytest.mark.parametrize("text", ["{", "[1]", '{"a": 1} x', '{"servers": [1]}'])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(CannotEdit):
        jsonc.with_entry(text, "servers", "bellglass", ENTRY)


def test_the_command_line_names_every_client() -> None:
    assert (*(client.name for client in CLIENTS), "chatgpt") == CLIENT_NAMES

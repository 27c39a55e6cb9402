"""Editing of configurations: only what was asked for is changed, to the character."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellglass.server.clients import jsonc, toml_file
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


TOML = """\
model = "o9" # mine
notes = '''
[mcp_servers.bellglass]
'''

[mcp_servers.other] # first
command = "x"
env = { A = "1" }
"""


def test_toml_keeps_every_other_line() -> None:
    after = toml_file.with_entry(TOML, "mcp_servers", "bellglass", ENTRY)
    twice = toml_file.with_entry(after, "mcp_servers", "bellglass", {"command": 'a"\\b'})

    assert after.startswith(TOML)
    assert toml_file.parse(twice)["mcp_servers"]["bellglass"] == {"command": 'a"\\b'}
    assert toml_file.without_entry(twice, "mcp_servers", "bellglass").rstrip() == TOML.rstrip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        'mcp_servers = { other = { command = "x" } } # all in a line\n',
        '[mcp_servers]\nother = { command = "x" }\n\n[tools]\nsearch = true\n',
        '[mcp_servers.bellglass]\ncommand = "old" # why\n[mcp_servers.bellglass.env]\nA = "1"\n',
    ],
)
def test_toml_of_any_form_says_the_same_besides(text: str) -> None:
    after = toml_file.with_entry(text, "mcp_servers", "bellglass", ENTRY)
    wanted = toml_file.parse(text)
    wanted.setdefault("mcp_servers", {})["bellglass"] = ENTRY

    assert toml_file.parse(after) == wanted
    del wanted["mcp_servers"]["bellglass"]
    gone = toml_file.parse(toml_file.without_entry(after, "mcp_servers", "bellglass"))
    assert {"mcp_servers": {}, **gone} == wanted


def test_toml_to_write_by_hand_is_what_would_be_written() -> None:
    text = toml_file.written("mcp_servers", "bellglass", {**ENTRY, "tool_timeout_sec": 310})

    assert toml_file.parse(text) == {
        "mcp_servers": {"bellglass": {**ENTRY, "tool_timeout_sec": 310}}
    }


@pytest.mark.parametrize("text", ["{", "[1]", '{"a": 1} x', '{"servers": [1]}'])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(CannotEdit):
        jsonc.with_entry(text, "servers", "bellglass", ENTRY)

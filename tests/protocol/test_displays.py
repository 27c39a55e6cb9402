"""What a model and a view get of pictures, tables and markup."""

import base64
import json
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult, ImageContent, ResourceLink, TextContent, TextResourceContents
from protocol.support import record_of, text_of

STORY = """
import matplotlib.pyplot as plt
import pandas as pd

print("a line")
plt.plot([1, 2, 3]); plt.show()
print("another line")
class Note:
    def __repr__(self): return "Note('n')"
    def _repr_html_(self): return "<em>n</em>"
display(Note(), 42)
frame = pd.DataFrame({"n": range(500), "t": pd.Timestamp("2024-02-29"), "long": "x" * 100})
frame
"""


def displays_of(result: CallToolResult) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = (result.meta or {})["bellglass/displays"]
    return shown


async def test_all_stands_in_the_order_in_which_it_was_shown(client: Client) -> None:
    result = await client.call_tool("execute_python", {"code": STORY, "timeout": 100})
    before, image, after, *links = result.content

    assert isinstance(before, TextContent)
    assert before.text.startswith("a line\n[picture of ")
    assert isinstance(image, ImageContent)
    assert base64.b64decode(image.data).startswith(b"\x89PNG")
    assert isinstance(after, TextContent)
    lines = after.text.splitlines()
    assert lines[:4] == ["another line", "Note('n')", "[shown as HTML]", "42"]
    assert lines[4] == "DataFrame: 500 rows x 3 columns"
    assert lines[5].split() == ["n", "t", "long"]
    assert lines[7].split()[:3] == ["0", "0", "2024-02-29"]
    assert "480 rows in the middle are left out, long cells are cut" in after.text
    assert lines[-1].startswith("session_id: ")

    html, table = displays_of(result)
    assert html == {"type": "text/html", "text": "<em>n</em>"}
    assert table["type"] == "application/vnd.bellglass.table+json"
    assert [column["name"] for column in table["columns"]] == ["", "n", "t", "long"]
    assert table["total_rows"] == 500
    assert table["rows"][:2] == [
        [0, 0, "2024-02-29", "x" * 59 + "…"],
        [1, 1, "2024-02-29", "x" * 59 + "…"],
    ]

    (link,) = links
    assert isinstance(link, ResourceLink)
    assert link.uri == table["uri"]
    (whole,) = (await client.read_resource(table["uri"])).contents
    assert isinstance(whole, TextResourceContents)
    assert whole.text.splitlines()[-1] == f"499,499,2024-02-29,{'x' * 100}"


async def test_failure_stands_first_and_what_was_shown_before_it_is_there(client: Client) -> None:
    code = "from PIL import Image\ndisplay(Image.new('RGB', (3000, 20), 'red'))\n1 / 0"
    result = await client.call_tool("execute_python", {"code": code, "timeout": 60})
    first, image, last, link = result.content

    assert isinstance(first, TextContent)
    assert first.text.startswith("Failed: ZeroDivisionError")
    assert "[picture of 3000 x 20 px, shown as 1568 x 10; the original is in /tmp/" in first.text
    assert isinstance(image, ImageContent)
    assert isinstance(last, TextContent)
    assert "session_id: " in last.text
    assert isinstance(link, ResourceLink)
    assert link.mime_type == "image/png"


WORST = """
import numpy as np, matplotlib.pyplot as plt
class Big:
    def _repr_html_(self): return "\\x01" * 2_000
for _ in range(20):
    display(Big())
for _ in range(8):
    plt.figure(figsize=(9, 6)); plt.imshow(np.random.rand(600, 900, 3))
print("\\x02" * 1_000_000)
print("\\x03" * 1_000_000, file=__import__("sys").stderr)
raise ValueError("\\x04" * 100_000)
"""


@pytest.mark.parametrize("mode", [("stdio", "modern")], indirect=True)
async def test_the_worst_result_is_one_that_clients_take(client: Client) -> None:
    result = await client.call_tool("execute_python", {"code": WORST, "timeout": 100})
    wire = result.model_dump_json(by_alias=True, exclude_none=True)

    assert len(wire.encode()) < 900_000
    assert text_of(result).startswith("Failed: ValueError")
    assert f"session_id: {record_of(result)['session_id']}" in text_of(result)
    assert len(displays_of(result)) > 10
    pictures = [block for block in result.content if isinstance(block, ImageContent)]
    assert len(pictures) == 8
    assert json.loads(wire)["content"][0]["text"].count("\x04") > 1_000

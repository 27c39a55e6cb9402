"""Pictures, tables and markup, as a model and a view get them."""

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
    before, image, after, ours, *links = result.content

    assert isinstance(before, TextContent)
    assert before.text.startswith("a line\n[figure; ")
    assert isinstance(image, ImageContent)
    assert base64.b64decode(image.data).startswith(b"\x89PNG")
    assert isinstance(after, TextContent)
    lines = after.text.splitlines()
    assert lines[:4] == ["another line", "Note('n')", "[shown as HTML]", "42"]
    title = "DataFrame: 500 rows x 3 columns (n int64, t datetime64["
    assert lines[4].startswith(title)
    assert lines[5].split() == ["n", "t", "long"]
    assert lines[6].split()[:3] == ["0", "0", "2024-02-29"]
    assert "490 rows in the middle are left out, long cells are cut" in after.text
    assert isinstance(ours, TextContent)
    # The session of a connection of the shared server may have made room for another test's.
    assert ours.text.splitlines()[-1].startswith("session_id: ")

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
    assert "[picture; 3000 x 20 px, shown as 1568 x 10; the original is in /tmp/" in first.text
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
    assert json.loads(wire)["content"][0]["text"].count("\\x04") > 1_000


OPTIONS = [
    ("pd.set_option('display.max_rows', None)\nframe", "\n49  7.00000  "),
    ("pd.set_option('display.max_rows', 4)\nframe", "\n[46 rows in the middle are left out"),
    ("pd.reset_option('display.max_rows')\nframe", "\n[40 rows in the middle are left out"),
    ("pd.set_option('display.precision', 2)\nframe.head(2)", "\n1  0.14 "),
    ("pd.options.display.float_format = '{:.1f} EUR'.format\nframe.head(2)", "\n1 0.1 EUR "),
    ("pd.set_option('display.max_colwidth', None)\nframe.head(1)", "x" * 100),
    (
        "pd.set_option('display.max_columns', 2)\nframe.assign(c=1).head(1)",
        "1 column in the middle",
    ),
    ("with pd.option_context('display.precision', 1): display(frame.v)", "\n49   7.0 EUR\n"),
    ("pd.reset_option('display')\nframe.head(2).style.format({'v': '{:.1%}'})", "\n1  14.3%  "),
    ("frame.head(2).style.hide(axis='index')", "\n0.142857  "),
]


@pytest.mark.parametrize("mode", [("stdio", "modern")], indirect=True)
async def test_tables_obey_the_options_of_pandas(client: Client, subtests: pytest.Subtests) -> None:
    code = """
import pandas as pd
frame = pd.DataFrame({"v": [n / 7 for n in range(50)], "t": "x" * 100})
"""
    first = await client.call_tool("execute_python", {"code": code, "timeout": 60})
    session = {"session_id": record_of(first)["session_id"]}
    for code, expected in OPTIONS:
        with subtests.test(code):
            result = await client.call_tool("execute_python", {"code": code, **session})

            assert expected in text_of(result), text_of(result)


@pytest.mark.parametrize("mode", [("stdio", "modern")], indirect=True)
async def test_characters_without_a_glyph_are_lent_a_font_or_named(client: Client) -> None:
    plot = (
        "import matplotlib.pyplot as plt\nplt.bar(['東京', '서울'], [1, 2])\nplt.savefig('a.png')"
    )
    reserved = await client.call_tool("execute_python", {"code": plot, "timeout": 60})
    session = {"session_id": record_of(reserved)["session_id"]}
    code = "plt.title('\\u0e01 and \\U0001f378')\nplt.plot([1])"
    lacking = await client.call_tool("execute_python", {"code": code, **session})

    assert "stderr" not in text_of(reserved)
    assert "[No font of the figure has these characters, which are drawn as boxes: ก🍸]" in text_of(
        lacking
    )


@pytest.mark.parametrize("mode", [("stdio", "modern")], indirect=True)
async def test_an_object_is_asked_as_ipython_asks_it(client: Client) -> None:
    code = """
class Bundle:
    def _repr_mimebundle_(self, include, exclude): return {"text/html": f"{include} {exclude}"}
class Own:
    def _ipython_display_(self): print("shows itself")
class Plain:
    def _repr_mimebundle_(self, **kinds): return {"text/plain": "in words"}
display(Bundle())
display(Plain(), {"text/plain": "not a bundle unless raw=True"})
display(Own())
Plain()
"""
    result = await client.call_tool("execute_python", {"code": code})

    assert text_of(result).startswith(
        "[HTML]\nNone None\nin words\n{'text/plain': 'not a bundle unless raw=True'}\n"
        "shows itself\nin words\n"
    )


@pytest.mark.parametrize("mode", [("stdio", "modern")], indirect=True)
async def test_a_figure_has_the_name_that_the_code_gave_it(client: Client) -> None:
    code = (
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\n"
        "plt.xlabel('day\\n(UTC)'); plt.ylabel('amount'); plt.title('Sales, 30-day mean')"
    )
    result = await client.call_tool("execute_python", {"code": code, "timeout": 60})

    first = 'figure: "Sales, 30-day mean"; x: day (UTC), y: amount; '
    assert text_of(result).startswith(f"[{first}")


ARTISTS = [
    "plt.bar(['a', 'b'], [1, 2])",
    "plt.plot([1, 2])",
    "plt.title('a')",
    "plt.boxplot([1, 2, 3])",
    "fig, axes = plt.subplots(2, 2)\naxes[0, 0].plot([1])\nfig, axes",
    "import pandas as pd\npd.Series([1, 2]).plot()",
    "%matplotlib inline\nplt.plot([1, 2])",
]


@pytest.mark.parametrize("mode", [("stdio", "modern")], indirect=True)
async def test_what_drawing_returns_is_not_told_beside_the_figure(
    client: Client, subtests: pytest.Subtests
) -> None:
    for code in ARTISTS:
        with subtests.test(code):
            result = await client.call_tool(
                "execute_python",
                {"code": f"import matplotlib.pyplot as plt\n{code}", "timeout": 60},
            )

            lines = text_of(result).splitlines()
            assert [line.partition(" ")[0].strip(":;") for line in lines] == [
                "[figure",
                "session_id",
            ]

    alone = "import matplotlib.text\nmatplotlib.text.Text(0, 0, 'a')"
    result = await client.call_tool("execute_python", {"code": alone, "timeout": 60})
    assert text_of(result).startswith("Text(0, 0, 'a')"), "Without a figure it is all there is."


NUMBERS = [
    ("[1234567.891, 2.25, 99.5]", ["1234567.89", "2.25", "99.50"]),
    ("[0.123456789, 0.5, 0.000123456]", ["0.123457", "0.500000", "0.000123"]),
    ("[48.73301234, 50.1, 45.6152]", ["48.7330", "50.1000", "45.6152"]),
    ("[1e300, 2.0, float('inf')]", ["1.000000e+300", "2.000000e+00", "inf"]),
    ("[1.5e-7, 2.5e-7]", ["1.500000e-07", "2.500000e-07"]),
    ("[float('nan'), 0.0]", ["NaN", "0.0"]),
]


@pytest.mark.parametrize("mode", [("stdio", "modern")], indirect=True)
async def test_numbers_of_a_table_have_six_digits(
    client: Client, subtests: pytest.Subtests
) -> None:
    for numbers, expected in NUMBERS:
        with subtests.test(numbers):
            code = f"import pandas as pd\npd.DataFrame({{'v': {numbers}}})"
            result = await client.call_tool("execute_python", {"code": code, "timeout": 60})

            lines = text_of(result).splitlines()[2:-1]
            assert [line.split()[1] for line in lines] == expected

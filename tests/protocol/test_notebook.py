"""Notebook lines in a session, which IPython runs."""

from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult, ImageContent
from protocol.support import record_of, text_of

pytestmark = pytest.mark.parametrize("mode", [("stdio", "modern")], indirect=True)

LINES = [
    ("names = !printf 'one\\ntwo'\nnames", "['one', 'two']\n"),
    ("n = 3\nfor i in range(n):\n    !echo line {i} $n", "line 0 3\nline 1 3\nline 2 3\n"),
    ("%%bash\nfor i in a b; do\n  echo $i\ndone", "a\nb\n"),
    ("%cd /tmp\n!pwd\n%cd", "/tmp\n/tmp\n/work\n"),
    ("def area(r):\n    'Of a circle.'\narea?", "Signature: area(r)\nDocstring: Of a circle.\n"),
    ("%time 6 * 7", "CPU times: "),
    ("%%time\n\n1 / 0", "Failed: ZeroDivisionError: division by zero (line 3)\n> 3 | 1 / 0\n"),
    ("%timeit -n 2 -r 1 1 +", "Failed: SyntaxError: invalid syntax (line 1)\n"),
    ("from IPython.display import Markdown\nMarkdown('*so*')", "*so*\n"),
    ("%nothing", "Failed: UsageError: Line magic function `%nothing` not found. (line 1)\n"),
    ("x = 1\n!false\n1 / 0", "Failed: ZeroDivisionError: division by zero (line 3)\n"),
    ("!echo a \\\n  b\n1 / 0", "Failed: ZeroDivisionError: division by zero (line 3)\n"),
    ("import sys\n!exit 3", "stderr:\n[the command exited with code 3]\n"),
    ("%pip --version", "pip "),
    ("%%writefile part.py\nvalue = 41", "Writing part.py\n"),
    ("%run part.py\nvalue", "41\n"),
    ("%%capture kept\nprint('so')", "(no output)\n"),
    ("kept.stdout", "'so\\n'\n"),
    ("%env COLOUR=red\n!echo $COLOUR", "env: COLOUR=red\nred\n"),
    ("import asyncio\ntask = asyncio.create_task(asyncio.sleep(0, 5))\nawait task", "5\n"),
    ("%config InteractiveShell.ast_node_interactivity = 'all'", "(no output)\n"),
    ("1\nx = 2\nx", "1\n2\n"),
    ("In[-1]", "'In[-1]'\n"),
]


async def run(client: Client, code: str, session: dict[str, Any]) -> CallToolResult:
    """Run code in the session, which the first call makes."""
    result = await client.call_tool("execute_python", {"code": code, "timeout": 60, **session})
    session["session_id"] = record_of(result)["session_id"]
    return result


async def test_lines_do_what_they_do_in_ipython(client: Client, subtests: pytest.Subtests) -> None:
    session: dict[str, Any] = {}
    for code, expected in LINES:
        with subtests.test(code):
            result = await run(client, code, session)

            assert text_of(result).startswith(expected), text_of(result)


LASTING = [
    ("6 * 7", "42\n"),
    ("_ + 1", "43\n"),
    ("__", "42\n"),
    ("from __future__ import annotations", "(no output)\n"),
    ("def f(node: Node): pass\nf.__annotations__", "{'node': 'Node'}\n"),
    ("import warnings\nwarnings.warn('again')", "stderr:\n"),
    ("import warnings\nwarnings.warn('again')", "stderr:\n"),
    ("21 * 2  # not quiet;", "42\n"),
    ("21 * 2;  # quiet", "(no output)\n"),
    ("async def g(): return 'run'\nimport asyncio\nt = asyncio.create_task(g())\nawait t", "'run'"),
    ("import sys\n'IPython' in sys.modules", "False\n"),
    ("!true\nwarnings.warn('again')", "stderr:\n"),
    ("class Node: pass\ndef h(node: Later): pass\nh.__annotations__", "{'node': 'Later'}\n"),
    ("_i\n", "'class Node"),
    ("exit()", "Exited with code 0"),
]


async def test_what_a_call_sets_holds_in_later_ones(
    client: Client, subtests: pytest.Subtests
) -> None:
    session: dict[str, Any] = {}
    for code, expected in LASTING:
        with subtests.test(code):
            result = await run(client, code, session)

            assert text_of(result).startswith(expected), text_of(result)


FIGURES = [
    "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])",
    "!echo hi\nplt.plot([1, 2])\nplt.show()",
    "from IPython.display import display\nfig, ax = plt.subplots()\nax.plot([1])\ndisplay(fig)",
    "%matplotlib widget\nplt.plot([1, 2])",
    "%config InlineBackend.figure_format = 'svg'\nplt.plot([1])",
]


async def test_a_figure_is_a_picture_after_any_notebook_line(
    client: Client, subtests: pytest.Subtests
) -> None:
    session: dict[str, Any] = {}
    for code in FIGURES:
        with subtests.test(code):
            result = await run(client, code, session)

            assert [type(block) for block in result.content].count(ImageContent) == 1


async def test_an_updated_display_changes_where_it_stands(client: Client) -> None:
    code = """
from IPython.display import HTML, display, update_display
print("before")
display("start", display_id="bar")
print("between")
for step in range(100):
    update_display(HTML(f"<b>step {step}</b>"), display_id="bar")
handle = display({"step": 1}, display_id=True)
print("after")
handle.update({"step": 2})
"""
    session: dict[str, Any] = {}
    result = await run(client, code, session)
    later = await run(client, "print('later')\nupdate_display('end', display_id='bar')", session)

    text = text_of(result)
    shown = ["before", "<b>step 99</b>", "between", "{'step': 2}", "after"]
    assert [text.count(part) for part in shown] == [1] * len(shown)
    assert sorted(shown, key=text.index) == shown
    assert "start" not in text
    assert "'step': 1" not in text
    assert text_of(later).index("later") < text_of(later).index("'end'")


async def test_pictures_that_are_updated_have_the_room_of_one(client: Client) -> None:
    code = """
import numpy, PIL.Image
from IPython.display import display
handle = None
for seed in range(8):
    noise = numpy.random.default_rng(seed).integers(0, 256, (280, 280, 3), dtype="uint8")
    image = PIL.Image.fromarray(noise)
    if handle is None:
        handle = display(image, display_id=True)
    else:
        handle.update(image)
"""
    result = await run(client, code, {})

    assert [block.type for block in result.content].count("image") == 1
    assert "picture; 280 x 280 px]" in text_of(result)


async def test_clear_output_leaves_what_comes_after_it(client: Client) -> None:
    code = """
from IPython.display import HTML, clear_output, display
for step in range(40):
    clear_output(wait=True)
    print("step", step)
    display(HTML(f"<b>{step}</b>"))
clear_output(wait=True)
"""
    session: dict[str, Any] = {}
    waited = await run(client, code, session)
    at_once = await run(client, "print('gone')\nclear_output()\n5", session)

    assert text_of(waited).startswith("step 39\n[HTML]\n<b>39</b>\nsession_id")
    assert text_of(at_once).startswith("5\n")


async def test_sound_is_no_text(client: Client) -> None:
    code = "from IPython.display import Audio\nAudio([0.1, -0.1] * 4000, rate=8000)"
    result = await run(client, code, {})

    assert "data:audio/wav;base64,[" in text_of(result)
    assert len(text_of(result)) < 1_000


async def test_ipython_lasts_through_time_outs_and_crashes(client: Client) -> None:
    session: dict[str, Any] = {}
    await run(client, "import IPython\nstock = [1]\n%alias hello echo hello", session)
    slow = {"code": "%%bash\nsleep 60", "timeout": 1, **session}
    timed_out = await client.call_tool("execute_python", slow)
    stopped = await client.call_tool("execute_python", {**slow, "code": "%time\nwhile True: pass"})
    crashed = await run(client, "!true\nimport os\nos.kill(os.getpid(), 9)", session)
    after = await run(client, "%hello\nstock", session)
    script = await run(client, "%%bash\necho from a script", session)

    assert record_of(timed_out)["status"] == record_of(stopped)["status"] == "timeout"
    assert record_of(crashed)["status"] == "killed"
    assert text_of(after).startswith("hello\n[1]\n")
    assert text_of(script).startswith("from a script\n")


async def test_a_background_run_may_use_notebook_lines(client: Client) -> None:
    code = "!echo told > told.txt\n%time 1"
    started = await client.call_tool("execute_python", {"code": code, "background": True})
    session = {"session_id": record_of(started)["session_id"]}
    await client.call_tool("background_run", {"run_id": "r1", "wait": 30, **session})
    result = await client.call_tool("execute_bash", {"command": "cat told.txt", **session})

    assert text_of(result).startswith("told\n")


async def test_commands_are_checked_as_what_they_are(client: Client) -> None:
    result = await client.call_tool("validate_code", {"code": "x = 1\n!rm -rf data"})
    tested = await client.call_tool(
        "run_tests",
        {
            "code": "%matplotlib inline\nlines = !printf 'a\\nb'\ndef count(): return len(lines)",
            "cases": [{"call": "count()", "expected": 2}],
        },
    )

    assert result.structured_content is not None
    assert result.structured_content["valid"]
    assert {"deletes files", "starts processes"} <= {
        risk["kind"] for risk in result.structured_content["risks"] if risk["line"] == 2
    }
    assert tested.structured_content is not None
    assert tested.structured_content["ok"], tested.structured_content

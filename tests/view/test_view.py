"""The view of a call for people, in Chromium, framed by a host that allows as little as it may."""

import base64
import json
from typing import Any

from mcp.types import TextResourceContents
from view.conftest import Seen

PLOT = """\
import matplotlib.pyplot as plt

plt.plot([1, 4, 9])  # a curve
print("\\x1b[31mred\\x1b[0m and plain")
for step in range(3):
    print(f"\\rstep {step}", end="")
"""

SHOWN = """\
import pandas as pd
import matplotlib.pyplot as plt

class Markup:
    def _repr_html_(self):
        return "<b id=b>bold</b><style>#b { color: #123456 }</style>"

cities = {"city": ["Bergen", "Oslo", None, "Alta"], "people": [291, 709, 5, 21]}
print("first\\nstderr:")
display(pd.DataFrame(cities))
plt.plot([1, 2])
plt.show()
print("then")
display(Markup())
pd.DataFrame({"n": range(2000)})
"""

LONG = "total = 0\n" * 30 + "print(totals)"

NAMED = """\
import matplotlib.pyplot as plt
plt.plot([1, 2]); plt.title("Sales"); plt.xlabel("day")
"""

NUMBERS = """\
import pandas as pd
pd.DataFrame({"share": [0.5, 0.125, 1 / 3], "small": [1e-9, 1.0, 2.0], "n": [1, 2, 3]})
"""


HOSTILE = """\
<script>window.ran = 1; parent.postMessage({jsonrpc: "2.0", method: "tools/call"}, "*")</script>
<img src=x onerror="window.ran = true"><iframe srcdoc="<script>1</script>"></iframe>
<a href="javascript:window.ran = true">a</a>
<form action=x><input autofocus onfocus="window.ran = true"></form>
<p style="position: fixed; background: url(http://127.0.0.1:9/leak); color: red">over all</p>
<style>@import "http://127.0.0.1:9/leak"; p { background: url(http://127.0.0.1:9/leak) }</style>
<svg onload="window.ran = true"><script>window.ran = true</script></svg>
<math><mtext><style><img src=x onerror="window.ran = true"></style></mtext></math>
"""


HOSTILE_CODE = """\
import pandas as pd

shown = HOSTILE  # \u202e \u061c
print(shown)
for kind in ("html", "svg", "markdown", "latex", "json"):
    display(type("Shown", (), {f"_repr_{kind}_": lambda self: shown})())
display(pd.DataFrame({shown: [shown]}))
raise ValueError(shown)
"""


async def test_an_execution_is_shown_as_a_notebook_would(seen: Seen) -> None:
    await seen.call("execute_python", {"code": PLOT})

    assert seen.text(".verdict") == "Done"
    assert "MB" in seen.text(".facts")
    assert seen.texts(".source .line") == PLOT.splitlines()
    assert seen.texts(".source .comment") == ["# a curve"]
    assert seen.texts(".stdout") == ["red and plain\nstep 2"]
    assert seen.texts(".stdout .ink1") == ["red"]
    assert seen.browser.in_view("document.querySelector('.picture img').naturalWidth") > 100
    # Told, so that the host can make room for all of it.
    told = seen.browser.received("ui/notifications/size-changed")["params"]
    while told["height"] < seen.browser.in_view("view.scrollHeight"):
        told = seen.browser.received("ui/notifications/size-changed")["params"]


async def test_failed_code_shows_where_and_why(seen: Seen) -> None:
    code = (
        "def mean(numbers):\n    return sum(numbers) / size\n"
        "sizes = 2\nprint('on the way')\nmean([])"
    )

    await seen.call("execute_python", {"code": code}, theme="dark")

    assert seen.text(".verdict") == "Failed"
    assert seen.texts(".marked") == ["    return sum(numbers) / size"]
    assert "NameError: name 'size' is not defined" in seen.text(".message")
    assert seen.texts(".value") == ["numbers = []"]
    assert "did you mean sizes?" in seen.text(".hint")
    assert seen.texts(".stdout") == ["on the way"]
    ground = "getComputedStyle(document.body).backgroundColor"
    assert seen.browser.in_view(ground) == "rgb(27, 28, 30)"


async def test_tables_figures_and_markup_stand_where_they_were_shown(seen: Seen) -> None:
    await seen.call("execute_python", {"code": SHOWN})

    shown = ".stdout, .table, .picture, .markup, .files"
    order = f"[...view.querySelectorAll('{shown}')].map((part) => part.className.split(' ').pop())"
    assert seen.browser.in_view(order) == [
        *("stdout", "table", "picture", "stdout", "markup", "table", "files")
    ]
    assert seen.texts(".stdout") == ["first\nstderr:", "then"], "A program may print our words."
    bold = "getComputedStyle(view.querySelector('.markup b')).color"
    assert seen.browser.in_view(bold) == "rgb(18, 52, 86)"
    assert seen.texts("figcaption")[0].startswith("4 rows")
    assert "of 2,000 rows" in seen.texts("figcaption")[1]
    assert "Whole table as CSV" in seen.texts("figcaption")[1]


async def test_a_table_sorts_up_down_and_back(seen: Seen) -> None:
    await seen.call("execute_python", {"code": SHOWN})

    def cities(click: str = "") -> list[str]:
        seen.browser.in_view(f"{{ const heads = view.querySelectorAll('th button'); {click} }}")
        return seen.texts(".table:first-of-type td:nth-child(2)")

    as_it_came = ["Bergen", "Oslo", "none", "Alta"]
    assert cities() == as_it_came
    assert cities("heads[2].click()") == ["none", "Alta", "Bergen", "Oslo"]
    assert cities("heads[2].click()") == ["Oslo", "Bergen", "Alta", "none"]
    assert cities("heads[2].click()") == as_it_came
    assert cities("heads[1].click()") == ["Alta", "Bergen", "Oslo", "none"]
    assert cities("heads[1].click()") == ["Oslo", "Bergen", "Alta", "none"], (
        "What is missing is last."
    )


async def test_hostile_output_is_shown_and_runs_nothing(seen: Seen) -> None:
    browser = seen.browser
    code = HOSTILE_CODE.replace("HOSTILE", repr(HOSTILE))

    await seen.call(
        "execute_python",
        {"code": code},
        changed=[{"path": HOSTILE, "uri": "javascript:window.ran = true", "bytes": 1}],
        network=[{"host": HOSTILE, "port": 1, "allowed": False, "reason": HOSTILE}],
    )

    assert HOSTILE.strip() in seen.text(".message")
    assert HOSTILE.strip() in seen.text(".stdout")
    assert "over all" in seen.text(".markup")
    assert seen.texts(".source .control") == ["U+202E", "U+061C"]
    assert browser.in_view("typeof window.ran") == "undefined"
    foreign = (
        "script, iframe, input, form, svg, style, [href], [onerror], [onload], [style*='url(']"
    )
    assert browser.in_view(f"view.querySelectorAll({json.dumps(foreign)}).length") == 0
    assert browser.in_view("getComputedStyle(view.querySelector('.markup p')).position") == "static"
    images = browser.in_view("[...document.images].map((image) => image.src.slice(0, 11))")
    assert set(images) == {"data:image/"}
    asked = browser.in_host("messages.map((message) => message.method)")
    assert set(asked) <= {"ui/initialize", "ui/notifications/size-changed"}


async def test_the_page_lets_nothing_run_that_it_did_not_come_with(seen: Seen) -> None:
    await seen.call("execute_python", {"code": "1"})

    refused = """new Promise((resolve) => {
        document.addEventListener(
            "securitypolicyviolation", (event) => resolve(event.effectiveDirective));
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        document.body.append(script);
    })"""
    assert seen.browser.in_view(refused) == "script-src-elem"
    assert seen.browser.in_view("typeof window.ran") == "undefined"


async def test_a_long_file_is_saved_whole_through_the_host(seen: Seen) -> None:
    result = await seen.call("execute_python", {"code": "print('x' * 2_000_000)"})
    (link,) = [block for block in result["content"] if block["type"] == "resource_link"]

    seen.browser.in_view("document.querySelector('.files button').click()")
    asked = seen.browser.received("resources/read")
    while asked["method"] == "resources/read":
        read = await seen.client.read_resource(asked["params"]["uri"])
        seen.browser.answer(asked, read.model_dump(mode="json", by_alias=True, exclude_none=True))
        asked = seen.browser.received("resources/read", "ui/download-file")
    seen.browser.answer(asked, {})

    (content,) = asked["params"]["contents"]
    assert content["resource"]["uri"] == f"file:///{link['name']}"
    assert base64.b64decode(content["resource"]["blob"]) == b"x" * 2_000_000 + b"\n"
    seen.browser.wait_until("!document.querySelector('.files button').disabled")


async def test_tests_and_checks_are_shown_as_lists(seen: Seen) -> None:
    cases = [{"call": "twice(2)", "expected": 4}, {"call": "twice(3)", "expected": 6}]
    await seen.call("run_tests", {"code": "def twice(n):\n    return n ** 2", "cases": cases})

    assert seen.text(".verdict") == "1 of 2 passed"
    assert "case 2: twice(3)" in seen.text(".test.failed")
    assert seen.texts(".test.failed .fact pre") == ["6", "9"]
    assert len(seen.texts(".test.passed")) == 1

    seen.name += "-check"
    await seen.call("validate_code", {"code": "print(math.pi)\nfor i in range(3)\n    print(i)"})

    assert seen.text(".verdict") == "Not valid"
    assert "for i in range(3)" in seen.texts(".marked")

    await seen.call("validate_code", {"code": "print(math.pi)"})

    assert "import math" in seen.text(".fix")


async def test_a_call_is_followed_while_it_is_written_and_runs(seen: Seen) -> None:
    browser = seen.browser
    seen.open("dark")
    browser.tell("ui/notifications/tool-input-partial", {"arguments": {"code": "print("}})
    browser.wait_until("view.innerText.includes('print(')")
    browser.tell("ui/notifications/tool-input", {"arguments": {"command": "sleep 9; echo hi"}})
    browser.tell("notifications/progress", {"progress": 1.5, "message": "\x1b[32mstep 3"})
    browser.wait_until("view.innerText.includes('step 3')")

    assert seen.text(".verdict") == "Running"
    browser.wait_until("parseInt(view.querySelector('.facts').textContent) >= 2")
    assert seen.text(".source") == "sleep 9; echo hi"
    assert seen.texts(".live .ink2") == ["step 3"]

    light = {"theme": "light", "styles": {"variables": {"--color-background-primary": "#fffff0"}}}
    browser.tell("ui/notifications/host-context-changed", light)
    browser.tell("ui/notifications/tool-cancelled", {"reason": "The user said so"})
    browser.wait_until("view.innerText.includes('Cancelled')")

    ground = "getComputedStyle(document.body).backgroundColor"
    assert browser.in_view(ground) == "rgb(255, 255, 240)"
    browser.in_host("send({ id: 'end', method: 'ui/resource-teardown', params: {} })")
    assert browser.in_host("answered('end')")["result"] == {}


async def test_a_figure_has_a_name_is_enlarged_and_saved(seen: Seen) -> None:
    result = await seen.call("execute_python", {"code": NAMED})
    (image,) = [block for block in result["content"] if block["type"] == "image"]

    alt: str = seen.browser.in_view("document.images[0].alt")
    assert alt.startswith('figure: "Sales"; x: day; ')
    width = "document.images[0].getBoundingClientRect().width"
    before = seen.browser.in_view(width)
    seen.browser.in_view("view.querySelector('.tools button').click()")
    assert seen.browser.in_view(width) > before
    seen.browser.in_view("view.querySelectorAll('.tools button')[1].click()")
    asked = seen.browser.received("ui/download-file")
    (content,) = asked["params"]["contents"]
    assert content["resource"]["uri"] == "file:///figure.png"
    assert content["resource"]["blob"] == image["data"]


async def test_long_code_is_folded_around_the_line_that_failed_and_copied_whole(
    seen: Seen,
) -> None:
    browser = seen.browser
    await seen.call("execute_python", {"code": LONG})
    height = "view.querySelector('.source').clientHeight"
    in_sight = """(() => {
        const block = view.querySelector(".source").getBoundingClientRect();
        const line = view.querySelector(".marked").getBoundingClientRect();
        return line.top >= block.top && line.bottom <= block.bottom;
    })()"""

    assert seen.text(".more") == "Show all 31 lines"
    assert browser.in_view(in_sight)
    before = browser.in_view(height)
    assert browser.in_view("view.querySelector('.source').tabIndex") == 0
    browser.in_view("view.querySelector('.more').click()")
    assert seen.text(".more") == "Show 15 lines"
    assert browser.in_view(height) > before
    copied = """new Promise((resolve) => {
        document.addEventListener("copy", () => resolve(getSelection().toString()));
        view.querySelector(".copyable .tool").click();
    })"""
    assert browser.in_view(copied) == LONG
    browser.wait_until("view.querySelector('.copyable .tool').textContent === 'Copied'")


async def test_numbers_of_a_column_have_the_same_decimals(seen: Seen) -> None:
    await seen.call("execute_python", {"code": NUMBERS})

    cells = seen.texts(".table td")
    assert cells[1::4] == ["0.500000", "0.125000", "0.333333"]
    assert cells[2::4] == ["1e-9", "1", "2"], "Rounded, the first would be nothing."
    assert cells[3::4] == ["1", "2", "3"]
    assert seen.browser.in_view("view.querySelectorAll('td')[9].title") == str(1 / 3)


async def test_what_has_happened_is_announced(seen: Seen) -> None:
    await seen.call("execute_python", {"code": "1 / 0"})

    status = "document.querySelector('[role=status]').textContent"
    seen.browser.wait_until(f"{status} === 'Failed'")


async def test_a_refused_call_and_a_result_without_meta_still_read_well(seen: Seen) -> None:
    await seen.call("execute_python", {"code": "1", "session_id": "nope"})

    assert seen.text(".verdict") == "Not run"
    assert "Call again without session_id" in seen.text("main")

    bare: dict[str, Any] = {"content": [{"type": "text", "text": "forty-two"}]}
    seen.browser.tell("ui/notifications/tool-result", bare)
    seen.browser.wait_until("view.innerText.includes('forty-two')")


async def test_a_client_without_apps_sees_no_more_than_before(seen: Seen) -> None:
    assert (await seen.client.list_resources()).resources == []

    (page,) = (await seen.client.read_resource("ui://bellglass/execution")).contents
    assert isinstance(page, TextResourceContents)
    assert page.mime_type == "text/html;profile=mcp-app"
    assert len(page.text) < 60_000
    policy = (page.meta or {})["ui"]["csp"]
    assert len(policy) == 4
    assert not any(policy.values()), "Nothing comes from elsewhere."
    tools = (await seen.client.list_tools()).tools
    named = {tool.name for tool in tools if (tool.meta or {}).get("ui")}
    assert named == {"execute_python", "execute_bash", "validate_code", "run_tests"}

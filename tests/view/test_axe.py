"""The view before axe-core, which finds what people with disabilities would stumble over.

For `make test-clients`: axe-core comes from npm. Each state of the page is seen in both themes.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from absent import need
from protocol.support import COMMAND
from view.conftest import Seen
from view.test_view import HOSTILE, HOSTILE_CODE, LONG, NAMED, NUMBERS, SHOWN

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]

AXE = "axe-core@4.14.1"

COLOURS = """\
for ink in [*range(16), 17, 52, 226, 231, 232, 255]:
    print(f"\\x1b[38;5;{ink}mink {ink}\\x1b[0m \\x1b[48;5;{ink}mground\\x1b[0m")
    print(f"\\x1b[38;5;{ink}m\\x1b[48;5;{ink}mboth\\x1b[0m \\x1b[2m\\x1b[38;5;{ink}mdim\\x1b[0m")
print("\\x1b[2mdim\\x1b[0m", "\\x1b[33;44mtwo\\x1b[0m")
import sys; print("warned", file=sys.stderr)
print("y" * 3_000)
"""

BAD = """\
def f(a=[]):  # a comment
    if a is "text":
        return 12.5 + True
    import nowhere, subprocess
    subprocess.run("rm -rf /", shell=True)
for i in range(3)
"""

CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("shown", "execute_python", {"code": SHOWN}),
    ("figure", "execute_python", {"code": NAMED}),
    ("colours", "execute_python", {"code": COLOURS}),
    ("failed", "execute_python", {"code": LONG}),
    ("numbers", "execute_python", {"code": NUMBERS}),
    ("hostile", "execute_python", {"code": HOSTILE_CODE.replace("HOSTILE", repr(HOSTILE))}),
    ("files", "execute_bash", {"command": "echo a >a.txt; cat nowhere; exit 3"}),
    ("check", "validate_code", {"code": BAD}),
    ("warned", "validate_code", {"code": BAD.rpartition("for")[0]}),
    (
        "tests",
        "run_tests",
        {
            "code": "def twice(n):\n    return n ** 2",
            "cases": [{"call": f"twice({n})", "expected": 2 * n} for n in range(4)],
            "coverage": True,
        },
    ),
]


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the source of axe-core."""
    need("npm", "npm")
    folder = Path(COMMAND).parents[1] / "clients" / "axe"
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "node_modules/axe-core/axe.min.js"
    if not script.exists():
        subprocess.run(["npm", "install", "--silent", "--prefix", folder, AXE], check=True)
    return script.read_text("utf-8")


def faults(seen: Seen, axe: str) -> list[str]:
    """Return what axe-core objects to in the page as it stands."""
    seen.browser.in_view(f"{axe}; true")
    found = json.loads(
        seen.browser.in_view(
            "axe.run(document, {resultTypes: ['violations']}).then((found) => JSON.stringify("
            "found.violations.flatMap(({id, nodes}) => nodes.map((node) => "
            "[id, node.html.slice(0, 200), node.failureSummary]))))"
        )
    )
    return [": ".join(fault) for fault in found]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("name", "tool", "arguments"), CALLS, ids=[call[0] for call in CALLS])
async def test_axe_finds_nothing_in_a_result(
    name: str, tool: str, arguments: dict[str, Any], theme: str, seen: Seen, axe: str
) -> None:
    await seen.call(tool, arguments, theme=theme)

    assert faults(seen, axe) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_while_a_call_runs(theme: str, seen: Seen, axe: str) -> None:
    seen.open(theme)
    seen.browser.tell("ui/notifications/tool-input", {"arguments": {"code": LONG}})
    seen.browser.tell("notifications/progress", {"progress": 4, "message": "\x1b[32mstep 3"})
    seen.browser.wait_until("view.innerText.includes('step 3')")

    assert faults(seen, axe) == []

"""The protocol's Inspector: what it objects to, and what it gets."""

import json

import pytest
from clients.conftest import Applications
from protocol.support import COMMAND

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]

CLI = ("mcp-inspector", "--cli", "-e", "BELLGLASS_SETUP=off", COMMAND)


def test_finds_no_fault_with_any_schema(inspector: Applications) -> None:
    done = inspector.run(*CLI, "--method", "tools/list", "--strict")

    assert len(json.loads(done.stdout)["tools"]) > 5
    assert done.stderr == "", "Each finding is a line."


def test_sees_the_page_of_every_tool_that_names_one(inspector: Applications) -> None:
    done = inspector.run(*CLI, "--method", "tools/list", "--app-info", "--advertise-apps")

    apps = {line["toolName"]: line for line in map(json.loads, done.stdout.splitlines())}
    for name in ("execute_python", "execute_bash", "run_tests", "validate_code"):
        assert apps[name]["resourceUri"] == "ui://bellglass/execution"
        assert apps[name]["resourceMimeType"] == "text/html;profile=mcp-app"
        assert not any(apps[name]["csp"].values())
    assert apps["close_session"]["hasApp"] is False


@pytest.mark.parametrize("era", ["legacy", "auto", "modern"])
def test_calls_a_tool_in_each_era(inspector: Applications, era: str) -> None:
    call = ("--method", "tools/call", "--tool-name", "execute_python", "--tool-arg", "code=6 * 7")

    done = inspector.run(*CLI, *call, "--protocol-era", era)

    assert json.loads(done.stdout)["content"][0]["text"] == "42"

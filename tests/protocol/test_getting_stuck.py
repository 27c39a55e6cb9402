"""Code that works elsewhere and where people get stuck: it works here, or fails at once."""

import re

import pytest
from absent import need
from mcp import Client
from protocol.support import record_of, text_of

SPAWN = """
import multiprocessing as mp

def tenfold(n):
    return n * 10

if __name__ == "__main__":
    with mp.get_context("spawn").Pool(2) as pool:
        print(pool.map(tenfold, [1, 2]))
"""

DEFINE = """
from dataclasses import dataclass
from concurrent.futures import ProcessPoolExecutor
import multiprocessing as mp

FACTOR = 3
print("defined")

@dataclass
class Box:
    n: int

def work(box):
    return Box(box.n * FACTOR)
"""

MAP = """
with ProcessPoolExecutor(1, mp_context=mp.get_context("forkserver")) as executor:
    print(list(executor.map(work, [Box(1), Box(2)])))
"""


async def run(client: Client, tool: str, code: str, session_id: str | None = None) -> str:
    name = "command" if tool == "execute_bash" else "code"
    arguments = {name: code, "timeout": 60, **({"session_id": session_id} if session_id else {})}
    result = await client.call_tool(tool, arguments)
    text = text_of(result)
    assert record_of(result)["status"] != "timeout", text
    return text


async def test_spawned_pool_runs_functions_of_its_call(client: Client) -> None:
    assert (await run(client, "execute_python", SPAWN)).startswith("[10, 20]\n")


async def test_fork_server_runs_functions_of_earlier_calls_again_and_again(client: Client) -> None:
    first = await client.call_tool("execute_python", {"code": DEFINE})
    session_id = record_of(first)["session_id"]
    one = await run(client, "execute_python", MAP, session_id)
    again = "def work(box):\n    return box.n\n"
    two = await run(client, "execute_python", again + MAP, session_id)

    assert one.startswith("[Box(n=3), Box(n=6)]\n")  # and what the calls did is not done again
    assert two.startswith("[1, 2]\n")
    assert "resource_tracker" not in two


async def test_pool_of_a_later_call_is_not_told_of_an_earlier_ones_semaphores(
    client: Client,
) -> None:
    first = await client.call_tool("execute_python", {"code": SPAWN})
    again = await run(client, "execute_python", SPAWN, record_of(first)["session_id"])

    assert (
        record_of(first)["killed_processes"] == 0
    )  # the helpers of multiprocessing are not the code's
    assert "still running" not in text_of(first)
    assert again.startswith("[10, 20]\n")
    assert "Traceback" not in again


async def test_shared_memory_can_be_unlinked_by_a_later_call(client: Client) -> None:
    make = (
        "from multiprocessing.shared_memory import SharedMemory\n"
        "m = SharedMemory(create=True, size=8)"
    )
    first = await client.call_tool("execute_python", {"code": make})
    session_id = record_of(first)["session_id"]
    told = await run(client, "execute_python", "m.close(); m.unlink(); 'gone'", session_id)

    assert told.startswith("'gone'\n")
    assert "stderr" not in told


async def test_figure_with_nothing_on_it_is_no_picture(client: Client) -> None:
    told = await run(client, "execute_python", "import matplotlib.pyplot as plt\nf = plt.figure()")

    assert told.startswith("<Figure size 640x480 with 0 Axes>\n")


async def test_figure_that_is_saved_after_show_is_told_to_be_empty(client: Client) -> None:
    drawn = "import matplotlib.pyplot as plt\nplt.plot([1])\n"
    after = await run(client, "execute_python", f"{drawn}plt.show()\nplt.savefig('a.png')")
    before = await run(client, "execute_python", f"{drawn}plt.savefig('a.png')\nplt.show()")

    assert "the figure that is saved is empty" in after
    assert "is empty" not in before


async def test_editor_ends_at_once_and_is_explained(client: Client) -> None:
    # With an editor, or without one: never after the time limit.
    told = await run(client, "execute_bash", "vi notes.txt")

    assert "Hint: there is no terminal for full-screen programs" in told


@pytest.mark.parametrize("command", ["top", "if true; then top; fi", "cd /tmp && top"])
async def test_program_that_fills_a_screen_is_explained(client: Client, command: str) -> None:
    told = await run(client, "execute_bash", command)

    assert "Hint: there is no terminal for full-screen programs" in told


@pytest.mark.parametrize("command", ["python3", "python3; true", "bash", "sqlite3 a.db"])
async def test_program_that_waits_to_be_typed_to_is_explained(client: Client, command: str) -> None:
    told = await run(client, "execute_bash", command)

    assert re.search("Hint: (nobody can type here|sqlite3 is not installed)", told)


@pytest.mark.parametrize("command", ["python3 -c ''", "bash -c true", "top -b -n1 >/dev/null"])
async def test_program_that_has_nothing_to_say_is_not(client: Client, command: str) -> None:
    assert "Hint" not in await run(client, "execute_bash", command)


async def test_commands_with_windows_line_ends_run(client: Client) -> None:
    told = await run(client, "execute_bash", "if true; then\r\n  echo one\r\nfi\r\n")

    assert told.startswith("one\n")
    assert "Note: The lines ended in CR LF" in told


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("npm", "npm install left-pad"),
        ("npm", "npx --yes cowsay hi"),
        ("git", "git clone https://github.com/python/cpython"),
    ],
)
async def test_a_program_that_wants_the_network_says_so_and_leaves_nothing(
    client: Client, program: str, command: str
) -> None:
    need(program, program)

    said = await run(client, "execute_bash", command)

    assert "Hint: the sandbox has no network" in said
    assert "BELLGLASS_NETWORK" in said
    assert "Files: " not in said

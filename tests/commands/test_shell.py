"""`bellglass shell` is a prompt like those that its user knows, in one sandbox."""

import os
import pty
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from commands.support import COMMAND, bellglass

Tell = Callable[..., str]
"""Types a text and returns what the terminal shows until the next prompt, or until a text."""


@contextmanager
def terminal(*arguments: str, prompt: str = ">>> ") -> Generator[Tell]:
    """Start the shell at a terminal of its own; it is left by Ctrl-D."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "dumb"
        os.execv(COMMAND[0], [*COMMAND, "shell", *arguments])

    def tell(text: str, until: str = prompt) -> str:
        # An interrupt that comes before readline waits for a key is seen at the next key only, and
        # the kernel has no event for a process that begins to wait.
        while text == "\x03" and ") S " not in Path(f"/proc/{pid}/stat").read_text():
            time.sleep(0.01)
        os.write(terminal, text.encode())
        shown = ""
        while not shown.endswith(until):
            shown += os.read(terminal, 65_536).decode()
        return shown.removesuffix(until).replace("\r", "")

    try:
        tell("")
        yield tell
        os.write(terminal, b"\x04")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        os.close(terminal)  # which ends one that has not ended


def test_variables_stay_and_values_are_shown() -> None:
    with terminal() as tell:
        tell("x = 40\n")

        assert tell("x + 2\n").endswith("\n42\n")
        assert tell("for i in range(2):\n    print(i + x)\n\n").endswith("\n40\n41\n")
        assert tell("import asyncio; await asyncio.sleep(0, 'woken')\n").endswith("\n'woken'\n")
        assert "Failed: ZeroDivisionError" in tell("1 / 0\n")
        assert tell("x\n").endswith("\n40\n")


def test_interrupt_ends_the_call_and_not_the_session() -> None:
    with terminal() as tell:
        tell("x = 40\n")
        tell("import time; print('begun', flush=True); time.sleep(60)\n", "\r\nbegun\r\n")

        assert "Interrupted." in tell("\x03")
        assert tell("x\n").endswith("\n40\n")


def test_interrupt_at_the_prompt_drops_the_line() -> None:
    with terminal() as tell:
        # Only when the line editor has taken them: before that it would not see the interrupt.
        tell("y = ", "y = ")
        tell("\x03")

        assert "NameError" in tell("y\n")


def test_bash_goes_on_until_a_command_is_whole() -> None:
    with terminal("--bash", prompt="$ ") as tell:
        tell("cd /tmp; A=5\n")

        assert tell("cat <<END\n$A\nEND\n").endswith("\n5\n")
        assert tell("if true\nthen pwd\nfi\n").endswith("\n/tmp\n")


def test_nothing_printed_steers_the_terminal() -> None:
    with terminal() as tell:
        shown = tell("print('\\x1b]0;title\\x07', '\\x1b[31mred', '\\u202e')\n")

        assert "\x1b]" not in shown
        assert "\u202e" not in shown
        assert "\\x1b]0;title\\x07 \x1b[31mred" in shown


@pytest.mark.parametrize(
    ("arguments", "typed", "shown"),
    [((), "x = 6\nx * 7\n", "42\n"), (("--bash",), "A=6\necho $((A * 7))\nexit\necho no", "42\n")],
)
def test_without_a_terminal_it_reads_a_script(
    arguments: tuple[str, ...], typed: str, shown: str
) -> None:
    done = bellglass("shell", *arguments, input=typed)

    assert (done.returncode, done.stdout, done.stderr) == (0, shown, "")

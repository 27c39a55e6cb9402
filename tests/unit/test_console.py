"""Text from a sandbox on its way to a terminal."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bellglass.server.console import printable
from bellglass.server.http.tokens import token_of
from bellglass.server.settings import Settings

STEERING = [
    "\x1b]52;c;aGk=\x07",
    "\x1b[2J\x1b[H",
    "\x9b2J",
    "\r",
    "\b",
    "\x7f",
    "\u202e",
    "\u061c",
    "\u2066",
    "\u2028",
]


@pytest.mark.parametrize("text", STEERING, ids=json.dumps)
def test_what_steers_a_terminal_is_written_out(text: str) -> None:
    shown = printable(f"before {text} after\n")

    assert shown.startswith("before \\")
    assert shown.endswith(" after\n")
    assert shown[:-1].isprintable()


def test_other_text_is_left_as_it_is() -> None:
    assert printable("tab\t日本 é 😀\n") == "tab\t日本 é 😀\n"


def test_error_lines_are_printable() -> None:
    command = [str(Path(sys.executable).parent / "bellglass"), "get", "\x1b[2Jx"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "\x1b" not in done.stderr


def test_token_that_others_can_read_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "token"
    file.write_text("example-of-a-secret-token-0123456789\n")
    file.chmod(0o600)
    settings = Settings(http_token_file=str(file))
    token_of(settings)
    assert not caplog.messages

    file.chmod(0o644)
    token_of(settings)
    assert f"chmod 600 {file}" in caplog.text

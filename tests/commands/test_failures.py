"""However a command fails, a person reads one line and no traceback."""

import signal
import socket
import subprocess
from pathlib import Path

import pytest
from commands.support import COMMAND, bellglass

from bellglass.server.failures import exit_code_of


def test_what_nobody_foresaw_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise ExceptionGroup("of tasks", [ValueError("a reason\nin two \x1b]0;lines")])

    assert exit_code_of(fail, debug=False) == 1

    told = capsys.readouterr().err
    assert told == "bellglass: ValueError: a reason in two \\x1b]0;lines (--debug shows where)\n"


def test_debug_shows_where(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise ValueError("a reason")

    exit_code_of(fail, debug=True)

    told = capsys.readouterr().err
    assert "Traceback" in told
    assert ", in fail" in told


def test_interrupt_ends_a_command_in_one_line() -> None:
    process = subprocess.Popen(
        [*COMMAND, "doctor"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("bellglass ")

    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)

    assert told == "bellglass: interrupted.\n"
    assert process.returncode == 130


def test_closed_pipe_ends_a_command_in_silence() -> None:
    process = subprocess.Popen(
        [*COMMAND, "doctor"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    told = process.stderr.read()
    process.stderr.close()

    assert process.wait(timeout=60) == 141
    assert told == ""


def test_full_disk_is_told() -> None:
    with open("/dev/full", "w") as full:
        done = bellglass("version", capture_output=False, stdout=full, stderr=subprocess.PIPE)

    assert (done.returncode, done.stderr) == (
        1,
        "bellglass: No space left on device (--debug shows where)\n",
    )


def test_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:  # nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        (tmp_path / "file").write_text("text")
        done = bellglass("put", "--url", url, str(tmp_path / "file"))

    assert done.returncode == 1
    assert "no server answers there" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "told", "code"),
    [
        (["get", ".", "--session", "x"], "it is a folder", 1),
        (["frobnicate"], "No such command 'frobnicate'", 2),
        (["--memory-mb", "none", "doctor"], "--memory-mb='none'", 2),
        (["check", "nothing"], "no backend 'nothing' is installed", 1),
    ],
)
def test_wrong_arguments_are_told(arguments: list[str], told: str, code: int) -> None:
    done = bellglass(*arguments)

    assert done.returncode == code
    assert told in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2

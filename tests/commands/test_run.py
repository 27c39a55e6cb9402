"""`bellglass run` is to its user what Python or Bash would be, but for where the code runs."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from commands.support import COMMAND, bellglass


def ran(code: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return bellglass("run", "-", *arguments, settings=settings, input=code)


def test_output_is_that_of_the_program() -> None:
    done = ran("import sys; print('out', end=''); print('err', file=sys.stderr); len('value')")

    assert (done.returncode, done.stdout, done.stderr) == (0, "out", "err\n")


def test_output_of_any_length_comes_whole() -> None:
    done = ran("for number in range(300_000): print(number)")

    assert done.stdout == "".join(f"{number}\n" for number in range(300_000))
    assert done.stderr == ""


def test_program_has_its_arguments_and_name(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import sys; print(sys.argv, __file__, __name__)")
    done = bellglass("run", str(program), "--flag", "a b")

    assert done.stdout == "['program.py', '--flag', 'a b'] program.py __main__\n"


def test_bash_is_told_by_its_name(tmp_path: Path) -> None:
    program = tmp_path / "program.sh"
    program.write_text('echo "$2"\necho "$BASH_VERSION" >/dev/null && exit 7\n')
    done = bellglass("run", str(program), "a", "b c")

    assert (done.returncode, done.stdout, done.stderr) == (7, "b c\n", "")


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('a reason')", 1, "a reason\n"),
        ("import os; os.kill(os.getpid(), 9)", 128 + 9, "Killed by SIGKILL"),
        ("1 / 0", 1, "Failed: ZeroDivisionError: division by zero (line 1)"),
    ],
)
def test_exit_code_is_that_of_the_program(code: str, status: int, told: str) -> None:
    done = ran(code)

    assert done.returncode == status
    assert done.stderr.startswith(told)
    assert "session_id" not in done.stderr


def test_time_limit_ends_it() -> None:
    done = bellglass("run", "--timeout", "0.5", "-", input="while True: pass")

    assert done.returncode == 124
    assert "Timed out after 0.5 s" in done.stderr


def test_policy_of_the_operator_holds() -> None:
    done = ran("import socket", BELLGLASS_REFUSE_IMPORTS="socket")

    assert done.returncode == 125
    assert "line 1 imports socket" in done.stderr


def test_program_that_is_not_there_is_told() -> None:
    done = bellglass("run", "nowhere.py")

    assert (done.returncode, done.stderr) == (
        125,
        "bellglass: nowhere.py: No such file or directory.\n",
    )


def test_files_go_in_and_come_out(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "data.bin").write_bytes(data)
    (tmp_path / "none").write_bytes(b"")
    out = tmp_path / "out"
    (out / "copies").mkdir(parents=True)
    (tmp_path / "kept").write_text("kept")
    (out / "copies" / "copy").symlink_to(tmp_path / "kept")
    code = (
        "import os, shutil\nassert os.path.getsize('none') == 0\nos.makedirs('copies')\n"
        "shutil.copy('data.bin', 'copies/copy')\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])"
    )
    done = bellglass(
        *("run", "--data", str(tmp_path / "data.bin"), "--data", str(tmp_path / "none")),
        *("--out", str(out), "-"),
        input=code,
    )

    assert done.returncode == 0, done.stderr
    assert (out / "copies" / "copy").read_bytes() == data
    assert (out / "figure-1.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "kept").read_text() == "kept"
    assert str(out / "copies" / "copy") in done.stderr


def test_files_go_in_whatever_tools_models_are_listed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    done = bellglass(
        *("run", "--data", str(tmp_path / "a.txt"), "-"),
        settings={"BELLGLASS_TOOLS": "core"},
        input="print(open('a.txt').read())",
    )

    assert (done.returncode, done.stdout) == (0, "a\n"), done.stderr


def test_output_comes_while_it_runs_and_an_interrupt_ends_it() -> None:
    process = subprocess.Popen(
        [*COMMAND, "run", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("print('begun', flush=True)\nimport time; time.sleep(60)")
    process.stdin.close()
    process.stdin = None
    assert process.stdout.readline() == "begun\n"

    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)

    assert (process.returncode, told) == (130, "bellglass: interrupted.\n")


def test_who_reads_no_more_ends_it() -> None:
    process = subprocess.Popen(
        [*COMMAND, "run", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("import time\nwhile True: print('y', flush=True); time.sleep(0.01)")
    process.stdin.close()
    process.stdin = None
    assert process.stdout.readline() == "y\n"
    process.stdout.close()
    process.stdout = None
    _, told = process.communicate(timeout=30)

    assert (process.returncode, told) == (141, "")

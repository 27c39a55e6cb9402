"""Attempts to end what should go on, and to go on after the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from security.support import stands_still, ticks_of, until

if TYPE_CHECKING:
    from security.support import Target

ENDINGS = {
    "os._exit(0)": ("crashed", None),
    "os._exit(3)": ("crashed", None),
    "os.abort()": ("crashed", "SIGABRT"),
    "ctypes.string_at(0)": ("crashed", "SIGSEGV"),
    "os.kill(os.getpid(), signal.SIGKILL); time.sleep(5)": ("killed", "SIGKILL"),
    "os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)": ("killed", "SIGTERM"),
    "os.kill(os.getpid(), 40); time.sleep(5)": ("killed", "SIGRTMIN+6"),
    "signal.alarm(1); time.sleep(5)": ("killed", "SIGALRM"),
    "signal.setitimer(signal.ITIMER_REAL, 0.01); time.sleep(5)": ("killed", "SIGALRM"),
    "os.execv('/bin/true', ['true'])": ("crashed", None),
    "import ctypes; ctypes.pythonapi.Py_Finalize()": ("crashed", "SIGSEGV"),
    "import faulthandler; faulthandler._sigsegv()": ("crashed", "SIGSEGV"),
    "os.closerange(0, 5000); 1": ("crashed", None),
    "libc.exit(0)": ("crashed", None),
}


@pytest.mark.parametrize("code", ENDINGS)
async def test_an_end_is_told_and_costs_one_call(lasting: Target, code: str) -> None:
    status, name = ENDINGS[code]
    execution = await lasting.python(f"witness = 'changed'\n{code}")

    assert (execution.status, execution.signal) == (status, name)
    assert execution.state == "restored"


async def test_an_end_in_bash_is_told(lasting: Target) -> None:
    execution = await lasting.bash("kill -SEGV $$")

    assert (execution.status, execution.signal) == ("crashed", "SIGSEGV")


@pytest.mark.parametrize(
    "code",
    [
        "sys.stdout.close()",
        "os.close(0); os.close(1); os.close(2)",
        "sys.stdin = sys.stdout = sys.stderr = None",
        "os.dup2(os.open('/dev/full', os.O_WRONLY), 1); print('x' * 100_000)",
    ],
)
async def test_closed_streams_are_open_again(lasting: Target, code: str) -> None:
    await lasting.python(code)
    execution = await lasting.python("print('heard')\nos.write(2, b'too')")

    assert execution.stdout.text == "heard\n"
    assert execution.stderr.text == "too"


async def test_recursion_without_end_costs_one_call(target: Target) -> None:
    execution = await target.python("sys.setrecursionlimit(10 ** 9)\ndef f(): f()\nf()", timeout=10)

    assert execution.status in ("crashed", "oom", "error", "killed", "timeout")


async def test_work_at_exit_is_not_waited_for(lasting: Target) -> None:
    execution = await lasting.python(
        "import atexit\natexit.register(time.sleep, 60)\nsys.exit(3)", timeout=5
    )

    assert (execution.status, execution.exit_code) == ("exit", 3)


async def test_nothing_ends_a_session_by_an_empty_answer(lasting: Target) -> None:
    for code in ("", "\n", "#", "pass", ";", "\0", "\ud800"):
        await lasting.python(code)


# --- what is left behind

DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(1, 65):
            attempt(signal.signal, number, signal.SIG_IGN)
        be_marked()
        while True: pass
    os._exit(0)
os.wait()
"""


async def test_a_daemon_is_swept(lasting: Target) -> None:
    execution = await lasting.python(DAEMON)

    assert execution.killed_processes == 1
    assert ticks_of(lasting.mark) is None


async def test_a_daemon_of_a_long_call_is_swept(lasting: Target) -> None:
    execution = await lasting.python(DAEMON + "time.sleep(0.1)")

    assert execution.killed_processes == 1
    assert ticks_of(lasting.mark) is None


async def test_a_daemon_of_a_call_that_crashed_is_swept(lasting: Target) -> None:
    await lasting.python(DAEMON + "os.abort()")

    assert ticks_of(lasting.mark) is None


async def test_the_end_of_our_own_copy_is_not_laid_at_the_code(lasting: Target) -> None:
    # A large process is a while in ending.
    await lasting.python("ballast = bytearray(b'x') * 150_000_000")
    for _ in range(20):
        execution = await lasting.session.run(
            "python", {"code": "time.sleep(0.021); ballast[0] = 1"}, timeout=5
        )
        assert execution.killed_processes == 0
    await lasting.python("del ballast")


@pytest.mark.parametrize("command", ["--help", "-c 'echo x'", "-- ; true", "-p"])
async def test_a_command_with_a_leading_dash_is_a_command(lasting: Target, command: str) -> None:
    execution = await lasting.bash(f"{command}\necho next")

    assert "command not found" in execution.stderr.text
    assert execution.stdout.text == "next\n"


async def test_jobs_of_bash_are_swept(lasting: Target) -> None:
    execution = await lasting.bash(
        f"printf {lasting.mark} > /tmp/name; (cat /tmp/name > /proc/self/comm;"
        " trap '' TERM HUP INT; while :; do :; done) & nohup setsid sleep 77 & disown -a"
    )

    assert execution.killed_processes >= 2
    assert ticks_of(lasting.mark) is None


async def test_three_hundred_orphans_are_buried(lasting: Target) -> None:
    await lasting.python(
        """
for _ in range(300):
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            os._exit(0)
        os._exit(0)
    os.waitpid(child, 0)
"""
    )
    execution = await lasting.bash("grep -c '^State:.*zombie' /proc/[0-9]*/status | grep -c ':1$'")

    assert execution.stdout.text == "0\n"


async def test_zombies_of_the_code_do_not_add_up(lasting: Target) -> None:
    for _ in range(4):
        await lasting.python("for _ in range(30):\n    if os.fork() == 0: os._exit(0)")


async def test_a_thread_is_not_heard_in_the_next_call(target: Target) -> None:
    await target.python(
        """
def chatter():
    while True:
        print("LEAK", flush=True)
threading.Thread(target=chatter, daemon=True).start()
"""
    )
    execution = await target.python("time.sleep(0.1)\nprint('mine')")

    assert execution.stdout.text == "mine\n"


async def test_a_thread_burns_nothing_between_calls(target: Target) -> None:
    await target.python(
        """
be_marked()
def spin():
    be_marked()
    while True: pass
threading.Thread(target=spin, daemon=True).start()
"""
    )

    await stands_still(target.mark)


@pytest.mark.parametrize("when", ["before", "after_in_parent", "after_in_child"])
async def test_a_hook_around_fork_burns_nothing_between_calls(target: Target, when: str) -> None:
    await target.python(
        f"""
be_marked()
def spin():
    while True: pass
os.register_at_fork({when}=spin)
"""
    )

    await stands_still(target.mark)


@pytest.mark.parametrize("when", ["before", "after_in_parent", "after_in_child"])
async def test_a_hook_around_fork_leaves_no_daemon(target: Target, when: str) -> None:
    await target.python(
        f"""
hooked = False
def hatch():
    global hooked
    if not hooked:
        hooked = True
        subprocess.Popen([sys.executable, "-c", '''
import ctypes
ctypes.CDLL(None).prctl(15, b"{target.mark}", 0, 0, 0)
while True: pass
'''], start_new_session=True)
os.register_at_fork({when}=hatch)
"""
    )

    await until(lambda: ticks_of(target.mark) is None)


async def test_a_timer_does_not_write_into_the_next_call(target: Target) -> None:
    await target.python(
        """
signal.signal(signal.SIGALRM, lambda *a: print("LATE"))
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
"""
    )
    execution = await target.python("time.sleep(0.2)\nprint('mine')")

    assert execution.stdout.text == "mine\n"


async def test_a_trap_of_bash_does_not_outlive_its_call(lasting: Target) -> None:
    await lasting.bash("trap 'echo LATE' EXIT DEBUG ERR; set -e")
    execution = await lasting.bash("false; echo mine")

    assert execution.stdout.text == "mine\n"

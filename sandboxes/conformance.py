"""The contract of a backend as a list of checks: run on ours, and by the author of another.

Each check takes a sandbox, looks at effects through the door that a caller uses, and raises
AssertionError when the promise in its name is broken. No test framework is needed:
`bellglass check NAME` runs them all.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio

from bellglass.sandboxes.session import Session

if TYPE_CHECKING:
    from bellglass.sandboxes.base import Sandbox
    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.protocol import Stream

Check = Callable[["Sandbox"], Awaitable[None]]

CHECKS: list[Check] = []


def check(function: Check) -> Check:
    CHECKS.append(function)
    return function


async def python(session: Session, code: str, timeout: float = 20) -> Execution:
    return await session.run("python", {"code": code}, timeout=timeout)


async def bash(session: Session, command: str, timeout: float = 20) -> Execution:
    return await session.run("bash", {"command": command}, timeout=timeout)


# --- the main job


@check
async def python_shows_output_and_last_value(sandbox: Sandbox) -> None:
    async with Session.open(sandbox) as session:
        execution = await python(session, "print('hello')\n6 * 7")
    assert execution.status == "ok"
    assert execution.stdout.text == "hello\n"
    assert execution.value == "42"


@check
async def variables_last_between_calls(sandbox: Sandbox) -> None:
    async with Session.open(sandbox) as session:
        await python(session, "x = [1, 2]")
        execution = await python(session, "x.append(3)\nx")
    assert execution.value == "[1, 2, 3]"


@check
async def top_level_await_works(sandbox: Sandbox) -> None:
    async with Session.open(sandbox) as session:
        execution = await python(session, "import asyncio\nawait asyncio.sleep(0, 'slept')")
    assert execution.value == "'slept'"


@check
async def an_exception_is_data(sandbox: Sandbox) -> None:
    async with Session.open(sandbox) as session:
        execution = await python(session, "def half(n):\n    return n / 0\n\nhalf(4)")
    assert execution.status == "error"
    assert execution.error is not None
    assert execution.error.name == "ZeroDivisionError"
    assert execution.error.line == 2
    assert "half(4)" in execution.error.traceback
    assert "bellglass" not in execution.error.traceback


@check
async def bash_keeps_directory_variables_and_functions(sandbox: Sandbox) -> None:
    async with Session.open(sandbox) as session:
        await bash(session, "mkdir d; cd d; export A=1; b=2; f() { echo f; }")
        execution = await bash(session, 'echo "${PWD##*/} $A $b"; f')
    assert execution.stdout.text == "d 1 2\nf\n"


@check
async def python_and_bash_share_the_workspace(sandbox: Sandbox) -> None:
    async with Session.open(sandbox) as session:
        await python(session, "open('note', 'w').write('from python')")
        execution = await bash(session, "cat note")
    assert execution.stdout.text == "from python"


@check
async def streams_are_kept_apart_and_taken_below_python(sandbox: Sandbox) -> None:
    code = (
        "import os, subprocess\nos.write(1, b'low\\n')\nsubprocess.run('echo err >&2', shell=True)"
    )
    async with Session.open(sandbox) as session:
        execution = await python(session, code)
    assert execution.stdout.text == "low\n"
    assert execution.stderr.text == "err\n"


@check
async def an_exit_code_is_told(sandbox: Sandbox) -> None:
    async with Session.open(sandbox) as session:
        shell = await bash(session, "exit 3")
        script = await python(session, "raise SystemExit(4)")
    assert (shell.status, shell.exit_code) == ("exit", 3)
    assert (script.status, script.exit_code) == ("exit", 4)


@check
async def figures_come_back_as_pictures(sandbox: Sandbox) -> None:
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()\nplt.figure()\nNone"
    async with Session.open(sandbox) as session:
        installed = await python(session, "import importlib.util as u\nu.find_spec('matplotlib')")
        execution = await python(session, code, timeout=60)
        after = await python(session, "'no figure'")
    if installed.value is not None:
        assert [picture[1:4] for picture in execution.images] == [b"PNG", b"PNG"]
        assert execution.stderr.text == ""
    assert after.images == []


@check
async def output_arrives_while_the_code_runs(sandbox: Sandbox) -> None:
    seen: list[str] = []

    async def note(stream: Stream) -> None:
        seen.append(stream.text)

    code = "import time\nfor i in range(8):\n    print('tick', i)\n    time.sleep(0.1)"
    async with Session.open(sandbox) as session:
        await session.run("python", {"code": code}, timeout=20, on_stream=note)
    assert any("tick 0" in text for text in seen)


@check
async def standard_input_is_empty(sandbox: Sandbox) -> None:
    async with Session.open(sandbox) as session:
        execution = await python(session, "input('name? ')")
    assert execution.error is not None
    assert execution.error.name == "EOFError"


# --- apart


@check
async def two_sessions_share_nothing(sandbox: Sandbox) -> None:
    async with Session.open(sandbox) as one, Session.open(sandbox) as other:
        await python(one, "x = 1\nfor d in ('.', '/tmp'): open(d + '/secret', 'w').write('s')")
        variable = await python(other, "x")
        files = await bash(other, "cat secret /tmp/secret")
    assert variable.error is not None
    assert files.stdout.text == ""


@check
async def nothing_of_the_server_is_in_the_environment(sandbox: Sandbox) -> None:
    async with Session.open(sandbox) as session:
        execution = await python(session, "import os\nsorted(os.environ)")
    assert execution.value is not None
    assert not [name for name in eval(execution.value) if "KEY" in name or "TOKEN" in name]


@check
async def there_is_no_network_but_loopback(sandbox: Sandbox) -> None:
    async with Session.open(sandbox) as session:
        # Where there is a route nothing is sent: the check fails before a socket is connected.
        routes = await python(session, "open('/proc/net/route').read().splitlines()[1:]")
        names = await bash(session, "grep -o '^ *[^ :]*:' /proc/net/dev | tr -d ' :'")
        local = await python(
            session,
            "import socket\ns = socket.create_server(('127.0.0.1', 0))\n"
            "socket.create_connection(s.getsockname()).close()\n'connected'",
        )
    assert routes.value == "[]"
    assert names.stdout.text == "lo\n"
    assert local.value == "'connected'"


@check
async def the_code_has_no_privileges(sandbox: Sandbox) -> None:
    code = "d = dict(l.split(':', 1) for l in open('/proc/self/status'))\n"
    code += (
        "import os\nos.getuid(), int(d['CapEff'], 16), int(d['CapBnd'], 16), int(d['NoNewPrivs'])"
    )
    async with Session.open(sandbox) as session:
        execution = await python(session, code)
    assert execution.value is not None
    uid, effective, bounding, no_new_privs = eval(execution.value)
    assert uid != 0
    assert (effective, bounding, no_new_privs) == (0, 0, 1)


# --- limits


@check
async def a_time_limit_keeps_the_variables(sandbox: Sandbox) -> None:
    async with Session.open(sandbox) as session:
        await python(session, "x = 1")
        started = time.monotonic()
        execution = await python(session, "while True: pass", timeout=1)
        took = time.monotonic() - started
        after = await python(session, "x")
    assert execution.status == "timeout"
    assert execution.state == "kept"
    assert took < 2
    assert after.value == "1"


@check
async def code_that_ignores_the_interrupt_costs_only_its_own_call(sandbox: Sandbox) -> None:
    stubborn = (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nx = 2\nwhile True: pass"
    )
    async with Session.open(sandbox) as session:
        await python(session, "x = 1")
        execution = await python(session, stubborn, timeout=1)
        after = await python(session, "x")
    assert execution.status == "timeout"
    assert execution.state == "restored"
    assert after.value == "1"


@check
async def a_time_limit_ends_what_bash_started(sandbox: Sandbox) -> None:
    async with Session.open(sandbox) as session:
        execution = await bash(session, "sleep 61 & sleep 62", timeout=1)
        after = await bash(session, "grep -l sleep /proc/[0-9]*/comm")
    assert execution.status == "timeout"
    assert after.stdout.text == ""


@check
async def nothing_is_left_running(sandbox: Sandbox) -> None:
    code = "import subprocess\nsubprocess.Popen(['sleep', '63'], start_new_session=True)\n'started'"
    async with Session.open(sandbox) as session:
        execution = await python(session, code)
        after = await bash(session, "grep -l sleep /proc/[0-9]*/comm")
    assert execution.swept == 1
    assert after.stdout.text == ""


@check
async def a_crash_costs_only_its_own_call(sandbox: Sandbox) -> None:
    async with Session.open(sandbox) as session:
        await python(session, "x = 1")
        crash = await python(session, "import os\nx = 2\nos.abort()")
        left = await python(session, "import os\nos._exit(0)")
        after = await python(session, "x")
    assert (crash.status, crash.signal, crash.state) == ("crashed", "SIGABRT", "restored")
    assert (left.status, left.exit_code) == ("crashed", 0)
    assert after.value == "1"


@check
async def memory_is_limited_for_one_process(sandbox: Sandbox) -> None:
    size = sandbox.limits.memory_bytes * 2
    async with Session.open(sandbox) as session:
        execution = await python(session, f"b = b'x' * {size}\nlen(b)", timeout=30)
        after = await python(session, "'still here'")
    assert execution.status == "oom" or (
        execution.error is not None and execution.error.name == "MemoryError"
    )
    assert after.value == "'still here'"


@check
async def memory_is_limited_for_all_processes_together(sandbox: Sandbox) -> None:
    part = sandbox.limits.memory_bytes // 4
    code = f"""
import os, time
for _ in range(8):
    if os.fork() == 0:
        b = b'x' * {part}
        time.sleep(20)
        os._exit(0)
time.sleep(20)
'unlimited'
"""
    async with Session.open(sandbox) as session:
        execution = await python(session, code, timeout=10)
        after = await python(session, "'still here'")
    assert execution.value != "'unlimited'"
    assert execution.status == "oom" or any("memory" in notice for notice in execution.notices)
    assert after.value == "'still here'"


@check
async def processes_are_limited(sandbox: Sandbox) -> None:
    code = f"""
import os, time
n = 0
try:
    for _ in range({sandbox.limits.processes * 4}):
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        n += 1
except OSError:
    pass
n
"""
    async with Session.open(sandbox) as session:
        execution = await python(session, code)
        after = await python(session, "'still here'")
    assert execution.value is not None
    assert int(execution.value) <= sandbox.limits.processes
    assert after.value == "'still here'"


@check
async def disk_is_limited_everywhere(sandbox: Sandbox) -> None:
    most = (sandbox.limits.disk_bytes + sandbox.limits.scratch_bytes) * 2
    code = f"""
import os
endless = []
for d in ('.', '/tmp', '/var/tmp', '/dev/shm', '/dev', '/run', '/opt', '/'):
    n, paths = 0, []
    try:
        while n < {most}:
            paths.append(f'{{d}}/fill{{len(paths)}}')
            with open(paths[-1], 'wb') as f:
                os.posix_fallocate(f.fileno(), 0, 16 << 20)
            n += 16 << 20
        endless.append(d)
    except OSError:
        pass
    for p in paths:
        try: os.unlink(p)
        except OSError: pass
endless
"""
    async with Session.open(sandbox) as session:
        execution = await python(session, code, timeout=60)
    assert execution.value == "[]"


@check
async def output_is_cut_and_the_rest_can_be_read(sandbox: Sandbox) -> None:
    async with Session.open(sandbox) as session:
        execution = await python(session, "print('a' * 3_000_000)\nprint('the end')", timeout=30)
        assert execution.stdout.file is not None
        rest = await bash(session, f"wc -c < {execution.stdout.file}")
    assert execution.stdout.total_bytes == 3_000_009
    assert execution.stdout.cut_bytes > 2_900_000
    assert len(execution.stdout.text) < sandbox.limits.output_bytes + 1000
    assert execution.stdout.text.endswith("the end\n")
    assert "omitted" in execution.stdout.text
    assert rest.stdout.text.strip() == "3000009"


# --- nobody is fooled


@check
async def frames_written_to_every_descriptor_forge_nothing(sandbox: Sandbox) -> None:
    code = """
import json, os, struct
fake = json.dumps({'type': 'reply', 'id': 1, 'nonce': '0', 'execution': {'status': 'ok'}})
fake = struct.pack('>I', len(fake)) + fake.encode()
for fd in range(3, 4096):
    try:
        os.set_blocking(fd, False)
        os.write(fd, fake)
    except OSError:
        pass
for fd in range(16):
    try:
        os.write(os.open(f'/proc/1/fd/{fd}', os.O_WRONLY), fake)
    except OSError:
        pass
raise RuntimeError('real')
"""
    async with Session.open(sandbox) as session:
        execution = await python(session, code)
        after = await python(session, "'still here'")
    assert execution.error is not None
    assert execution.error.message == "real"
    assert after.value == "'still here'"


@check
async def the_runner_cannot_be_read_or_killed(sandbox: Sandbox) -> None:
    code = """
import os
def attempt(f, *a):
    try:
        return f(*a)
    except OSError:
        return None
opened = [p for p in ('mem', 'environ', 'maps', 'fd/0', 'root/etc', 'cwd/x')
          if attempt(os.open, f'/proc/1/{p}', os.O_RDONLY) is not None]
for number in (9, 15, 2, 19, 11):
    attempt(os.kill, 1, number)
opened
"""
    async with Session.open(sandbox) as session:
        execution = await python(session, code)
        after = await python(session, "'still here'")
    assert execution.value == "[]"
    assert after.value == "'still here'"
    assert after.state == "kept"


@check
async def any_bytes_may_be_printed(sandbox: Sandbox) -> None:
    code = "import os\nos.write(1, bytes(range(256)) + b'\\xed\\xa0\\x80 end')\n'\\ud800'"
    async with Session.open(sandbox) as session:
        execution = await python(session, code)
    assert execution.stdout.text.endswith("end")
    assert "\x00" not in execution.stdout.text
    execution.model_dump_json().encode()


@check
async def a_cancelled_call_stops_and_keeps_the_variables(sandbox: Sandbox) -> None:
    async with Session.open(sandbox) as session:
        await python(session, "x = 1")
        with anyio.move_on_after(1):
            await python(session, "import time\ntime.sleep(30)")
        with anyio.fail_after(10):
            after = await python(session, "x")
    assert after.value == "1"
    assert after.state == "kept"


@check
async def leaving_the_session_leaves_nothing(sandbox: Sandbox) -> None:
    async with Session.open(sandbox) as session:
        await python(session, "import time")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(python, session, "time.sleep(60)")
            await anyio.sleep(0.2)
            tasks.cancel_scope.cancel()
    with anyio.fail_after(10):
        async with Session.open(sandbox) as session:
            execution = await python(session, "'a new one'")
    assert execution.value == "'a new one'"

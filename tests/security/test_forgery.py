"""Making the server believe what did not happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from security.support import stands_still

if TYPE_CHECKING:
    from security.support import Target

FRAME = """
import json
fake = {"type": "reply", "id": 1, "nonce": "0" * 32, "execution": {}}
fake["execution"] = {"status": "ok", "value": "FORGED"}
fake = json.dumps(fake).encode()
fake = struct.pack(">I", len(fake)) + fake
"""


async def test_frames_on_every_descriptor_change_nothing(lasting: Target) -> None:
    execution = await lasting.python(
        f"""{FRAME}
control = own_control().socket.fileno()
for fd in range(3, 4096):
    if fd != control:
        try:
            os.set_blocking(fd, False)
            os.write(fd, fake)
        except OSError:
            pass
for pid in (1, os.getppid()):
    for fd in range(16):
        attempt(lambda: os.write(os.open(f"/proc/{{pid}}/fd/{{fd}}", os.O_WRONLY), fake))
raise RuntimeError("real")
"""
    )

    assert execution.error is not None
    assert execution.error.message == "real"


async def test_frames_on_the_outputs_are_output(lasting: Target) -> None:
    execution = await lasting.python(FRAME + "os.write(1, fake)\nos.write(2, fake)\n'real'")

    assert execution.value == "'real'"
    assert "FORGED" in execution.stdout.text
    assert "FORGED" in execution.stderr.text


async def test_an_answer_with_a_wrong_nonce_is_dropped(lasting: Target) -> None:
    execution = await lasting.python(
        """
own_control().send({"nonce": "0" * 32, "status": "ok", "value": "FORGED"})
own_control().send({"nonce": None, "status": "ok", "value": "FORGED"})
own_control().send({"status": "ok", "value": "FORGED"})
'real'
"""
    )

    assert execution.value == "'real'"


async def test_junk_on_the_control_socket_is_dropped(lasting: Target) -> None:
    execution = await lasting.python(
        """
control = own_control().socket
for junk in (b"x", b".", b"+" * 60000, b"." + b"[" * 60000, b".12345678" + b"\\xff" * 100,
             b".12345678[]", b".12345678null", b".12345678{\\"nonce\\": 1e999}", b"\\0" * 50000):
    for _ in range(20):
        control.send(junk)
'real'
"""
    )

    assert execution.value == "'real'"


async def test_a_flood_of_packets_does_not_hold_off_the_time_limit(target: Target) -> None:
    execution = await target.python(
        "control = own_control().socket\nwhile True: control.send(b'+' * 1000)", timeout=0.5
    )

    assert execution.status == "timeout"
    assert execution.wall_seconds < 3


async def test_an_endless_message_is_not_collected(lasting: Target) -> None:
    execution = await lasting.python(
        """
control = own_control().socket
for _ in range(2000):
    control.send(b"+12345678" + b"x" * 50000)
'real'
"""
    )

    assert execution.value == "'real'"


async def test_an_answer_from_the_right_frames_leaves_nothing_running(target: Target) -> None:
    # The nonce is in the worker's memory: such an answer is a claim like any other of its values.
    execution = await target.python(
        """
libc.prctl(15, b"forger", 0, 0, 0)
own_control().send({"nonce": own_nonce(), "status": "ok", "value": "FORGED"})
while True: pass
"""
    )
    await stands_still("forger")

    assert execution.value == "FORGED"


@pytest.mark.parametrize(
    "claims",
    [
        "{'value': 'x' * 6_000_000}",
        "{'value': '\\U0001f600' * 500_000}",
        "{'value': ['a'], 'error': 7, 'exit_code': 'x', 'background_bytes': 'y'}",
        "{'exit_code': 10 ** 4000, 'background_bytes': 10 ** 4000}",
        "{'error': {'name': 'n' * 90_000, 'message': 'm' * 900_000, 'traceback': '', 'line': -1}}",
        "{'status': 'timeout', 'state': 'lost', 'swept': 99, 'cpu_seconds': -1}",
        "{'status': None, 'value': '\\ud800\\0'}",
        "{'images': ['x', 7, 'iVBORw0KGgo!', 'iVBORw0KGgoA', 'iVBORw0KGgo' + 'A' * 9_000_000]}",
    ],
)
async def test_claims_of_any_shape_get_one_valid_reply(lasting: Target, claims: str) -> None:
    execution = await lasting.python(
        f"""
own_control().send({{"nonce": own_nonce(), "status": "ok", **{claims}}})
os._exit(0)
"""
    )

    # "crashed" where the end of the worker was seen before what it claimed.
    assert execution.status in ("ok", "error", "crashed")
    execution.model_dump_json().encode()


async def test_a_copy_that_is_not_there_is_found_out(target: Target) -> None:
    # The worker answers the request for a copy with a process of its choice.
    execution = await target.python(
        """
control, send = own_control(), type(own_control()).send
def lie(self, message, descriptors=()):
    if "checkpoint" in message:
        message = {**message, "checkpoint": 1}
    return send(self, message, descriptors)
type(control).send = lie
"""
    )
    crash = await target.python("os._exit(1)")

    assert execution.status == "ok"
    assert crash.state in ("restored", "lost")


async def test_a_daemon_that_poses_as_the_copy_does_not_run(target: Target) -> None:
    await target.python(
        """
control, send = own_control(), type(own_control()).send
def lie(self, message, descriptors=()):
    if "checkpoint" in message:
        pid = os.fork()
        if pid == 0:
            libc.prctl(15, b"poser", 0, 0, 0)
            while True: pass
        message = {**message, "checkpoint": pid}
        descriptors = (os.dup(0),)
    return send(self, message, descriptors)
type(control).send = lie
"""
    )

    await stands_still("poser")


async def test_a_thread_that_steals_requests_is_told(target: Target) -> None:
    await target.python(
        """
control = own_control().socket
def steal():
    while True:
        try:
            control.recv(65536)
        except OSError:
            return
for _ in range(8):
    threading.Thread(target=steal, daemon=True).start()
"""
    )


async def test_descriptors_sent_to_the_runner_are_closed(target: Target) -> None:
    execution = await target.python(
        """
control = own_control().socket
for _ in range(300):
    attempt(socket.send_fds, control, [b".12345678{}"], [0, 1, 2, 0])
'real'
"""
    )

    assert execution.value == "'real'"


async def test_a_socket_that_is_slow_to_close_does_not_hold_the_runner_for_ever(
    target: Target,
) -> None:
    # SO_LINGER makes the last close() of a connection wait; the last one is the runner's.
    execution = await target.python(
        """
control = own_control().socket
server = socket.create_server(("127.0.0.1", 0))
one = socket.create_connection(server.getsockname())
other, _ = server.accept()
one.setblocking(False)
try:
    while True:
        one.send(bytes(65536))
except BlockingIOError:
    pass
one.setblocking(True)
one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
socket.send_fds(control, [b".12345678{}"], [one.detach()])
time.sleep(0.2)
""",
        timeout=1,
    )

    assert execution.wall_seconds < 8


POISON = {
    "serializers": (
        "import builtins, json\n"
        "builtins.repr = lambda value: 'EVIL'\njson.dumps = lambda *a, **k: 'EVIL'\n"
        "json.loads = lambda *a: {}\nos.write = lambda *a: 0"
    ),
    "builtins": "import builtins\nfor n in ('compile', 'eval', 'exec'): setattr(builtins, n, None)",
    "open streams": "import io\nio.FileIO = None",
    "descriptors": "os.dup2 = None",
    "signal": "signal.signal = None",
    "threads": "threading.enumerate = None",
    "modules": "sys.modules.clear()",
    "audit": "def hook(event, _):\n    if event == 'open': 1 / 0\nsys.addaudithook(hook)",
    "profile": "sys.setprofile(lambda *a: 1 / 0)",
    "trace": "sys.settrace(lambda *a: 1 / 0)",
    "recursion": "sys.setrecursionlimit(60)",
    "runner's objects": (
        "import gc\nfor thing in gc.get_objects():\n"
        "    if type(thing).__name__ == 'Worker': thing._namespace = None"
    ),
    "control socket": "own_control().socket = None",
    "main": "sys.modules['__main__'] = None\ndel __builtins__",
    "excepthook": "sys.excepthook = sys.displayhook = sys.unraisablehook = None",
    "streams": "sys.stdout = sys.stderr = sys.stdin = sys.__stdout__ = None",
    "directory": "import shutil\nos.chmod('/work', 0)\nos.chmod('/tmp', 0)",
    "no directory": "os.makedirs('/work/a/b'); os.chdir('/work/a/b'); os.rmdir('/work/a/b')",
    "garbage": "import gc\ngc.set_threshold(1)\ngc.callbacks.append(lambda *a: 1 / 0)",
}


@pytest.mark.parametrize("what", POISON)
async def test_a_poisoned_interpreter_recovers_or_is_replaced(target: Target, what: str) -> None:
    await target.python(POISON[what])


async def test_replaced_functions_do_not_change_what_is_shown(target: Target) -> None:
    await target.python(POISON["serializers"])
    execution = await target.python("[1, 2]")

    assert execution.value == "[1, 2]"


async def test_a_child_that_falls_through_does_not_answer(lasting: Target) -> None:
    execution = await lasting.python(
        """
child = os.fork()
if child:
    os.waitpid(child, 0)
'parent' if child else 'child'
"""
    )

    assert execution.value == "'parent'"


async def test_a_child_that_falls_through_later_does_not_answer(lasting: Target) -> None:
    execution = await lasting.python("child = os.fork()\n'parent' if child else 'child'")

    assert execution.value == "'parent'"


EVIL = {
    "str exits": "class E(Exception):\n    def __str__(self): os._exit(9)\nraise E",
    "repr exits": "class E:\n    def __repr__(self): os._exit(9)\nE()",
    "str raises": "class E(Exception):\n    def __str__(self): raise SystemExit(0)\nraise E",
    "repr raises": "class E:\n    def __repr__(self): raise KeyboardInterrupt\nE()",
    "repr of another type": "class E:\n    def __repr__(self): return 7\nE()",
    "deep repr": "a = []\nfor _ in range(200_000): a = [a]\na",
    "deep chain": (
        "e = None\nfor i in range(50_000):\n    n = ValueError(i)\n    n.__cause__ = e\n    e = n\n"
        "raise e"
    ),
    "loop of causes": "e = ValueError()\nf = KeyError()\ne.__cause__ = f\nf.__cause__ = e\nraise e",
    "deep group": ("e = ValueError()\nfor _ in range(5000): e = ExceptionGroup('g', [e])\nraise e"),
    "surrogate": "raise ValueError('\\ud800')",
    "name of a file": "open('/nowhere/\\udcff')",
    "name of a type": "E = type('\\ud800' * 5000, (Exception,), {})\nraise E('\\0')",
    "posing class": ("class E(Exception):\n    __class__ = property(lambda self: 1 / 0)\nraise E"),
    "metaclass": (
        "class M(type):\n    def __getattribute__(cls, name): raise SystemExit(5)\n"
        "class E(Exception, metaclass=M): pass\nraise E"
    ),
    "str subclass": (
        "class S(str):\n    def __len__(self): return -1\n    def __getitem__(self, i): 1 / 0\n"
        "class E:\n    def __repr__(self): return S('x')\nE()"
    ),
    "exit code": "class I(int):\n    def __and__(self, other): os._exit(0)\nsys.exit(I(3))",
    "exit value": "class E:\n    def __str__(self): os._exit(0)\nsys.exit(E())",
    "frozen traceback": "raise ValueError('x').with_traceback(None) from None",
    "filename": "exec(compile('1/0', '<bellglass.sandboxes.runner>', 'exec'))",
    "syntax": "e = SyntaxError('x')\ne.lineno = 10 ** 30\ne.filename = 7\nraise e",
}


@pytest.mark.parametrize("how", EVIL)
async def test_evil_results_get_one_honest_reply(lasting: Target, how: str) -> None:
    execution = await lasting.python(EVIL[how])

    assert execution.status in ("error", "exit", "crashed", "oom", "timeout") or (
        execution.status == "ok" and how == "str subclass"
    )
    execution.model_dump_json().encode()


async def test_nothing_is_answered_by_asking(lasting: Target) -> None:
    execution = await lasting.python("input()")

    assert execution.error is not None
    assert execution.error.name == "EOFError"


async def test_bytes_of_any_kind_become_text(lasting: Target) -> None:
    execution = await lasting.python(
        "os.write(1, b'\\xff\\xfe\\x00\\xed\\xa0\\x80ok\\n')\n'\\ud800 lone \\0'"
    )

    assert execution.stdout.text.endswith("ok\n")
    assert "\0" not in execution.stdout.text
    execution.model_dump_json().encode()


async def test_files_of_the_runner_cannot_be_led_elsewhere(target: Target) -> None:
    # The runner keeps cut output in files of /tmp; here something waits under every such name.
    execution = await target.python(
        """
open("/work/mine", "w").write("mine")
for number in range(200):
    for name in ("stdout", "stderr"):
        path = f"/tmp/{name}-{number}.txt"
        attempt(*((os.mkfifo, path) if number % 2 else (os.symlink, "/work/mine", path)))
print("x" * 100_000)
"""
    )
    after = await target.bash("cat /work/mine")

    assert execution.stdout.total_bytes == 100_001
    assert after.stdout.text == "mine"


async def test_bash_cannot_write_the_runners_words(lasting: Target) -> None:
    execution = await lasting.bash(
        'for fd in /proc/self/fd/*; do echo \'{"status":"ok"}\' > $fd; done 2>/dev/null; exit 3'
    )

    assert (execution.status, execution.exit_code) == ("exit", 3)


async def test_modules_in_the_workspace_do_not_shadow_the_runners(target: Target) -> None:
    await target.bash(
        "for m in json socket struct os io ast traceback linecache signal subprocess bellglass; do"
        " echo 'raise SystemExit(7)' > /work/$m.py; done"
    )
    execution = await target.python("os._exit(1)")
    await target.python("os._exit(1)")

    assert execution.status == "crashed"


async def test_functions_of_bash_do_not_shadow_the_runners(target: Target) -> None:
    await target.session.run(
        "bash", {"command": "eval() { echo SHADOW; }; cd() { echo SHADOW; }"}, timeout=5
    )
    execution = await target.bash("echo mine")

    assert execution.stdout.text == "mine\n"

"""Forged frames and packets, meant to have the server believe what did not happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
own_control().send({"type": "answer", "nonce": "0" * 32, "status": "ok", "value": "FORGED"})
own_control().send({"type": "answer", "nonce": None, "status": "ok", "value": "FORGED"})
own_control().send({"type": "answer", "status": "ok", "value": "FORGED"})
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


async def test_descriptors_sent_to_the_supervisor_are_closed(target: Target) -> None:
    execution = await target.python(
        """
control = own_control().socket
for _ in range(300):
    attempt(socket.send_fds, control, [b".12345678{}"], [0, 1, 2, 0])
'real'
"""
    )

    assert execution.value == "'real'"


async def test_bash_cannot_write_the_supervisors_words(lasting: Target) -> None:
    execution = await lasting.bash(
        'for fd in /proc/self/fd/*; do echo \'{"status":"ok"}\' > $fd; done 2>/dev/null; exit 3'
    )

    assert (execution.status, execution.exit_code) == ("exit", 3)

"""False claims of a worker, its checkpoint or its children, and their effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from security.support import stands_still

from bellglass.sandboxes.wire.packets import MAX_MESSAGE_BYTES
from bellglass.tools.call_limits import MAX_CODE_CHARACTERS

if TYPE_CHECKING:
    from security.support import Target


async def test_an_answer_from_the_right_frames_leaves_nothing_running(target: Target) -> None:
    # The nonce is in the worker's memory: such an answer is a claim like any other of its values.
    execution = await target.python(
        """
be_marked()
own_control().send({"type": "answer", "nonce": own_nonce(), "status": "ok", "value": "FORGED"})
while True: pass
"""
    )
    await stands_still(target.mark)

    assert execution.value == "FORGED"


@pytest.mark.parametrize(
    "claims",
    [
        "{'value': 'x' * 6_000_000}",
        "{'value': '\\U0001f600' * 500_000}",
        "{'value': ['a'], 'error': 7, 'exit_code': 'x', 'background_bytes': 'y'}",
        "{'exit_code': 10 ** 4000, 'background_bytes': 10 ** 4000}",
        "{'error': {'name': 'n' * 90_000, 'message': 'm' * 900_000, 'traceback': '', 'line': -1}}",
        "{'status': 'timeout', 'state': 'lost', 'killed_processes': 99, 'cpu_seconds': -1}",
        "{'status': None, 'value': '\\ud800\\0'}",
        "{'exit_code': float('nan'), 'background_bytes': float('inf'), 'value': 1e999}",
    ],
)
async def test_claims_of_any_shape_get_one_valid_reply(lasting: Target, claims: str) -> None:
    execution = await lasting.python(
        f"""
own_control().send({{"type": "answer", "nonce": own_nonce(), "status": "ok", **{claims}}})
os._exit(0)
"""
    )

    # "crashed" where the end of the worker was seen before what it claimed.
    assert execution.status in ("ok", "error", "crashed")
    execution.model_dump_json().encode()


async def test_a_program_as_long_as_may_be_costs_no_variables(lasting: Target) -> None:
    longest = "len('" + "\U0001f600" * (MAX_CODE_CHARACTERS - 7) + "')"
    control = "len('" + "\1" * (MAX_CODE_CHARACTERS - 7) + "')"
    for program in (longest, control):
        execution = await lasting.python(program)

        assert (execution.status, execution.state, execution.notices) == ("ok", "kept", [])


async def test_a_program_that_is_longer_is_refused_and_costs_no_variables(target: Target) -> None:
    execution = await target.python("'" + "x" * MAX_MESSAGE_BYTES + "'")

    assert execution.error is not None
    assert "too long" in execution.error.message
    assert execution.state == "kept"


async def test_a_copy_that_is_not_there_is_found_out(target: Target) -> None:
    # The worker answers the request for a copy with a process of its choice.
    execution = await target.python(
        """
control, send = own_control(), type(own_control()).send
def lie(self, message):
    if "checkpoint" in message:
        message = {**message, "checkpoint": 1}
    return send(self, message)
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
def lie(self, message):
    if "checkpoint" in message:
        pid = os.fork()
        if pid == 0:
            be_marked()
            while True: pass
        message = {**message, "checkpoint": pid}
    return send(self, message)
type(control).send = lie
"""
    )

    await stands_still(target.mark)


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

"""Checks of what a call does, and of what persists until the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.sandboxes.conformance.check import bash, check, python
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from bellglass.sandboxes.backend import Backend
    from bellglass.sandboxes.frame_models import Stream


@check
async def python_shows_output_and_last_value(backend: Backend) -> None:
    async with Session.open(backend) as session:
        execution = await python(session, "print('hello')\n6 * 7")
    assert execution.status == "ok"
    assert execution.stdout.text == "hello\n"
    assert execution.value == "42"


@check
async def variables_last_between_calls(backend: Backend) -> None:
    async with Session.open(backend) as session:
        await python(session, "x = [1, 2]")
        execution = await python(session, "x.append(3)\nx")
    assert execution.value == "[1, 2, 3]"


@check
async def top_level_await_works(backend: Backend) -> None:
    async with Session.open(backend) as session:
        execution = await python(session, "import asyncio\nawait asyncio.sleep(0, 'slept')")
    assert execution.value == "'slept'"


@check
async def an_exception_is_data(backend: Backend) -> None:
    async with Session.open(backend) as session:
        execution = await python(session, "def half(n):\n    return n / 0\n\nhalf(4)")
    assert execution.status == "error"
    assert execution.error is not None
    assert execution.error.name == "ZeroDivisionError"
    assert execution.error.line == 2
    assert "half(4)" in execution.error.traceback
    assert "bellglass" not in execution.error.traceback


@check
async def bash_keeps_directory_variables_and_functions(backend: Backend) -> None:
    async with Session.open(backend) as session:
        await bash(session, "mkdir d; cd d; export A=1; b=2; f() { echo f; }")
        execution = await bash(session, 'echo "${PWD##*/} $A $b"; f')
    assert execution.stdout.text == "d 1 2\nf\n"


@check
async def bash_keeps_its_state_however_a_command_ends(backend: Backend) -> None:
    state = (
        "set -o pipefail; shopt -s extglob; umask 027; alias greet='echo hello'\n"
        "declare -A m=([k]=v); big=$(head -c 2000000 /dev/zero | tr '\\0' x)\n"
        "f() { local x=inner; exit 3; }\n"
        "trap 'echo ended' EXIT; trap 'echo told' USR1; x=outer; f"
    )
    look = "false | true; echo $? $(umask) ${m[k]} ${#big} $x; greet; kill -USR1 $$; echo @(no)"
    async with Session.open(backend) as session:
        ended = await bash(session, state)
        execution = await bash(session, look)
        traced = await bash(session, "set -eux; true")
        after = await bash(session, "false; echo $- $unset")
    assert (ended.exit_code, ended.stdout.text) == (3, "ended\n")
    assert execution.stdout.text == "1 0027 v 2000000 outer\nhello\ntold\n@(no)\n"
    assert traced.stderr.text.lstrip("+") == " true\n"  # and none of our own commands
    assert (after.status, after.stderr.text) == ("ok", "")  # `set -eux` ended with its call


@check
async def python_and_bash_share_the_workspace(backend: Backend) -> None:
    async with Session.open(backend) as session:
        await python(session, "open('note', 'w').write('from python')")
        execution = await bash(session, "cat note")
    assert execution.stdout.text == "from python"


@check
async def streams_are_kept_apart_and_taken_below_python(backend: Backend) -> None:
    code = (
        "import os, subprocess\nos.write(1, b'low\\n')\nsubprocess.run('echo err >&2', shell=True)"
    )
    async with Session.open(backend) as session:
        execution = await python(session, code)
    assert execution.stdout.text == "low\n"
    assert execution.stderr.text == "err\n"


@check
async def an_exit_code_is_told(backend: Backend) -> None:
    async with Session.open(backend) as session:
        shell = await bash(session, "exit 3")
        script = await python(session, "raise SystemExit(4)")
    assert (shell.status, shell.exit_code) == ("exit", 3)
    assert (script.status, script.exit_code) == ("exit", 4)


@check
async def output_arrives_while_the_code_runs(backend: Backend) -> None:
    seen: list[str] = []

    async def note(stream: Stream) -> None:
        seen.append(stream.text)

    code = "import time\nfor i in range(8):\n    print('tick', i)\n    time.sleep(0.1)"
    async with Session.open(backend) as session:
        await session.run("python", {"code": code}, timeout=20, on_stream=note)
    assert any("tick 0" in text for text in seen)


@check
async def standard_input_is_empty(backend: Backend) -> None:
    async with Session.open(backend) as session:
        execution = await python(session, "input('name? ')")
    assert execution.error is not None
    assert execution.error.name == "EOFError"
